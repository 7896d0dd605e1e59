import { AbstractEventLoop } from '@tsyncio/policy';

const NOW = [
  'runForever runUntilComplete stop isRunning isClosed close callLater callAt callSoonThreadsafe time createFuture createTask',
  'setDefaultExecutor runInExecutor addReader removeReader addWriter removeWriter addSignalHandler removeSignalHandler',
  'setTaskFactory getTaskFactory setExceptionHandler getExceptionHandler defaultExceptionHandler callExceptionHandler getDebug setDebug',
].flatMap((line) => line.split(' '));

const AWAITED = [
  'shutdownAsyncgens getaddrinfo getnameinfo createConnection createServer createDatagramEndpoint createUnixConnection',
  'createUnixServer sendfile startTls connectReadPipe connectWritePipe subprocessShell subprocessExec sockRecv sockRecvInto',
  'sockSendall sockConnect sockAccept sockSendfile connectAcceptedSocket',
].flatMap((line) => line.split(' '));

const refused = (name: string) => ({ name: 'NotImplementedError', message: `AbstractEventLoop.${name}` });
type Methods = Record<string, (...args: unknown[]) => unknown>;

test.each(NOW)('ABSLOOP-01 %s() throws NotImplementedError at the call', (name) => {
  const loop = new AbstractEventLoop() as unknown as Methods;
  expect(() => loop[name]!()).toThrow(expect.objectContaining(refused(name)));
});

test.each(AWAITED)('ABSLOOP-02 %s() throws NotImplementedError when awaited', async (name) => {
  const loop = new AbstractEventLoop() as unknown as Methods;
  await expect(loop[name]!()).rejects.toMatchObject(refused(name));
});

test('ABSLOOP-01 ABSLOOP-02 name every method', () => {
  const methods = Object.getOwnPropertyNames(AbstractEventLoop.prototype).filter(
    (name) => name !== 'constructor' && name !== 'callSoon',
  );
  expect(methods.sort()).toEqual([...NOW, ...AWAITED].sort());
});

test('ABSLOOP-03 callSoon calls callLater with no delay and gives back what it gives', () => {
  const calls: unknown[] = [];
  class Loop extends AbstractEventLoop {
    override callLater(...args: unknown[]): unknown {
      calls.push(args);
      return 'handle';
    }
  }
  const callback = (): void => undefined;
  expect(new Loop().callSoon(callback, 1, 2)).toBe('handle');
  expect(calls).toEqual([[0, callback, 1, 2]]);
  expect(() => new AbstractEventLoop().callSoon(callback)).toThrow('AbstractEventLoop.callLater');
});

test('PROTO-06 the networking methods refuse: those for descriptors and signals at the call, the others when awaited', async () => {
  const loop = new AbstractEventLoop() as unknown as Methods;
  for (const name of [
    'addReader',
    'removeReader',
    'addWriter',
    'removeWriter',
    'addSignalHandler',
    'removeSignalHandler',
  ]) {
    expect(() => loop[name]!()).toThrow(expect.objectContaining(refused(name)));
  }
  const awaited = [
    'createConnection createServer createDatagramEndpoint createUnixConnection createUnixServer connectAcceptedSocket sendfile startTls',
    'connectReadPipe connectWritePipe sockRecv sockRecvInto sockSendall sockConnect sockAccept sockSendfile',
  ].flatMap((line) => line.split(' '));
  for (const name of awaited) await expect(loop[name]!()).rejects.toMatchObject(refused(name));
});

test('SUBPROC-31 the methods that start programs refuse when awaited', async () => {
  const loop = new AbstractEventLoop() as unknown as Methods;
  for (const name of ['subprocessExec', 'subprocessShell']) {
    await expect(loop[name]!(() => null, 'true')).rejects.toMatchObject(refused(name));
  }
});

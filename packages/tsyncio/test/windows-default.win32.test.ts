import { replacePolicy } from '@tsyncio/core';
import { leakAudit } from '@tsyncio/test-support';
import {
  DefaultEventLoopPolicy,
  explainBackend,
  getEventLoopPolicy,
  getRunningLoop,
  newEventLoop,
  ProactorEventLoop,
  Protocol,
  run,
  socketpair,
  WindowsProactorEventLoopPolicy,
} from 'tsyncio';

leakAudit();
afterEach(() => replacePolicy(null));

test('IOCP-01 the default policy makes proactor loops', () => {
  expect(getEventLoopPolicy()).toBeInstanceOf(WindowsProactorEventLoopPolicy);
  expect(getEventLoopPolicy()).toBeInstanceOf(DefaultEventLoopPolicy);
  const loop = newEventLoop();
  expect(loop).toBeInstanceOf(ProactorEventLoop);
  loop.close();
  expect(explainBackend()).toMatchObject({ default: 'IocpProactor', proactor: true });
});

test('IOCP-01 a server and a client, without saying which loop', async () => {
  const text = await run(async () => {
    const loop = getRunningLoop();
    const answer = loop.createFuture<string>();
    class Echo extends Protocol {
      override connectionMade(transport: { write(data: Uint8Array): void }): void {
        transport.write(Buffer.from('hello'));
      }
    }
    const server = await loop.createServer(() => new Echo(), '127.0.0.1', 0);
    const [transport] = await loop.createConnection(
      () => ({ dataReceived: (data: Buffer) => answer.setResult(String(data)) }),
      ...(server.sockets[0]!.getsockname() as [string, number]),
    );
    const text = await answer;
    transport.close();
    server.close();
    await server.waitClosed();
    return text;
  });
  expect(text).toBe('hello');
});

test('PROACTOR-01, SIGNAL-15 a proactor loop has no readers and no signal handlers on Windows', () => {
  const loop = newEventLoop();
  const [a, b] = socketpair();
  const refused = expect.objectContaining({ name: 'NotImplementedError' }) as Error;
  expect(() => loop.addReader(a, () => undefined)).toThrow(refused);
  expect(() => loop.addWriter(a, () => undefined)).toThrow(refused);
  expect(() => loop.addSignalHandler('SIGINT', () => undefined)).toThrow(refused);
  loop.close();
  a.close();
  b.close();
});

import { leakAudit } from '@tsyncio/test-support';
import {
  explainBackend,
  getRunningLoop,
  ProactorEventLoop,
  run,
  SelectorEventLoop,
  SubprocessProtocol,
  toThread,
  type EventLoop,
} from 'tsyncio';

leakAudit();

// What the packages prove of each feature is proven there; here: that the loop of the umbrella has it, on both of its classes.
const loops: [string, () => EventLoop][] = [['SelectorEventLoop', () => new SelectorEventLoop()]];
if (explainBackend().proactor) loops.push(['ProactorEventLoop', () => new ProactorEventLoop()]);

describe.each(loops)('%s', (_name, loopFactory) => {
  test('runInExecutor and toThread; run() ends the workers', async () => {
    const [square, sum] = await run(
      async () => {
        const loop = getRunningLoop();
        const inExecutor = await loop.runInExecutor(null, (n: number) => n * n, 12);
        return [inExecutor, await toThread((a: number, b: number) => a + b, 1, 2)];
      },
      { loopFactory },
    );
    expect([square, sum]).toEqual([144, 3]);
  });

  test('subprocessExec and subprocessShell', async () => {
    const outputs: string[] = [];
    const codes = await run(
      async () => {
        const loop = getRunningLoop();
        const outcome = (): [SubprocessProtocol, Promise<void>] => {
          const over = loop.createFuture<void>();
          class Collect extends SubprocessProtocol {
            override pipeDataReceived(_fd: number, data: Buffer): void {
              outputs.push(data.toString());
            }
            override connectionLost(): void {
              over.setResult();
            }
          }
          return [new Collect(), over];
        };
        const codes: (number | null)[] = [];
        for (const shell of [false, true]) {
          const [protocol, over] = outcome();
          const [transport] = shell
            ? await loop.subprocessShell(() => protocol, 'echo $((1 + 1)); exit 7')
            : await loop.subprocessExec(() => protocol, 'echo', ['a b']);
          await over;
          codes.push(transport.getReturncode());
        }
        return codes;
      },
      { loopFactory },
    );
    expect(outputs).toEqual(['a b\n', '2\n']);
    expect(codes).toEqual([0, 7]);
  });

  // That signals arrive is shown by processes of their own, in the tests of core: jest's `process` is a copy that gets none.
  test('addSignalHandler, removeSignalHandler', async () => {
    const removed = await run(
      () => {
        const loop = getRunningLoop();
        loop.addSignalHandler('SIGUSR2', () => undefined);
        return Promise.resolve([loop.removeSignalHandler('SIGUSR2'), loop.removeSignalHandler('SIGUSR2')]);
      },
      { loopFactory },
    );
    expect(removed).toEqual([true, false]);
  });
});

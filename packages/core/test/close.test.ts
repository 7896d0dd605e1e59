import { Handle, NoIo, Scheduler } from '@tsyncio/core';
import { collectGarbage, leakAudit, quiet, recordExceptions, ScriptedHost } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

const audit = leakAudit();
const nothing = (): void => undefined;

test('LOOP-CLOSE-01 closed is for ever, closing again does nothing', () => {
  const loop = new Scheduler();
  expect(loop.isClosed()).toBe(false);
  loop.close();
  loop.close();
  expect(loop.isClosed()).toBe(true);
  expect(audit.takeRecords()).toEqual([]);
});

test('LOOP-CLOSE-01 in debug mode the first close logs one line with the repr', () => {
  const loop = new Scheduler({ debug: true });
  loop.close();
  loop.close();
  expect(audit.takeRecords()).toEqual([
    { level: 'debug', message: 'Close <Scheduler running=false closed=false debug=true>' },
  ]);
});

test('LOOP-CLOSE-01 using closes', () => {
  const loop = new Scheduler();
  loop[Symbol.dispose]();
  expect(loop.isClosed()).toBe(true);
});

test('LOOP-CLOSE-02 a running loop cannot be closed, and goes on', async () => {
  const loop = new Scheduler();
  const seen: string[] = [];
  loop.callSoon(() => {
    expect(() => loop.close()).toThrow('Cannot close a running event loop');
    seen.push(String(loop.isClosed()));
    loop.callSoon(() => {
      seen.push('next');
      loop.stop();
    });
  });
  await loop.runForever();
  expect(seen).toEqual(['false', 'next']);
  loop.close();
});

test('LOOP-CLOSE-03 what is queued or timed at the close is never called', async () => {
  const loop = new Scheduler();
  const seen: string[] = [];
  loop.callSoon(() => seen.push('soon'));
  loop.callLater(0, () => seen.push('timer'));
  loop.close();
  await quiet();
  await quiet();
  expect(seen).toEqual([]);
});

/** Schedules two callbacks that nobody else refers to; `gone` is called for each when it has been collected. */
function scheduleForgotten(loop: Scheduler, gone: FinalizationRegistry<null>): void {
  const callbacks = [() => undefined, () => undefined];
  for (const callback of callbacks) gone.register(callback, null);
  loop.callSoon(callbacks[0]!);
  loop.callLater(1, callbacks[1]!);
}

test('LOOP-CLOSE-03 a closed loop that is still referred to does not hold what was queued', async () => {
  const loop = new Scheduler();
  let collected = 0;
  const gone = new FinalizationRegistry<null>(() => collected++);
  scheduleForgotten(loop, gone);
  loop.close();
  await collectGarbage(() => collected === 2);
  expect([collected, loop.isClosed()]).toEqual([2, true]);
});

test.each<[string, (loop: Scheduler) => unknown]>([
  ['runForever', (loop) => loop.runForever()],
  ['callSoon', (loop) => loop.callSoon(nothing)],
  ['callSoonThreadsafe', (loop) => loop.callSoonThreadsafe(nothing)],
  ['callLater', (loop) => loop.callLater(0, nothing)],
  ['callAt', (loop) => loop.callAt(0, nothing)],
  ['threadsafe', (loop) => loop.threadsafe],
  ['enqueue', (loop) => loop.enqueue({ run: nothing })],
])('LOOP-CLOSE-04 LOOP-CLOSE-09 after close, %s is a RuntimeError at the call', async (_, call) => {
  const loop = new Scheduler();
  loop.close();
  const attempt = async (): Promise<unknown> => call(loop);
  await expect(attempt()).rejects.toMatchObject({ name: 'RuntimeError', message: 'Event loop is closed' });
});

test('LOOP-CLOSE-05 after close, what needs no run still works', () => {
  const loop = new Scheduler();
  const handle = loop.callSoon(nothing);
  const timer = loop.callLater(1, nothing);
  loop.close();
  handle.cancel();
  timer.cancel();
  expect([handle.cancelled(), timer.cancelled()]).toEqual([true, true]);
  expect(loop.time()).toBeGreaterThan(0);
  loop.setDebug(true);
  expect([loop.getDebug(), loop.isRunning(), loop.isClosed(), loop.stop()]).toEqual([true, false, true, undefined]);
  loop.callExceptionHandler({ message: 'after close' });
  expect(audit.takeRecords()).toEqual([{ level: 'error', message: 'after close' }]);
});

test('close releases the backend, the host and every door once', () => {
  let closed = 0;
  class Backend extends NoIo {
    override close(): void {
      closed++;
    }
  }
  const host = new ScriptedHost();
  const loop = new Scheduler({ backend: new Backend(), host });
  loop.close();
  loop.close();
  expect([closed, host.held, host.armed]).toEqual([1, false, null]);
});

/** A loop that nobody refers to any more; `gone` is called when it has been collected. */
function abandon(
  options: { host: ScriptedHost; backend: NoIo },
  close: boolean,
  gone: FinalizationRegistry<null>,
): void {
  class ForgottenLoop extends Scheduler {}
  const loop = new ForgottenLoop(options);
  gone.register(loop, null);
  loop.callSoon(nothing);
  if (close) loop.close();
}

test.each([false, true])(
  'LOOP-CLOSE-10 a loop collected unclosed warns and closes itself (closed: %p)',
  async (close) => {
    let closed = 0;
    class Backend extends NoIo {
      override close(): void {
        closed++;
      }
    }
    const host = new ScriptedHost();
    let collected = false;
    const gone = new FinalizationRegistry<null>(() => (collected = true));
    abandon({ host, backend: new Backend() }, close, gone);
    await collectGarbage(() => collected && closed > 0);
    expect([collected, closed]).toEqual([true, 1]);
    expect(host.log.filter((line) => line.startsWith('warn'))).toEqual(
      close ? [] : ['warn ResourceWarning: unclosed event loop <ForgottenLoop>'],
    );
  },
);

test('LOOP-CLOSE-05 a handle that is cancelled after the close lets go of its callback', async () => {
  const loop = new Scheduler();
  const handle = new Handle(nothing, [], loop);
  loop.enqueue(handle);
  await runOnce(loop);
  loop.close();
  handle.cancel();
  expect(handle.callback).toBeNull();
});

test('what a feature keeps for a loop is let go at its close, once; an error of it is reported', () => {
  const loop = new Scheduler();
  const contexts = recordExceptions(loop);
  const seen: unknown[] = [];
  const error = new Error('mine');
  loop.onClose(() => {
    throw error;
  });
  loop.onClose(() => seen.push(loop.isClosed()));
  loop.close();
  loop.close();
  expect([seen, contexts]).toEqual([[true], [{ message: 'Exception while the loop was closed', exception: error }]]);
  expect(() => loop.onClose(nothing)).toThrow('Event loop is closed');
});

import { MessageChannel } from 'node:worker_threads';
import { Handle, NoIo, Scheduler, TimerHandle } from '@tsyncio/core';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { runOnce, virtualLoop } from './virtual-loop.js';

leakAudit();

let loop: Scheduler;
beforeEach(() => {
  loop = new Scheduler();
});
afterEach(() => {
  loop.setDebug(false);
  loop.close();
});

test('SCHED-SOON-01 the call is not at once, has exactly the arguments, and gives a Handle', async () => {
  const calls: unknown[][] = [];
  const record = (...args: unknown[]): void => {
    calls.push(args);
  };
  const handles = [
    loop.callSoon(record),
    loop.callSoon(record, 1),
    loop.callSoon(record, undefined),
    loop.callSoon(record, 'a', null, [2]),
  ];
  await Promise.resolve();
  expect(calls).toEqual([]);
  expect(handles.every((handle) => handle instanceof Handle && !(handle instanceof TimerHandle))).toBe(true);
  await runOnce(loop);
  expect(calls).toEqual([[], [1], [undefined], ['a', null, [2]]]);
  expect(calls.map((args) => args.length)).toEqual([0, 1, 1, 3]);
});

test('SCHED-SOON-02 first in, first out, each once; the same function twice is two handles', async () => {
  const seen: number[] = [];
  const record = (n: number): void => {
    seen.push(n);
  };
  const handles = Array.from({ length: 200 }, (_, n) => loop.callSoon(record, n));
  expect(new Set(handles).size).toBe(200);
  await runOnce(loop);
  expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => n));
});

test('SCHED-SOON-03 a callback registered in a batch belongs to the next iteration, after another poll', async () => {
  const seen: string[] = [];
  class Polled extends NoIo {
    override readonly active = true as never;
    override poll(): void {
      seen.push('poll');
    }
  }
  const polled = new Scheduler({ backend: new Polled() });
  polled.callSoon(() => {
    seen.push('a');
    polled.callSoon(() => {
      seen.push('c');
      polled.stop();
    });
  });
  polled.callSoon(() => seen.push('b'));
  await polled.runForever();
  expect(seen).toEqual(['poll', 'a', 'b', 'poll', 'c']);
  polled.close();
});

test('SCHED-SOON-04 there are no keywords: an object is an argument like any other', async () => {
  const seen: unknown[] = [];
  const options = { context: null };
  loop.callSoon((...args: unknown[]) => seen.push(args), options);
  await runOnce(loop);
  expect(seen).toEqual([[options]]);
});

test('SCHED-SOON-05 what is no function is a TypeError at once, in debug mode or not, and nothing is queued', async () => {
  for (const debug of [false, true]) {
    loop.setDebug(debug);
    expect(() => loop.callSoon('text' as never)).toThrow("callSoon: callback must be a function, got 'text'");
  }
  await runOnce(loop);
});

test('SCHED-SOON-06 what a callback returns is ignored, a future too', async () => {
  const contexts = recordExceptions(loop);
  let asked = 0;
  const future = { [Symbol.for('tsyncio.brand.Future')]: true, then: () => asked++ };
  for (const result of [1, 'text', null, undefined, {}, future, () => undefined]) loop.callSoon(() => result);
  await runOnce(loop);
  expect([contexts, asked]).toEqual([[], 0]);
});

test('a rejected promise that a callback returns is reported under its name', async () => {
  const contexts = recordExceptions(loop);
  const error = new Error('mine');
  const handle = loop.callSoon(async function work(n: number) {
    await Promise.resolve();
    throw Object.assign(error, { n });
  }, 5);
  await runOnce(loop);
  expect(contexts.map(({ message, exception }) => [message, exception])).toEqual([
    ['Exception in callback work(5)', error],
  ]);
  expect(contexts[0]!.handle === handle).toBe(true);
});

test('the step of an async callback is over before the next callback', async () => {
  const seen: string[] = [];
  const deep = async (n: number): Promise<void> => {
    await Promise.resolve();
    if (n > 0) await deep(n - 1);
  };
  loop.callSoon(async () => {
    seen.push('a begins');
    await deep(50);
    seen.push('a ends');
  });
  loop.callSoon(() => seen.push('b'));
  await runOnce(loop);
  expect(seen).toEqual(['a begins', 'a ends', 'b']);
});

test('SCHED-SOON-07 a callback that always comes back does not starve timers, readers and the rest of Node', async () => {
  const seen = new Set<string>();
  const again = (): void => {
    if (seen.size === 3) loop.stop();
    else loop.callSoon(again);
  };
  loop.callSoon(again);
  loop.callLater(0.002, () => seen.add('timer'));
  const { port1, port2 } = new MessageChannel();
  port2.on('message', () => {
    loop.callSoonThreadsafe(() => seen.add('message'));
    port2.close();
  });
  port1.postMessage(1);
  const timeout = setTimeout(() => seen.add('timer of Node'), 1);
  await loop.runForever();
  clearTimeout(timeout);
  expect(seen.size).toBe(3);
});

test('SCHED-THREAD-02 callSoon and callSoonThreadsafe share one queue', async () => {
  const seen: number[] = [];
  loop.callSoon(() => seen.push(0));
  loop.callSoonThreadsafe(() => seen.push(1));
  loop.callSoon(() => seen.push(2));
  loop.callSoonThreadsafe(() => seen.push(3));
  await runOnce(loop);
  expect(seen).toEqual([0, 1, 2, 3]);
});

test('SCHED-THREAD-03 callSoonThreadsafe gives a handle that cancels, passes arguments, and may come before the run', async () => {
  const seen: unknown[] = [];
  loop.callSoonThreadsafe((...args: unknown[]) => seen.push(args), 1, 'x');
  const handle = loop.callSoonThreadsafe(() => seen.push('cancelled'));
  handle.cancel();
  expect(handle).toBeInstanceOf(Handle);
  await runOnce(loop);
  expect(seen).toEqual([[1, 'x']]);
});

test('SCHED-THREAD-04 it is free of the thread check, not of the check of the callback', async () => {
  loop.setDebug(true);
  const other = new Scheduler();
  const run = loop.runForever();
  other.callSoon(() => {
    expect(() => loop.callSoon(() => undefined)).toThrow('Non-thread-safe operation');
    loop.callSoonThreadsafe(() => loop.stop());
    other.stop();
  });
  await Promise.all([run, other.runForever()]);
  expect(() => loop.callSoonThreadsafe(5 as never)).toThrow(TypeError);
  other.close();
});

test('an enqueued job goes through callSoon where a subclass overrides it', async () => {
  class Counting extends Scheduler {
    calls = 0;
    override callSoon<A extends unknown[]>(callback: (...args: A) => unknown, ...args: A): Handle {
      this.calls++;
      return super.callSoon(callback, ...args);
    }
  }
  const counting = new Counting();
  let runs = 0;
  counting.enqueue({ run: () => runs++ });
  await runOnce(counting);
  expect([counting.calls, runs]).toEqual([1, 1]);
  counting.close();
});

test('SCHED-SOON-03 the batch is what was ready, whatever the host does between turns', async () => {
  const { loop: virtual, host } = virtualLoop();
  const seen: string[] = [];
  const run = virtual.runForever();
  for (let i = 0; i < 100; i++) {
    virtual.callSoon(() => {
      host.spend(0.001);
      seen.push(`a${i}`);
      virtual.callSoon(() => seen.push(`b${i}`));
    });
  }
  virtual.callSoon(() => virtual.callSoon(() => virtual.stop()));
  await host.drive(run);
  const names = (letter: string): string[] => Array.from({ length: 100 }, (_, i) => `${letter}${i}`);
  expect(seen).toEqual([...names('a'), ...names('b')]);
  virtual.close();
});

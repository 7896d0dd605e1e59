import { getRunningLoopOrNull, KeyboardInterrupt, Scheduler } from '@tsyncio/core';
import { leakAudit, quiet, recordExceptions } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

leakAudit();

let loop: Scheduler;
beforeEach(() => {
  loop = new Scheduler();
});
afterEach(() => loop.close());

test('LOOP-RUN-01 runForever iterates until a stop is asked for, and gives nothing back', async () => {
  let iterations = 0;
  const again = (): void => {
    if (++iterations === 1000) loop.stop();
    loop.callSoon(again);
  };
  loop.callSoon(again);
  expect(await loop.runForever()).toBeUndefined();
  expect(iterations).toBe(1000);
});

test('LOOP-RUN-02 isRunning is true inside of a run only, also after one that failed', async () => {
  const seen: boolean[] = [loop.isRunning()];
  loop.callSoon(() => {
    seen.push(loop.isRunning());
    loop.stop();
  });
  await loop.runForever();
  seen.push(loop.isRunning());
  loop.callSoon(() => {
    throw new KeyboardInterrupt();
  });
  await expect(loop.runForever()).rejects.toThrow(KeyboardInterrupt);
  seen.push(loop.isRunning());
  expect(seen).toEqual([false, true, false, false]);
});

test('LOOP-RUN-03 a run inside of the run is refused and does it no harm', async () => {
  const seen: string[] = [];
  loop.callSoon(async () => {
    await loop.runForever().catch((error: Error) => seen.push(`${error.name}: ${error.message}`));
  });
  loop.callLater(0.001, () => {
    seen.push('goes on');
    loop.stop();
  });
  await loop.runForever();
  expect(seen).toEqual(['RuntimeError: This event loop is already running', 'goes on']);
});

test('LOOP-RUN-03 a second run from plain code, while the first is on, is refused', async () => {
  const run = loop.runForever();
  await expect(loop.runForever()).rejects.toThrow('This event loop is already running');
  loop.stop();
  await run;
});

test('LOOP-RUN-04 another loop cannot be run from inside of a run', async () => {
  const other = new Scheduler();
  let refused: Error | undefined;
  loop.callSoon(async () => {
    await other.runForever().catch((error: Error) => (refused = error));
    loop.stop();
  });
  await loop.runForever();
  expect(refused).toMatchObject({
    name: 'RuntimeError',
    message: 'Cannot run the event loop while another loop is running',
  });
  expect(other.isRunning()).toBe(false);
  await runOnce(other);
  other.close();
});

test('LOOP-RUN-04 loops started from plain code run side by side, each known to its callbacks', async () => {
  const other = new Scheduler();
  const seen: unknown[] = [];
  const runs = [loop.runForever(), other.runForever()];
  expect(getRunningLoopOrNull()).toBeNull(); // which of the two?
  for (const each of [loop, other]) {
    each.callLater(0.001, () => {
      seen.push(getRunningLoopOrNull() === each);
      each.stop();
    });
  }
  await Promise.all(runs);
  expect(seen).toEqual([true, true]);
  other.close();
});

test('LOOP-RUN-18 an error of a callback is reported, and the rest of the batch runs', async () => {
  const contexts = recordExceptions(loop);
  const error = new Error('mine');
  const seen: string[] = [];
  loop.callSoon(() => {
    throw error;
  });
  loop.callSoon(() => seen.push('next'));
  await runOnce(loop);
  expect(seen).toEqual(['next']);
  expect(contexts.map(({ exception }) => exception)).toEqual([error]);
});

test('LOOP-RUN-19 an exit error leaves the run; the rest of the batch stays queued, in front', async () => {
  const exit = new KeyboardInterrupt();
  const seen: string[] = [];
  loop.callSoon(() => {
    loop.callSoon(() => seen.push('scheduled in the batch'));
    throw exit;
  });
  loop.callSoon(() => seen.push('a'));
  loop.callSoon(() => seen.push('b'));
  await expect(loop.runForever()).rejects.toBe(exit);
  expect([seen, loop.isRunning()]).toEqual([[], false]);
  loop.callSoon(() => seen.push('later'));
  await runOnce(loop);
  expect(seen).toEqual(['a', 'b', 'scheduled in the batch', 'later']);
});

test.each([
  ['in its first step', async () => Promise.reject(new KeyboardInterrupt('now'))],
  [
    'after an await',
    async () => {
      await Promise.resolve();
      throw new KeyboardInterrupt('now');
    },
  ],
])('LOOP-RUN-19 an exit error of an async callback %s leaves the run', async (_, callback) => {
  const seen: string[] = [];
  loop.callSoon(callback);
  loop.callSoon(() => seen.push('kept'));
  await expect(loop.runForever()).rejects.toThrow('now');
  expect(seen).toEqual([]);
  await runOnce(loop);
  expect(seen).toEqual(['kept']);
});

test('LOOP-RUN-19 an exit error that comes when the loop sleeps wakes it and leaves the run', async () => {
  let reject: ((error: Error) => void) | null = null;
  loop.callSoon(() => new Promise((_, no) => (reject = no)));
  const run = loop.runForever();
  while (reject === null) await quiet();
  await quiet();
  (reject as (error: Error) => void)(new KeyboardInterrupt('from outside'));
  await expect(run).rejects.toThrow('from outside');
});

test('LOOP-RUN-21 what is queued and what is timed survives from run to run', async () => {
  const seen: string[] = [];
  loop.callLater(0.005, () => {
    seen.push('timer');
    loop.stop();
  });
  loop.callSoon(() => {
    loop.stop();
    loop.callSoon(() => seen.push('soon'));
  });
  await loop.runForever();
  expect(seen).toEqual([]);
  await loop.runForever();
  expect(seen).toEqual(['soon', 'timer']);
  for (let i = 0; i < 10; i++) await runOnce(loop);
});

test('LOOP-RUN-22 callSoon(stop) makes a run of one iteration', async () => {
  const seen: string[] = [];
  for (const name of ['a', 'b']) {
    loop.callSoon(() => {
      seen.push(name);
      loop.callSoon(() => seen.push(`${name} again`));
    });
  }
  loop.callSoon(() => loop.stop());
  await loop.runForever();
  expect(seen).toEqual(['a', 'b']);
});

test('LOOP-RUN-23 the repr shows the class and how the loop stands', async () => {
  class MyLoop extends Scheduler {}
  const mine = new MyLoop({ debug: false });
  expect(String(mine)).toBe('<MyLoop running=false closed=false debug=false>');
  mine.callSoon(() => {
    expect(String(mine)).toBe('<MyLoop running=true closed=false debug=false>');
  });
  await runOnce(mine);
  mine.close();
  mine.setDebug(true);
  expect(String(mine)).toBe('<MyLoop running=false closed=true debug=true>');
});

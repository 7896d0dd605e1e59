import { CancelledError, RuntimeError } from '@tsyncio/core';
import { gather, Lock, sleep } from '@tsyncio/futures-tasks';
import fc from 'fast-check';
import { errorOf, run } from './support.js';
import { resultOf, track, turns } from './waiting.js';

describe('Lock', () => {
  test('LOCK-01 a new lock is free, and acquiring it does not suspend', () => {
    const lock = new Lock();
    expect(lock.locked()).toBe(false);
    const acquired = lock.acquire();
    expect(resultOf(acquired)).toBe(true);
    expect(lock.locked()).toBe(true);
  });

  test('LOCK-02 release frees the lock, gives nothing, and wakes only the first waiter', () =>
    run(async (loop) => {
      const lock = new Lock();
      const trace: string[] = [];
      await lock.acquire();
      const a = track(loop, trace, 'a', () => lock.acquire());
      const b = track(loop, trace, 'b', () => lock.acquire());
      await sleep(0);
      expect(lock.release()).toBeUndefined();
      expect(lock.locked()).toBe(false);
      await turns(3);
      expect(trace).toEqual(['a=true']);
      expect([a.done(), b.done(), lock.locked()]).toEqual([true, false, true]);
      lock.release();
      await b;
      lock.release();
      expect(await errorOf(() => lock.release())).toBeInstanceOf(RuntimeError);
      expect(lock.locked()).toBe(false);
    }));

  test('LOCK-03 waiters acquire in the order of their calls, one for each release', () =>
    run(async (loop) => {
      const lock = new Lock();
      const trace: string[] = [];
      await lock.acquire();
      const tasks = ['a', 'b', 'c', 'd'].map((name) => track(loop, trace, name, () => lock.acquire()));
      await sleep(0);
      for (let released = 1; released <= 4; released++) {
        lock.release();
        await turns(3);
        expect(trace).toEqual(['a=true', 'b=true', 'c=true', 'd=true'].slice(0, released));
      }
      await gather(...tasks);
    }));

  test('LOCK-04 a newcomer, the releaser included, stands behind those who wait, though the lock is free', () =>
    run(async (loop) => {
      const lock = new Lock();
      const trace: string[] = [];
      await lock.acquire();
      const use = (name: string) => async () => {
        await lock.acquire();
        trace.push(name);
        lock.release();
      };
      const a = loop.createTask(use('a'));
      const b = loop.createTask(use('b'));
      await sleep(0);
      lock.release();
      expect(lock.locked()).toBe(false);
      const again = lock.acquire();
      expect(again.done()).toBe(false);
      expect(String(lock)).toBe('<Lock [unlocked, waiters:3]>');
      await again;
      trace.push('main');
      lock.release();
      await gather(a, b);
      expect(trace).toEqual(['a', 'b', 'main']);
    }));

  test('LOCK-05 a free lock whose waiters were all cancelled is acquired without suspending', () =>
    run(async (loop) => {
      const lock = new Lock();
      const trace: string[] = [];
      await lock.acquire();
      const a = track(loop, trace, 'a', () => lock.acquire());
      const b = track(loop, trace, 'b', () => lock.acquire());
      await sleep(0);
      a.cancel();
      b.cancel();
      lock.release();
      expect(String(lock)).toBe('<Lock [unlocked, waiters:2]>');
      expect(resultOf(lock.acquire())).toBe(true);
      await gather(a, b);
      expect(trace).toEqual(['a cancelled', 'b cancelled']);
      expect(String(lock)).toBe('<Lock [locked]>');
    }));

  test('LOCK-06 a cancelled waiter leaves, and the lock and the others are as before', () =>
    run(async (loop) => {
      const lock = new Lock();
      const trace: string[] = [];
      await lock.acquire();
      const a = track(loop, trace, 'a', () => lock.acquire());
      const b = track(loop, trace, 'b', () => lock.acquire());
      const c = track(loop, trace, 'c', () => lock.acquire());
      await sleep(0);
      b.cancel();
      await b;
      expect(trace).toEqual(['b cancelled']);
      expect(String(lock)).toBe('<Lock [locked, waiters:2]>');
      lock.release();
      await a;
      lock.release();
      await c;
      expect(trace).toEqual(['b cancelled', 'a=true', 'c=true']);
      expect(String(lock)).toBe('<Lock [locked]>');
    }));

  test.each(['release, then cancel', 'cancel, then release'])(
    'LOCK-07 the first waiter cancelled in the batch of the release (%s): the next one gets the lock, once',
    (order) =>
      run(async (loop) => {
        const lock = new Lock();
        const trace: string[] = [];
        await lock.acquire();
        const [a] = ['a', 'b', 'c'].map((name) => track(loop, trace, name, () => lock.acquire()));
        await sleep(0);
        if (order === 'release, then cancel') {
          lock.release();
          a!.cancel();
        } else {
          a!.cancel();
          lock.release();
        }
        // The trace of CPython 3.8.18.
        for (let i = 0; i < 5; i++) {
          trace.push(String(lock));
          await sleep(0);
        }
        expect(trace).toEqual([
          '<Lock [unlocked, waiters:3]>',
          'a cancelled',
          '<Lock [unlocked, waiters:2]>',
          'b=true',
          '<Lock [locked, waiters:1]>',
          '<Lock [locked, waiters:1]>',
          '<Lock [locked, waiters:1]>',
        ]);
        lock.release();
        await turns(3);
        expect(trace.at(-1)).toBe('c=true');
      }),
  );

  test('LOCK-08 any task may release it', () =>
    run(async (loop) => {
      const lock = new Lock();
      await lock.acquire();
      await loop.createTask(async () => lock.release());
      expect(lock.locked()).toBe(false);
    }));

  test('LOCK-09 the text shows the state, and the number of waiters if there are any', () =>
    run(async (loop) => {
      const lock = new Lock();
      expect(String(lock)).toBe('<Lock [unlocked]>');
      await lock.acquire();
      expect(String(lock)).toBe('<Lock [locked]>');
      const waiter = loop.createTask(async () => lock.acquire());
      await sleep(0);
      expect(String(lock)).toBe('<Lock [locked, waiters:1]>');
      lock.release();
      await waiter;
    }));

  test('acquire in a generator coroutine waits in the same line', () =>
    run(async (loop) => {
      const lock = new Lock();
      const trace: string[] = [];
      await lock.acquire();
      const task = loop.createTask(
        (function* () {
          yield* lock.acquire();
          trace.push('generator');
          lock.release();
        })(),
      );
      const other = track(loop, trace, 'async', () => lock.acquire());
      await sleep(0);
      lock.release();
      await gather(task, other);
      expect(trace).toEqual(['generator', 'async=true']);
    }));

  test('one who was woken and then cancelled does not hold the lock', () =>
    run(async (loop) => {
      const lock = new Lock();
      await lock.acquire();
      const task = loop.createTask(async () => lock.acquire());
      await sleep(0);
      lock.release();
      task.cancel();
      expect(await errorOf(task)).toBeInstanceOf(CancelledError);
      expect(lock.locked()).toBe(false);
      expect(resultOf(lock.acquire())).toBe(true);
    }));

  test('a thousand waiters cancelled from the middle leave nothing behind', () =>
    run(async (loop) => {
      const lock = new Lock();
      const trace: string[] = [];
      await lock.acquire();
      const tasks = Array.from({ length: 1000 }, (_, i) => track(loop, trace, `${i}`, () => lock.acquire()));
      await sleep(0);
      tasks.forEach((task, i) => i % 10 !== 0 && task.cancel());
      await turns(2);
      expect(String(lock)).toBe('<Lock [locked, waiters:100]>');
      trace.length = 0;
      for (let i = 0; i < 100; i++) {
        lock.release();
        await turns(2);
      }
      expect(trace).toEqual(Array.from({ length: 100 }, (_, i) => `${i * 10}=true`));
      expect(String(lock)).toBe('<Lock [locked]>');
    }));

  test('property: one holder at a time, in order, and whoever is not cancelled gets it', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant({ kind: 'turn' as const, index: 0 }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('start' as const), index: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), index: fc.nat(30) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), (steps) =>
        run(async (loop) => {
          const lock = new Lock();
          const asked: number[] = [];
          const got: number[] = [];
          let holders = 0;
          const tasks = [];
          const cancelled = new Set<number>();
          for (const { kind, index } of steps) {
            if (kind === 'turn') await sleep(0);
            else if (kind === 'cancel') {
              if (index < tasks.length && tasks[index]!.cancel()) cancelled.add(index);
            } else {
              const id = tasks.length;
              tasks.push(
                loop.createTask(async () => {
                  asked.push(id);
                  await lock.acquire();
                  got.push(id);
                  holders++;
                  try {
                    expect(holders).toBe(1);
                    await turns(index);
                  } finally {
                    holders--;
                    lock.release();
                  }
                }),
              );
            }
          }
          await gather(...tasks, { returnExceptions: true });
          expect(holders).toBe(0);
          expect(String(lock)).toBe('<Lock [unlocked]>');
          expect(got).toEqual(asked.filter((id) => got.includes(id)));
          for (const id of asked) if (!cancelled.has(id)) expect(got).toContain(id);
        }),
      ),
      { numRuns: 150, seed: 38 },
    );
  });
});

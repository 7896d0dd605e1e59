import { CancelledError, RuntimeError, TimeoutError, ValueError } from '@tsyncio/core';
import { Condition, gather, Lock, sleep, waitFor, type Task, type TaskLoop } from '@tsyncio/futures-tasks';
import fc from 'fast-check';
import { errorOf, run, withLoop } from './support.js';
import { resultOf, track, turns } from './waiting.js';

/** A task that waits under the lock, and notes that it goes on, or that it was cancelled and whether the lock is held then. */
function waiting(loop: TaskLoop, condition: Condition, trace: string[], name: string): Task<void> {
  return loop.createTask(async () => {
    await condition.acquire();
    try {
      const value = await condition.wait();
      trace.push(`${name}=${value}`);
    } catch (error) {
      trace.push(`${name} ${(error as Error).name}, locked=${condition.locked()}`);
      throw error;
    } finally {
      condition.release();
    }
  });
}

async function notify(condition: Condition, n?: number): Promise<void> {
  await condition.acquire();
  condition.notify(n);
  condition.release();
}

describe('Condition', () => {
  test('COND-01 it has a lock of its own, or uses the one given', async () => {
    const own = new Condition();
    expect(own.locked()).toBe(false);
    expect(resultOf(own.acquire())).toBe(true);
    expect(own.locked()).toBe(true);
    expect(own.release()).toBeUndefined();
    expect(await errorOf(() => own.release())).toBeInstanceOf(RuntimeError);

    const lock = new Lock();
    const condition = new Condition(lock);
    await condition.acquire();
    expect(lock.locked()).toBe(true);
    lock.release();
    expect(condition.locked()).toBe(false);
    expect(await errorOf(() => new Condition({} as never))).toBeInstanceOf(TypeError);
  });

  test('COND-01 a lock that is waited for in another loop is a ValueError', async () => {
    const lock = new Lock();
    await run(async (loop) => {
      await lock.acquire();
      const waiter = loop.createTask(async () => lock.acquire());
      await sleep(0);
      expect(new Condition(lock).locked()).toBe(true);
      lock.release();
      await waiter;
    });
    await run(async () => {
      expect(await errorOf(() => new Condition(lock))).toBeInstanceOf(ValueError);
    });
  });

  test('a wait in another loop than that of its lock is a RuntimeError, and the lock stays held', async () => {
    const lock = new Lock();
    const condition = new Condition(lock);
    await run(async (loop) => {
      await lock.acquire();
      const waiter = loop.createTask(async () => lock.acquire());
      await sleep(0);
      waiter.cancel();
      await errorOf(waiter);
    });
    await run(async () => {
      expect(await errorOf(condition.wait())).toBeInstanceOf(RuntimeError);
      expect(await errorOf(condition.waitFor(() => false))).toBeInstanceOf(RuntimeError);
    });
    expect(String(condition)).toBe('<Condition [locked]>');
  });

  test('COND-02 wait, notify and notifyAll are RuntimeErrors while nobody holds the lock', () =>
    run(async () => {
      const condition = new Condition();
      const error = await errorOf(condition.wait());
      expect(error).toBeInstanceOf(RuntimeError);
      expect(error.message).toBe('cannot wait on un-acquired lock');
      expect(await errorOf(condition.waitFor(() => false))).toBeInstanceOf(RuntimeError);
      expect(await errorOf(() => condition.notify())).toBeInstanceOf(RuntimeError);
      expect(await errorOf(() => condition.notifyAll())).toBeInstanceOf(RuntimeError);
      expect(String(condition)).toBe('<Condition [unlocked]>');
    }));

  test('COND-03 wait releases the lock, and gives true when it has the lock again', () =>
    run(async (loop) => {
      const condition = new Condition();
      const task = loop.createTask(async () => {
        await condition.acquire();
        const value = await condition.wait();
        expect(condition.locked()).toBe(true);
        condition.release();
        return value;
      });
      await sleep(0);
      expect([condition.locked(), task.done()]).toEqual([false, false]);
      await turns(3);
      expect(task.done()).toBe(false);
      await notify(condition);
      expect(await task).toBe(true);
      expect(condition.locked()).toBe(false);
    }));

  test('COND-04 notify does not release the lock: the waiter goes on when its holder does', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      const task = waiting(loop, condition, trace, 'a');
      await sleep(0);
      await condition.acquire();
      condition.notify();
      expect(condition.locked()).toBe(true);
      await turns(5);
      expect(trace).toEqual([]);
      condition.release();
      await task;
      expect(trace).toEqual(['a=true']);
    }));

  test('COND-05 notify wakes at most n, in their order; two in a row wake two; more than there are is no error', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      await notify(condition);
      const tasks = ['a', 'b', 'c', 'd', 'e'].map((name) => waiting(loop, condition, trace, name));
      await sleep(0);
      await notify(condition);
      await turns(8);
      expect(trace).toEqual(['a=true']);
      await condition.acquire();
      condition.notify();
      condition.notify();
      condition.release();
      await turns(8);
      expect(trace).toEqual(['a=true', 'b=true', 'c=true']);
      await notify(condition, 0);
      await turns(8);
      expect(trace.length).toBe(3);
      await notify(condition, 10);
      await gather(...tasks);
      expect(trace).toEqual(['a=true', 'b=true', 'c=true', 'd=true', 'e=true']);
      await notify(condition, 10);
    }));

  test('COND-06 notifyAll wakes all, and they go on one after another', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      const tasks = ['a', 'b', 'c', 'd'].map((name) =>
        loop.createTask(async () => {
          await condition.acquire();
          await condition.wait();
          trace.push(name);
          await sleep(0);
          trace.push(`${name} out`);
          condition.release();
        }),
      );
      await sleep(0);
      await condition.acquire();
      condition.notify();
      condition.notify();
      trace.push(String(condition));
      await turns(2);
      trace.push('notifier out');
      condition.release();
      for (let i = 0; i < 6; i++) {
        await sleep(0);
        trace.push(String(i));
      }
      await condition.acquire();
      condition.notifyAll();
      condition.release();
      await gather(...tasks);
      // The trace of CPython 3.8.18.
      expect(trace).toEqual([
        '<Condition [locked, waiters:4]>',
        'notifier out',
        ...['a', '0', 'a out', '1', 'b', '2', 'b out', '3', '4', '5', 'c', 'c out', 'd', 'd out'],
      ]);
    }));

  test('COND-07 waitFor gives the value of its predicate when it is true, and asks after each wake-up', () =>
    run(async (loop) => {
      const condition = new Condition();
      expect(resultOf(condition.waitFor(() => 'at once'))).toBe('at once');

      const asked: boolean[] = [];
      let value = 0;
      const task = loop.createTask(async () => {
        await condition.acquire();
        const result = await condition.waitFor(() => {
          asked.push(condition.locked());
          return value;
        });
        condition.release();
        return result;
      });
      await sleep(0);
      expect(asked).toEqual([true]);
      await notify(condition);
      await turns(3);
      expect(asked).toEqual([true, true]);
      expect(task.done()).toBe(false);
      value = 7;
      await turns(3);
      expect(asked.length).toBe(2);
      await notify(condition);
      expect(await task).toBe(7);
      expect(asked).toEqual([true, true, true]);
    }));

  test('COND-07 an error of the predicate, or a promise from it, is the error of waitFor', () =>
    run(async (loop) => {
      const condition = new Condition();
      const failure = new Error('predicate');
      const broken = (): boolean => {
        throw failure;
      };
      expect(await errorOf(condition.waitFor(broken))).toBe(failure);
      expect(await errorOf(condition.waitFor(async () => true))).toBeInstanceOf(TypeError);
      expect(await errorOf(condition.waitFor(() => sleep(0)))).toBeInstanceOf(TypeError);
      expect(await errorOf(condition.waitFor(1 as never))).toBeInstanceOf(TypeError);
      let times = 0;
      const task = loop.createTask(async () => {
        await condition.acquire();
        await condition.waitFor(() => {
          if (++times === 2) throw failure;
          return false;
        });
      });
      await sleep(0);
      await notify(condition);
      expect(await errorOf(task)).toBe(failure);
      expect(condition.locked()).toBe(true);
    }));

  test('COND-08 a cancelled waiter has the lock again when the CancelledError comes', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      const a = waiting(loop, condition, trace, 'a');
      await sleep(0);
      expect(String(condition)).toBe('<Condition [unlocked, waiters:1]>');
      a.cancel();
      expect(await errorOf(a)).toBeInstanceOf(CancelledError);
      expect(trace).toEqual(['a CancelledError, locked=true']);
      expect(String(condition)).toBe('<Condition [unlocked]>');
    }));

  test('COND-08 it first waits for the lock if somebody else holds it, however often it is cancelled', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      const a = waiting(loop, condition, trace, 'a');
      await sleep(0);
      await condition.acquire();
      a.cancel();
      await turns(3);
      expect([a.done(), String(condition)]).toEqual([false, '<Condition [locked]>']);
      a.cancel();
      await turns(2);
      expect([a.done(), trace.length]).toEqual([false, 0]);
      condition.release();
      await turns(3);
      expect([a.cancelled(), condition.locked()]).toEqual([true, false]);
      expect(trace).toEqual(['a CancelledError, locked=true']);
    }));

  test('COND-09 cancelled while it takes the lock again after a notification: first the lock, then the error', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      const a = waiting(loop, condition, trace, 'a');
      await sleep(0);
      await condition.acquire();
      condition.notify();
      await turns(2);
      a.cancel();
      await turns(2);
      expect(a.done()).toBe(false);
      condition.release();
      await turns(3);
      expect([a.cancelled(), condition.locked()]).toEqual([true, false]);
      expect(trace).toEqual(['a CancelledError, locked=true']);
    }));

  test.each(['before it resumes', 'while it takes the lock'])(
    'COND-09 the notification of a waiter cancelled %s goes to the next one: nothing is lost, as since CPython 3.13',
    (when) =>
      run(async (loop) => {
        const condition = new Condition();
        const trace: string[] = [];
        const a = waiting(loop, condition, trace, 'a');
        const b = waiting(loop, condition, trace, 'b');
        const c = waiting(loop, condition, trace, 'c');
        await sleep(0);
        await condition.acquire();
        condition.notify();
        if (when === 'while it takes the lock') await turns(2);
        a.cancel();
        condition.release();
        await b;
        await turns(3);
        expect(trace).toEqual(['a CancelledError, locked=true', 'b=true']);
        expect([a.cancelled(), c.done()]).toEqual([true, false]);
        await notify(condition);
        await c;
      }),
  );

  test('COND-08 cancelling one who was not notified wakes nobody', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      const a = waiting(loop, condition, trace, 'a');
      const b = waiting(loop, condition, trace, 'b');
      await sleep(0);
      a.cancel();
      await turns(5);
      expect(trace).toEqual(['a CancelledError, locked=true']);
      expect(String(condition)).toBe('<Condition [unlocked, waiters:1]>');
      await notify(condition);
      await b;
    }));

  test('COND-10 a wait that is given up after a time has the lock again', () =>
    run(async (loop) => {
      const condition = new Condition();
      await condition.acquire();
      expect(await errorOf(waitFor(condition.wait(), 0.001))).toBeInstanceOf(TimeoutError);
      expect(String(condition)).toBe('<Condition [locked]>');
      condition.release();

      // No time at all: the wait does not begin, and the lock is still held.
      const task = loop.createTask(async () => {
        await condition.acquire();
        const error = await errorOf(waitFor(() => condition.wait(), 0));
        const locked = condition.locked();
        condition.release();
        return [(error as Error).name, locked];
      });
      expect(await task).toEqual(['TimeoutError', true]);
      expect(String(condition)).toBe('<Condition [unlocked]>');
    }));

  test('COND-11 the text shows the state of the lock, and the number of those in wait', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      expect(String(condition)).toBe('<Condition [unlocked]>');
      const tasks = ['a', 'b'].map((name) => waiting(loop, condition, trace, name));
      await sleep(0);
      expect(String(condition)).toBe('<Condition [unlocked, waiters:2]>');
      await condition.acquire();
      expect(String(condition)).toBe('<Condition [locked, waiters:2]>');
      condition.notifyAll();
      condition.release();
      await gather(...tasks);
      expect(String(condition)).toBe('<Condition [unlocked]>');
    }));

  test('waitFor asks its predicate in the task that waits', () =>
    withLoop(async (loop) => {
      const { currentTask } = await import('@tsyncio/futures-tasks');
      const condition = new Condition();
      const seen: unknown[] = [];
      const waiter: Task<void> = loop.createTask(async () => {
        await condition.acquire();
        await condition.waitFor(() => seen.push(currentTask()) === 2);
        condition.release();
      });
      await loop.runUntilComplete(async () => {
        await sleep(0);
        await notify(condition);
        await waiter;
      });
      expect(seen).toEqual([waiter, waiter]);
    }));

  test('a generator coroutine waits in the same way', () =>
    run(async (loop) => {
      const condition = new Condition();
      const trace: string[] = [];
      const task = loop.createTask(
        (function* () {
          yield* condition.acquire();
          trace.push(`generator=${yield* condition.wait()}`);
          condition.release();
        })(),
      );
      const other = track(loop, trace, 'acquire', () => condition.acquire());
      await other;
      condition.notify();
      condition.release();
      await task;
      expect(trace).toEqual(['acquire=true', 'generator=true']);
    }));

  test('property: every notification reaches a waiter that is not cancelled, if there is one', async () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.constant({ kind: 'turn' as const, index: 0 }) },
      { weight: 3, arbitrary: fc.constant({ kind: 'start' as const, index: 0 }) },
      { weight: 3, arbitrary: fc.constant({ kind: 'notify' as const, index: 0 }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), index: fc.nat(20) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), (steps) =>
        run(async (loop) => {
          const condition = new Condition();
          const tasks: Task<number>[] = [];
          let items = 0;
          let produced = 0;
          for (const { kind, index } of steps) {
            if (kind === 'turn') await sleep(0);
            else if (kind === 'cancel') tasks[index]?.cancel();
            else if (kind === 'start') {
              tasks.push(
                loop.createTask(async () => {
                  await using _ = await condition.held();
                  await condition.waitFor(() => items > 0);
                  items--;
                  return 1;
                }),
              );
            } else {
              await using _ = await condition.held();
              items++;
              produced++;
              condition.notify();
            }
          }
          // An item and a live waiter must not stand side by side when all is quiet.
          await turns(4 * tasks.length + 8);
          const alive = tasks.filter((task) => !task.done()).length;
          expect(Math.min(items, alive)).toBe(0);
          const taken = tasks.filter((task) => task.done() && !task.cancelled()).length;
          expect(items + taken).toBe(produced);
          expect(condition.locked()).toBe(false);
          for (const task of tasks) task.cancel();
          await gather(...tasks, { returnExceptions: true });
          expect(String(condition)).toBe('<Condition [unlocked]>');
        }),
      ),
      { numRuns: 200, seed: 112202 },
    );
  });
});

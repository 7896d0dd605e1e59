import { CancelledError, isCancelled, OSError, RuntimeError, ValueError } from '@tsyncio/core';
import { currentTask, drive, shield, sleep, wrapPromise, type Future, type Task } from '@tsyncio/futures-tasks';
import { errorOf, kinds, run, withLoop } from './support.js';

/** Lets `n` iterations pass. */
async function iterations(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await sleep(0);
}

/** A promise of nobody's loop. */
function foreign<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((one, other) => {
    resolve = one;
    reject = other;
  });
  return { promise, resolve, reject };
}

describe.each(kinds)('%s', (_kind, coroutine) => {
  test('TASK-CANCEL-01 cancel() only requests: the task ends when the error has passed through it', () =>
    run(async (loop) => {
      const task = loop.createTask(
        coroutine(function* () {
          yield loop.createFuture();
        }),
      );
      await iterations(1);
      expect(task.cancel()).toBe(true);
      expect([task.done(), task.cancelled()]).toEqual([false, false]);
      await iterations(1);
      expect([task.done(), task.cancelled()]).toEqual([true, true]);
      expect(() => task.result()).toThrow(CancelledError);
      expect(() => task.exception()).toThrow(CancelledError);
    }));

  test('TASK-CANCEL-02 a done task refuses', () =>
    run(async (loop) => {
      const good = loop.createTask(
        coroutine(function* () {
          return 7;
        }),
      );
      await good;
      expect(good.cancel()).toBe(false);
      expect(good.result()).toBe(7);
      const cancelled = loop.createTask(
        coroutine(function* () {
          yield loop.createFuture();
        }),
      );
      await iterations(1);
      cancelled.cancel();
      await errorOf(cancelled);
      expect(cancelled.cancel()).toBe(false);
    }));

  test('TASK-CANCEL-03 cancelled before its first step it never runs', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          try {
            seen.push('body');
            yield sleep(0);
          } finally {
            seen.push('finally');
          }
        }),
      );
      expect(task.cancel()).toBe(true);
      expect(isCancelled(await errorOf(task))).toBe(true);
      expect(task.cancelled()).toBe(true);
      expect(seen).toEqual([]);
    }));

  test('TASK-CANCEL-04 the awaited future is cancelled at once, the error comes at the await', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const seen: unknown[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          try {
            yield future;
          } catch (error) {
            seen.push(isCancelled(error));
            throw error;
          }
        }),
      );
      await iterations(1);
      task.cancel();
      expect(future.cancelled()).toBe(true);
      expect(seen).toEqual([]);
      await iterations(1);
      expect(seen).toEqual([true]);
      expect(task.cancelled()).toBe(true);
    }));

  test('TASK-CANCEL-05 the request goes on to an awaited task, whose answer counts', () =>
    run(async (loop) => {
      const inner = loop.createTask(
        coroutine(function* () {
          try {
            yield loop.createFuture();
          } catch {
            return 'swallowed';
          }
          return '';
        }),
      );
      const outer = loop.createTask(
        coroutine(function* (): Generator<any, unknown, any> {
          return yield inner;
        }),
      );
      await iterations(2);
      expect(outer.cancel()).toBe(true);
      expect(await outer).toBe('swallowed');
      expect([inner.cancelled(), outer.cancelled()]).toEqual([false, false]);
    }));

  test.each(['result', 'exception'])(
    'TASK-CANCEL-06 a %s that was not delivered yet gives way to the cancellation',
    (what) =>
      run(async (loop) => {
        const future = loop.createFuture<string>();
        const seen: unknown[] = [];
        const task = loop.createTask(
          coroutine(function* () {
            try {
              seen.push(yield future);
            } catch (error) {
              seen.push((error as Error).name);
              throw error;
            }
          }),
        );
        await iterations(1);
        if (what === 'result') future.setResult('x');
        else future.setException(new ValueError('x'));
        expect(task.cancel()).toBe(true);
        await errorOf(task);
        expect(seen).toEqual(['CancelledError']);
        expect(task.cancelled()).toBe(true);
      }),
  );

  test('TASK-CANCEL-07 several requests, one error', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          for (let i = 0; i < 3; i++) {
            try {
              yield i === 0 ? loop.createFuture() : sleep(0);
              seen.push('passed');
            } catch (error) {
              seen.push((error as Error).name);
            }
          }
          return 'end';
        }),
      );
      await iterations(1);
      expect([task.cancel(), task.cancel(), task.cancel()]).toEqual([true, true, true]);
      expect(await task).toBe('end');
      expect(seen).toEqual(['CancelledError', 'passed', 'passed']);
    }));

  test('TASK-CANCEL-08 the error may be caught, and delivered again by a new request', () =>
    run(async (loop) => {
      let caught = 0;
      const task = loop.createTask(
        coroutine(function* () {
          for (let i = 0; i < 2; i++) {
            try {
              yield loop.createFuture();
            } catch (error) {
              if (!isCancelled(error)) throw error;
              caught++;
            }
          }
          return 'went on';
        }),
      );
      await iterations(1);
      task.cancel();
      await iterations(1);
      expect([caught, task.done()]).toEqual([1, false]);
      task.cancel();
      expect(await task).toBe('went on');
      expect([caught, task.cancelled()]).toEqual([2, false]);
    }));

  test('TASK-CANCEL-09 another error in answer makes the task fail', () =>
    run(async (loop) => {
      const task = loop.createTask(
        coroutine(function* () {
          try {
            yield loop.createFuture();
          } catch {
            throw new ValueError('instead');
          }
        }),
      );
      await iterations(1);
      task.cancel();
      expect((await errorOf(task)).message).toBe('instead');
      expect(task.cancelled()).toBe(false);
    }));

  test.each(['future', 'task', 'bare yield'])('TASK-CANCEL-10 cancels itself, then awaits a %s', (what) =>
    run(async (loop) => {
      const done = loop.createFuture<number>();
      done.setResult(1);
      const awaited =
        what === 'future' ? loop.createFuture() : what === 'task' ? loop.createTask(() => loop.createFuture()) : null;
      const seen: unknown[] = [];
      const task: Future = loop.createTask(
        coroutine(function* () {
          task.cancel();
          seen.push(yield done, yield done);
          try {
            yield awaited ?? sleep(0);
          } catch (error) {
            seen.push((error as Error).name);
            throw error;
          }
        }),
      );
      await errorOf(task);
      expect(seen).toEqual([1, 1, 'CancelledError']);
      expect(task.cancelled()).toBe(true);
      if (awaited !== null) {
        await iterations(2);
        expect(awaited.cancelled()).toBe(true);
      }
    }),
  );

  test('TASK-CANCEL-11 cancels itself and returns: cancelled; and raises: failed', () =>
    run(async (loop) => {
      const returns: Future = loop.createTask(
        coroutine(function* () {
          returns.cancel();
          return 'lost';
        }),
      );
      expect(isCancelled(await errorOf(returns))).toBe(true);
      expect(returns.cancelled()).toBe(true);
      const raises: Future = loop.createTask(
        coroutine(function* () {
          raises.cancel();
          throw new ValueError('kept');
        }),
      );
      expect((await errorOf(raises)).message).toBe('kept');
      expect(raises.cancelled()).toBe(false);
    }));

  test('TASK-CANCEL-12 raising CancelledError of its own accord', () =>
    run(async (loop) => {
      const task = loop.createTask(
        coroutine(function* () {
          throw new CancelledError();
        }),
      );
      await errorOf(task);
      expect(task.cancelled()).toBe(true);
    }));

  test.each([
    ['the future', (future: Future) => future.cancel(), () => undefined],
    ['the future and the task', (future: Future) => future.cancel(), (task: Future) => task.cancel()],
  ])('TASK-CANCEL-13 cancelling %s is one cancellation', (_what, cancelFuture, cancelTask) =>
    run(async (loop) => {
      const future = loop.createFuture();
      const seen: string[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          try {
            yield future;
          } catch (error) {
            seen.push((error as Error).name);
          }
          yield sleep(0);
          yield sleep(0);
          seen.push('passed');
        }),
      );
      const uncaught = loop.createTask(
        coroutine(function* () {
          yield future;
        }),
      );
      await iterations(1);
      cancelFuture(future);
      cancelTask(task);
      cancelTask(uncaught);
      await errorOf(uncaught);
      expect(uncaught.cancelled()).toBe(true);
      await task;
      expect(seen).toEqual(['CancelledError', 'passed']);
      expect(task.cancelled()).toBe(false);
    }),
  );

  test('TASK-CANCEL-14 finally blocks and their awaits run before the task is done', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          try {
            yield loop.createFuture();
          } finally {
            seen.push('begin');
            yield sleep(0);
            yield sleep(0);
            seen.push('end');
          }
        }),
      );
      await iterations(1);
      task.cancel();
      await iterations(2);
      expect([seen, task.done()]).toEqual([['begin'], false]);
      await errorOf(task);
      expect(seen).toEqual(['begin', 'end']);
      expect(task.cancelled()).toBe(true);
    }));

  test('TASK-CANCEL-16 who awaits gets an error of their own', () =>
    run(async (loop) => {
      let travelled: unknown;
      const task = loop.createTask(
        coroutine(function* () {
          try {
            yield loop.createFuture();
          } catch (error) {
            travelled = error;
            throw error;
          }
        }),
      );
      await iterations(1);
      task.cancel();
      const first = await errorOf(task);
      const second = await errorOf(task);
      expect(isCancelled(travelled) && isCancelled(first) && isCancelled(second)).toBe(true);
      expect(new Set([travelled, first, second]).size).toBe(3);
    }));

  test('a request in a foreign wait lands at the next await of the loop', () =>
    run(async (loop) => {
      const { promise, resolve } = foreign<string>();
      const seen: unknown[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          seen.push(yield promise);
          try {
            yield loop.createFuture();
          } catch (error) {
            seen.push((error as Error).name);
            throw error;
          }
        }),
      );
      await iterations(1);
      expect(task.cancel()).toBe(true);
      await iterations(3);
      expect([task.done(), seen]).toEqual([false, []]);
      resolve('fetched');
      await errorOf(task);
      expect(seen).toEqual(['fetched', 'CancelledError']);
    }));

  test('wrapPromise ends a foreign wait at once', () =>
    run(async (loop) => {
      const { promise, reject } = foreign<string>();
      const task = loop.createTask(
        coroutine(function* () {
          yield wrapPromise(promise);
        }),
      );
      await iterations(1);
      task.cancel();
      expect(isCancelled(await errorOf(task))).toBe(true);
      // What comes later is dropped, not reported.
      reject(new Error('late'));
      await iterations(1);
    }));

  test('signal is aborted by a request, and a new one after delivery', () =>
    run(async (loop) => {
      const signals: AbortSignal[] = [];
      const task: Task = loop.createTask(
        coroutine(function* () {
          signals.push(task.signal);
          try {
            yield loop.createFuture();
          } catch {
            signals.push(task.signal);
          }
          yield loop.createFuture();
        }),
      );
      await iterations(1);
      expect(task.signal).toBe(signals[0]);
      expect(signals[0]!.aborted).toBe(false);
      let during: boolean | null = null;
      signals[0]!.addEventListener('abort', () => (during = task.done()));
      task.cancel();
      expect(during).toBe(false);
      expect([signals[0]!.aborted, isCancelled(signals[0]!.reason), task.signal.aborted]).toEqual([true, true, true]);
      await iterations(1);
      expect([signals[1] === signals[0], signals[1]!.aborted]).toEqual([false, false]);
      task.cancel();
      expect(signals[1]!.aborted).toBe(true);
      await errorOf(task);
      expect(task.signal.aborted).toBe(true);
    }));

  test('signal is a new one when what was awaited has swallowed the request', () =>
    run(async (loop) => {
      const inner = loop.createTask(
        coroutine(function* () {
          try {
            yield loop.createFuture();
          } catch {
            return 5;
          }
          return 0;
        }),
      );
      const task: Task<unknown> = loop.createTask(
        coroutine(function* (): Generator<any, unknown, any> {
          return [task.signal.aborted, yield inner, task.signal.aborted];
        }),
      );
      await iterations(2);
      task.cancel();
      expect(task.signal.aborted).toBe(true);
      expect(await task).toEqual([false, 5, false]);
    }));

  test('signal stays aborted while an await of something cancelled long ago passes the request by', () =>
    run(async (loop) => {
      const old = loop.createFuture();
      old.cancel();
      const seen: unknown[] = [];
      const task: Task<unknown> = loop.createTask(
        coroutine(function* () {
          task.cancel();
          try {
            yield old;
          } catch (error) {
            seen.push(isCancelled(error), task.signal.aborted);
          }
          yield sleep(0);
        }),
      );
      await errorOf(task);
      expect(seen).toEqual([true, true]);
    }));

  test('a request beats the error of a misused await, as in CPython', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const task: Task<unknown> = loop.createTask(
        coroutine(function* () {
          for (let i = 0; i < 2; i++) {
            try {
              yield i === 0 ? task : sleep(0);
              seen.push('passed');
            } catch (error) {
              seen.push((error as Error).name);
            }
          }
        }),
      );
      await iterations(1);
      task.cancel();
      await task;
      expect(seen).toEqual(['CancelledError', 'passed']);
    }));

  test('a shielded future is not cancelled with its awaiter', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      const task = loop.createTask(
        coroutine(function* () {
          yield shield(future);
        }),
      );
      await iterations(1);
      task.cancel();
      await errorOf(task);
      expect([task.cancelled(), future.cancelled()]).toEqual([true, false]);
    }));
});

test('TASK-CANCEL-15 CancelledError stands outside the hierarchy of ordinary errors', () => {
  const error = new CancelledError();
  expect([RuntimeError, ValueError, OSError, TypeError].some((type) => error instanceof type)).toBe(false);
  expect(isCancelled(error)).toBe(true);
  expect([new Error(), new RuntimeError(), null, 'CancelledError', CancelledError].some(isCancelled)).toBe(false);
});

describe('what an async function waits for is a set', () => {
  test('Promise.all: every member is asked', () =>
    run(async (loop) => {
      const futures = [loop.createFuture(), loop.createFuture(), loop.createFuture()];
      const task = loop.createTask(() => Promise.all(futures));
      await iterations(1);
      expect(String(task).match(/<Future pending/g)).toHaveLength(3);
      task.cancel();
      expect(futures.map((future) => future.cancelled())).toEqual([true, true, true]);
      expect(isCancelled(await errorOf(task))).toBe(true);
      expect(task.cancelled()).toBe(true);
    }));

  test('Promise.race: every member is asked', () =>
    run(async (loop) => {
      const futures = [loop.createFuture(), loop.createFuture()];
      const task = loop.createTask(() => Promise.race(futures));
      await iterations(1);
      task.cancel();
      expect(futures.map((future) => future.cancelled())).toEqual([true, true]);
      expect(isCancelled(await errorOf(task))).toBe(true);
    }));

  test('async calls that are not awaited yet: every member is asked', () =>
    run(async (loop) => {
      const [one, other] = [loop.createFuture(), loop.createFuture()];
      const seen: string[] = [];
      const wait = async (name: string, future: Future) => {
        try {
          await future;
        } catch (error) {
          seen.push(`${name} ${(error as Error).name}`);
          throw error;
        }
      };
      const task = loop.createTask(async () => {
        const background = wait('background', one);
        background.catch(() => undefined);
        await wait('foreground', other);
      });
      await iterations(1);
      task.cancel();
      await errorOf(task);
      expect(seen).toEqual(['background CancelledError', 'foreground CancelledError']);
      expect(task.cancelled()).toBe(true);
    }));

  test('an entry leaves the set when it resumes its awaiter', () =>
    run(async (loop) => {
      const [first, second] = [loop.createFuture(), loop.createFuture()];
      const task = loop.createTask(() => Promise.all([first, second]));
      await iterations(1);
      expect(String(task)).toMatch(/wait_for=<Future.*>, <Future.*>/);
      first.setResult(1);
      await iterations(1);
      expect(String(task)).toMatch(/wait_for=<Future pending cb=\[[^\]]*\]>>$/);
      second.setResult(2);
      expect(await task).toEqual([1, 2]);
    }));

  test('one done but not delivered keeps the request', () =>
    run(async (loop) => {
      const [first, second] = [loop.createFuture<number>(), loop.createFuture<number>()];
      const seen: string[] = [];
      const watch = async (name: string, future: Future) => {
        try {
          await future;
          seen.push(`${name} passed`);
        } catch (error) {
          seen.push(`${name} ${(error as Error).name}`);
        }
      };
      const task = loop.createTask(async () => {
        await Promise.all([watch('first', first), watch('second', second)]);
      });
      await iterations(1);
      first.setResult(1);
      task.cancel();
      expect(second.cancelled()).toBe(true);
      await task;
      expect(seen).toEqual(['first CancelledError', 'second CancelledError']);
    }));

  test('if none accepts, the request is kept for the next wait', () =>
    run(async (loop) => {
      const stubborn = loop.createFuture<string>();
      stubborn.cancel = () => false;
      const seen: string[] = [];
      const task = loop.createTask(async () => {
        try {
          seen.push(await stubborn);
        } catch (error) {
          seen.push((error as Error).name);
        }
        await sleep(0);
        seen.push('went on');
      });
      await iterations(1);
      expect(task.cancel()).toBe(true);
      await iterations(2);
      expect(seen).toEqual([]);
      stubborn.setResult('x');
      await task;
      // As in CPython: thrown at the wait that did not accept, in place of its result.
      expect(seen).toEqual(['CancelledError', 'went on']);
    }));

  test('a `then` in the context of a done task counts as outside any task', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      const { promise, resolve } = foreign<void>();
      const seen: unknown[] = [];
      let leftover!: Promise<void>;
      const task = loop.createTask(async () => {
        leftover = (async () => {
          await promise;
          seen.push(currentTask());
          seen.push(await future);
        })();
      });
      await task;
      resolve();
      await iterations(2);
      expect(task.cancel()).toBe(false);
      expect(future.cancelled()).toBe(false);
      future.setResult(3);
      await leftover;
      expect(seen).toEqual([null, 3]);
    }));

  test('what a task leaves behind knows nothing of a request that the task did not answer', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      const { promise, resolve } = foreign<void>();
      let leftover!: Promise<number>;
      const task: Future = loop.createTask(async () => {
        leftover = (async () => {
          await promise;
          return await future;
        })();
        task.cancel();
        throw new ValueError('instead');
      });
      expect((await errorOf(task)).message).toBe('instead');
      resolve();
      await iterations(2);
      expect(future.cancelled()).toBe(false);
      future.setResult(5);
      expect(await leftover).toBe(5);
    }));

  test('a wait that its task did not live to see is delivered all the same', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      let leftover!: Promise<number>;
      const task = loop.createTask(async () => {
        leftover = (async () => await future)();
      });
      await task;
      future.setResult(4);
      expect(await leftover).toBe(4);
    }));
});

test('in a foreign wait: a task with a step scheduled or with a loop await is in none', () =>
  run(async (loop) => {
    const { promise, resolve } = foreign<void>();
    const task = loop.createTask(async () => {
      await promise;
      await sleep(0);
    });
    const waiting = loop.createTask(async () => {
      await loop.createFuture();
    });
    expect(task.inForeignWait()).toBe(false);
    await iterations(1);
    expect([task.inForeignWait(), waiting.inForeignWait()]).toEqual([true, false]);
    resolve();
    await promise;
    await promise;
    expect(task.inForeignWait()).toBe(false);
    await task;
    expect(task.inForeignWait()).toBe(false);
    waiting.cancel();
    await errorOf(waiting);
  }));

describe('tasks that wait for one another in a circle can be cancelled', () => {
  const [[, async_], [, generator]] = kinds as [(typeof kinds)[0], (typeof kinds)[0]];
  test.each([
    ['async functions', [async_, async_]],
    ['generators', [generator, generator]],
    ['both kinds', [async_, generator, async_]],
  ])('%s', (_what, makers) =>
    run(async (loop) => {
      const seen: string[] = [];
      const tasks: Future[] = [];
      makers.forEach((coroutine, i) => {
        tasks.push(
          loop.createTask(
            coroutine(function* () {
              try {
                yield tasks[(i + 1) % makers.length];
              } catch (error) {
                seen.push((error as Error).name);
                throw error;
              }
            }),
          ),
        );
      });
      await iterations(2);
      expect(tasks[0]!.cancel()).toBe(true);
      await iterations(makers.length + 1);
      expect(tasks.map((task) => task.cancelled())).toEqual(makers.map(() => true));
      expect(seen).toEqual(makers.map(() => 'CancelledError'));
    }),
  );

  test('through operations', () =>
    run(async (loop) => {
      const tasks: Future[] = [];
      for (const i of [0, 1]) {
        tasks.push(
          loop.createTask(() =>
            drive(
              (function* () {
                yield* tasks[1 - i]!;
              })(),
            ),
          ),
        );
      }
      await iterations(2);
      tasks[0]!.cancel();
      await iterations(4);
      expect(tasks.map((task) => task.cancelled())).toEqual([true, true]);
    }));
});

test('a cancelled run leaves the loop usable', () =>
  withLoop(async (loop) => {
    const error = await errorOf(
      loop.runUntilComplete(async () => {
        currentTask()!.cancel();
        await sleep(1000);
      }),
    );
    expect(isCancelled(error)).toBe(true);
    expect(await loop.runUntilComplete(async () => 5)).toBe(5);
  }));

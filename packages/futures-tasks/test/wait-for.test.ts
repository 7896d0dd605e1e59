import { ConcurrentFuture, ContextVar, isCancelled, TimeoutError } from '@tsyncio/core';
import {
  asCompleted,
  call,
  currentTask,
  drive,
  gather,
  type Operation,
  Queue,
  runCoroutineThreadsafe,
  shield,
  sleep,
  type Task,
  TaskLoop,
  waitFor,
  wrapFuture,
  wrapPromise,
  type Coroutine,
  type Future,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play, type World } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

const isTimeout = (error: unknown): boolean => error instanceof TimeoutError;

/** Notes the request to cancel, and ends a second later: how, says `end`. */
function slowToEnd<T>(world: World, end: (error: unknown) => T) {
  return async (): Promise<T | string> => {
    try {
      return await sleep(10, 'in time');
    } catch (error) {
      world.log(`asked at ${world.now}`);
      await sleep(1);
      world.log(`ends at ${world.now}`);
      return end(error);
    }
  };
}

function rethrow(error: unknown): never {
  throw error;
}

describe('in time', () => {
  test('WAITFOR-01 the result or the error, and no timer is left', () =>
    play(async ({ loop }) => {
      expect(await waitFor(() => sleep(1, 'value'), 5)).toBe('value');
      const error = new Error('its own');
      const failed = loop.createFuture<void>();
      loop.callLater(1, () => failed.setException(error));
      expect(await errorOf(waitFor(failed, 5))).toBe(error);
      expect([loop.timersLeft(), loop.time()]).toEqual([0, 2]);
    }));

  test('WAITFOR-02, -03 a coroutine runs inside the calling task, with or without a timeout', () =>
    play(async ({ loop, trace }) => {
      const self = currentTask();
      loop.setTaskFactory(() => {
        throw new Error('no task is needed');
      });
      const variable = new ContextVar<string>('variable');
      const body = async () => {
        trace.push(String(currentTask() === self));
        await sleep(1);
        trace.push(String(currentTask() === self));
        variable.set('set inside');
        return 'value';
      };
      for (const timeout of [null, undefined, 5]) {
        expect(await waitFor(body, timeout)).toBe('value');
        expect(variable.get()).toBe('set inside');
      }
      function* generator() {
        trace.push(String(currentTask() === self));
        yield* sleep(1);
        return 'generator';
      }
      expect(await waitFor(generator(), 5)).toBe('generator');
      expect(await waitFor(() => generator(), 5)).toBe('generator');
      expect(trace).toEqual(new Array(8).fill('true'));
      loop.setTaskFactory(null);
    }));

  test('WAITFOR-02 what need not wait costs no iteration', () =>
    play(async (world) => {
      const done = world.loop.createFuture<number>();
      done.setResult(1);
      const before = world.iteration;
      expect(await waitFor(done, 5)).toBe(1);
      expect(await waitFor(async () => 2, 5)).toBe(2);
      expect(await waitFor(() => drive(world.pass(0)), 5)).toBe(undefined);
      expect(world.iteration - before).toBe(0);
    }));

  test('WAITFOR-01 a generator that was driven before is refused', () =>
    play(async (world) => {
      const generator = world.pass();
      await waitFor(generator, 1);
      expect((await errorOf(waitFor(generator, 1))).message).toMatch(/already awaited/);
    }));

  test('WAITFOR-01 in a generator coroutine, around native async code', () =>
    play(function* ({ loop }) {
      const value = yield* waitFor(() => call2(), 5);
      expect([value, loop.time()]).toEqual(['called', 1]);
      function* call2() {
        return yield* call(async () => {
          await sleep(1);
          return 'called';
        });
      }
    }));
});

describe('time is up', () => {
  test('WAITFOR-04 the inner one is cancelled, and the error comes when it has ended', () =>
    play(async (world) => {
      const error = await errorOf(waitFor(slowToEnd(world, rethrow), 2));
      expect([isTimeout(error), isCancelled(error.cause), world.now]).toEqual([true, true, 3]);
      expect(world.trace).toEqual(['asked at 2', 'ends at 3']);
      expect([currentTask()!.cancelling(), world.loop.timersLeft()]).toEqual([0, 0]);
    }));

  test('WAITFOR-04 so is a future, a task, an operation, and what a generator waits for', () =>
    play(async ({ loop }) => {
      const future = loop.createFuture<void>();
      expect(isTimeout(await errorOf(waitFor(future, 1)))).toBe(true);
      const task = loop.createTask(() => sleep(10));
      expect(isTimeout(await errorOf(waitFor(task, 1)))).toBe(true);
      const queue = new Queue<number>();
      const get = queue.get();
      expect(isTimeout(await errorOf(waitFor(get, 1)))).toBe(true);
      function* generator() {
        yield* call(async () => {
          await Promise.all([sleep(10), sleep(20)]);
        });
      }
      expect(isTimeout(await errorOf(waitFor(generator(), 1)))).toBe(true);
      expect([future.cancelled(), task.cancelled(), get.cancelled(), loop.time()]).toEqual([true, true, true, 4]);
      queue.putNowait(1);
      expect(queue.qsize()).toBe(1);
    }));

  test('WAITFOR-05 the result of an inner one that swallows the request is given', () =>
    play(async (world) => {
      expect(
        await waitFor(
          slowToEnd(world, () => 'kept on'),
          2,
        ),
      ).toBe('kept on');
      const task = world.loop.createTask(slowToEnd(world, () => 'task kept on'));
      expect(await waitFor(task, 2)).toBe('task kept on');
      expect(task.result()).toBe('task kept on');
      // Nothing of the deadline is left in the task.
      await sleep(1);
      expect([currentTask()!.cancelling(), world.now]).toEqual([0, 7]);
    }));

  test('WAITFOR-06 the error with which the inner one answers is given', () =>
    play(async (world) => {
      const answer = new Error('broken');
      const fail = () => {
        throw answer;
      };
      expect(await errorOf(waitFor(slowToEnd(world, fail), 2))).toBe(answer);
      const task = world.loop.createTask(slowToEnd(world, fail));
      expect(await errorOf(waitFor(task, 2))).toBe(answer);
    }));

  test('WAITFOR-10 an inner future that somebody else cancels in time is a CancelledError', () =>
    play(async ({ loop }) => {
      const future = loop.createFuture<void>();
      loop.callLater(1, () => future.cancel());
      expect(isCancelled(await errorOf(waitFor(future, 5)))).toBe(true);
      expect([loop.time(), loop.timersLeft()]).toEqual([1, 0]);
    }));

  test('WAITFOR-13 what is done but not delivered when the time is over is lost, as in 3.13; before, it is given', () =>
    play(async ({ loop }) => {
      const lost = loop.createFuture<string>();
      const begin = loop.time();
      // Both in one iteration: the result first.
      loop.callAt(begin + 1, () => lost.setResult('lost'));
      expect(isTimeout(await errorOf(waitFor(lost, 1)))).toBe(true);
      expect([lost.result(), loop.time()]).toEqual(['lost', 1]);
      const inTime = loop.createFuture<string>();
      loop.callAt(begin + 2, () => inTime.setResult('in time'));
      expect(await waitFor(inTime, 1.5)).toBe('in time');
    }));

  test('WAITFOR-14 a cancellation while the inner one is ending goes to it, and wins over the timeout', () =>
    play(async (world) => {
      const { loop } = world;
      const inner = loop.createTask(slowToEnd(world, rethrow));
      const outer = loop.createTask(() => waitFor(inner, 2));
      await sleep(2.5);
      outer.cancel();
      expect(isCancelled(await errorOf(outer))).toBe(true);
      expect([world.now, outer.cancelled(), inner.cancelled()]).toEqual([2.5, true, true]);
    }));
});

describe('no time', () => {
  test.each([0, -1])('WAITFOR-07 with a timeout of %d what is done gives its outcome at once', (timeout) =>
    play(async (world) => {
      const { loop } = world;
      const before = world.iteration;
      const good = loop.createFuture<string>();
      good.setResult('good');
      const bad = loop.createFuture<string>();
      bad.setException(new Error('bad'));
      const gone = loop.createFuture<string>();
      gone.cancel();
      const queue = new Queue<string>();
      queue.putNowait('item');
      expect(await waitFor(good, timeout)).toBe('good');
      expect((await errorOf(waitFor(bad, timeout))).message).toBe('bad');
      expect(isCancelled(await errorOf(waitFor(gone, timeout)))).toBe(true);
      expect(await waitFor(queue.get(), timeout)).toBe('item');
      expect(world.iteration - before).toBe(0);
    }),
  );

  test.each([0, -1])('WAITFOR-08 with a timeout of %d the rest is cancelled, and a coroutine never begins', (timeout) =>
    play(async (world) => {
      const { loop, trace } = world;
      const body = async (): Promise<void> => world.log('began');
      function* generator() {
        trace.push('began');
        yield;
      }
      const future = loop.createFuture<void>();
      for (const awaitable of [body, generator(), future, sleep(10)]) {
        const error = await errorOf(waitFor(awaitable, timeout));
        expect([isTimeout(error), isCancelled(error.cause)]).toEqual([true, true]);
      }
      expect([trace, future.cancelled(), loop.time(), loop.timersLeft()]).toEqual([[], true, 0, 0]);
    }),
  );

  test('WAITFOR-08 a running task that swallows the request gives its result, as in 3.13', () =>
    play(async (world) => {
      const task = world.loop.createTask(slowToEnd(world, () => 'kept on'));
      await sleep(0);
      expect(await waitFor(task, 0)).toBe('kept on');
      expect(world.trace).toEqual(['asked at 0', 'ends at 1']);
    }));

  test('WAITFOR-09 the error with which a running task answers is raised', () =>
    play(async (world) => {
      const answer = new Error('broken');
      const task = world.loop.createTask(
        slowToEnd(world, () => {
          throw answer;
        }),
      );
      await sleep(0);
      expect(await errorOf(waitFor(task, 0))).toBe(answer);
    }));
});

describe('the waiting task is cancelled', () => {
  test('WAITFOR-11 so is the inner one, and CancelledError comes when it has ended', () =>
    play(async (world) => {
      const { loop } = world;
      for (const kind of ['coroutine', 'task']) {
        const body = slowToEnd(world, rethrow);
        const begin = world.now;
        const outer = loop.createTask(() => waitFor(kind === 'task' ? loop.createTask(body) : body, 50));
        await sleep(1);
        outer.cancel();
        expect(isCancelled(await errorOf(outer))).toBe(true);
        expect([outer.cancelled(), world.now - begin]).toEqual([true, 2]);
      }
    }));

  test('WAITFOR-11 an inner one that swallows the request gives its result, as in 3.13', () =>
    play(async (world) => {
      const outer = world.loop.createTask(() =>
        waitFor(
          slowToEnd(world, () => 'kept on'),
          50,
        ),
      );
      await sleep(1);
      outer.cancel();
      expect([await outer, outer.cancelled(), outer.cancelling()]).toEqual(['kept on', false, 1]);
    }));

  test('WAITFOR-12 the race of 3.8: a cancellation is not lost when the inner future is done before it is delivered', () =>
    play(async ({ loop, trace }) => {
      for (const fail of [false, true]) {
        const inner = loop.createFuture<string>();
        const outer = loop.createTask(async () => {
          try {
            return await waitFor(inner, 5);
          } catch (error) {
            trace.push(isCancelled(error) ? 'cancelled' : String(error));
            throw error;
          }
        });
        await sleep(1);
        if (fail) inner.setException(new Error('on its way'));
        else inner.setResult('on its way');
        expect(outer.cancel()).toBe(true);
        expect(isCancelled(await errorOf(outer))).toBe(true);
        expect([outer.cancelled(), inner.done(), inner.cancelled()]).toEqual([true, true, false]);
      }
      expect(trace).toEqual(['cancelled', 'cancelled']);
    }));

  test('WAITFOR-12 the same with a coroutine inside, which is done with its own wait', () =>
    play(async ({ loop }) => {
      const inner = loop.createFuture<string>();
      const outer = loop.createTask(() => waitFor(async () => inner, 5));
      await sleep(1);
      inner.setResult('on its way');
      outer.cancel();
      expect(isCancelled(await errorOf(outer))).toBe(true);
      expect(outer.cancelled()).toBe(true);
    }));

  test('WAITFOR-14 a request during the timeout is a CancelledError, one that was taken back is a TimeoutError', () =>
    play(async (world) => {
      const { loop } = world;
      const outcomes: string[] = [];
      for (const takeBack of [false, true]) {
        const outer = loop.createTask(() =>
          waitFor(async () => {
            try {
              await sleep(10);
            } catch {
              if (takeBack) expect(currentTask()!.uncancel()).toBe(0);
            }
            await sleep(10);
          }, 2),
        );
        await sleep(1);
        outer.cancel();
        const error = await errorOf(outer);
        outcomes.push(isTimeout(error) ? 'timeout' : isCancelled(error) ? 'cancelled' : String(error));
      }
      expect([outcomes, world.now]).toEqual([['cancelled', 'timeout'], 4]);
    }));

  test('WAITFOR-14 a request that was made before does not count', () =>
    play(async ({ loop }) => {
      const task = loop.createTask(async () => {
        currentTask()!.cancel();
        // The first wait is cancelled; its clean-up takes longer than the time allowed.
        return waitFor(async () => {
          try {
            await sleep(10);
          } finally {
            await sleep(5);
          }
        }, 2);
      });
      const error = await errorOf(task);
      expect([isTimeout(error), task.cancelling(), loop.time()]).toEqual([true, 1, 2]);
    }));
});

describe('deadlines within each other', () => {
  test('WAITFOR-04 only the one that is over is answered with a TimeoutError', () =>
    play(async (world) => {
      const inner = async () => {
        try {
          await waitFor(() => sleep(10), 1);
        } catch (error) {
          world.log(`inner ${isTimeout(error)} at ${world.now}`);
        }
        await sleep(10);
      };
      const error = await errorOf(waitFor(inner, 3));
      expect([isTimeout(error), world.now, world.trace]).toEqual([true, 3, ['inner true at 1']]);
    }));

  test('WAITFOR-04 when both are over, the outer one wins', () =>
    play(async (world) => {
      const inner = async () => {
        try {
          await waitFor(slowToEnd(world, rethrow), 1);
        } catch (error) {
          world.log(isCancelled(error) ? 'cancelled' : String(error));
          throw error;
        }
      };
      expect(isTimeout(await errorOf(waitFor(inner, 1.5)))).toBe(true);
      expect([world.now, world.trace]).toEqual([1.5, ['asked at 1', 'cancelled']]);
    }));

  test('WAITFOR-04 two side by side in one task do not disturb each other', () =>
    play(async ({ loop }) => {
      const results = await Promise.allSettled([
        waitFor(() => sleep(10), 1),
        waitFor(() => sleep(2, 'second'), 5),
        waitFor(sleep(3, 'third'), 5),
      ]);
      expect(results.map((one) => (one.status === 'fulfilled' ? one.value : isTimeout(one.reason)))).toEqual([
        true,
        'second',
        'third',
      ]);
      expect(loop.time()).toBe(3);
    }));

  test('WAITFOR-04 as an argument of gather, shield and of another one', () =>
    play(async ({ loop }) => {
      const [first, second] = await gather(
        waitFor(() => sleep(10), 1),
        () => waitFor(() => sleep(1, 'in time'), 2),
        { returnExceptions: true },
      );
      expect([isTimeout(first), second]).toEqual([true, 'in time']);
      expect(
        isTimeout(
          await errorOf(
            waitFor(
              waitFor(() => sleep(10), 5),
              1,
            ),
          ),
        ),
      ).toBe(true);
      const inner = loop.createTask(() => sleep(4, 'inner'));
      expect(isTimeout(await errorOf(waitFor(shield(inner), 1)))).toBe(true);
      expect([inner.done(), await inner]).toEqual([false, 'inner']);
    }));
});

describe("what is not the loop's", () => {
  /** In real time: nothing in virtual time ends a foreign promise. */
  async function runReal<T>(main: (loop: TaskLoop) => Promise<T>): Promise<T> {
    const loop = new TaskLoop();
    loop.setExceptionHandler((_loop, context) => {
      throw new Error(String(context.message));
    });
    try {
      return await loop.runUntilComplete(() => main(loop));
    } finally {
      loop.close();
    }
  }

  test('WAITFOR-04 the wait for a promise ends at once', () =>
    runReal(async () => {
      const never = new Promise<void>(() => undefined);
      expect(isTimeout(await errorOf(waitFor(never, 0.01)))).toBe(true);
      expect(isTimeout(await errorOf(waitFor(() => wrapPromise(never), 0.01)))).toBe(true);
    }));

  test('WAITFOR-04 code inside learns of the deadline by the signal of its task, which is fresh afterwards', () =>
    runReal(async () => {
      const task = currentTask()!;
      const before = task.signal;
      const aborted = (signal: AbortSignal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        });
      expect(isTimeout(await errorOf(waitFor(() => aborted(task.signal), 0.01)))).toBe(true);
      expect([before.aborted, task.signal === before]).toEqual([false, true]);
      const cancelled = currentLoop(task).createTask(() => waitFor(() => aborted(currentTask()!.signal), 60));
      await sleep(0.01);
      expect(cancelled.inForeignWait()).toBe(true);
      cancelled.cancel();
      expect(isCancelled(await errorOf(cancelled))).toBe(true);
    }));
});

function currentLoop(task: Task): TaskLoop {
  return task.getLoop() as unknown as TaskLoop;
}

test('WAITFOR-15 wrong arguments are errors when it is awaited', () =>
  play(async ({ loop }) => {
    const future = loop.createFuture<void>();
    const other = new TaskLoop();
    const foreign = other.createFuture<void>();
    const wrong: [string, () => Operation<unknown>][] = [
      ['TypeError', () => waitFor(5 as never, 1)],
      ['TypeError', () => waitFor(null as never, null)],
      ['TypeError', () => waitFor({} as never, 0)],
      ['TypeError', () => waitFor(future, '1' as never)],
      ['ValueError', () => waitFor(future, NaN)],
      ['TypeError', () => waitFor((() => 5) as never, 1)],
      ['RuntimeError', () => waitFor(foreign, 1)],
    ];
    const names: string[] = [];
    for (const [, call] of wrong) {
      const operation = call();
      names.push((await errorOf(operation)).name as string);
    }
    expect(names).toEqual(wrong.map(([name]) => name));
    expect(future.done()).toBe(false);
    other.close();
  }));

test('WAITFOR-15 outside of any run it is a RuntimeError of the operation', async () => {
  expect((await errorOf(waitFor(() => sleep(1), 1))).name).toBe('RuntimeError');
});

test('MAKE-11 futures and tasks are made by the methods of the loop, and only where they are needed', () =>
  play(async ({ loop }) => {
    const made: string[] = [];
    const { createFuture, createTask } = loop;
    loop.createFuture = function <T>(this: typeof loop) {
      made.push('future');
      return createFuture.call(this) as Future<T>;
    };
    loop.createTask = function <T>(this: typeof loop, coroutine: Coroutine<T>) {
      made.push('task');
      return createTask.call(this, coroutine) as Task<T>;
    };
    await waitFor(async () => 1, 5);
    expect(made.splice(0)).toEqual([]);
    await errorOf(waitFor(async () => 1, 0));
    expect(made.splice(0)).toEqual(['task', 'future']);
    for (const next of asCompleted([async () => 1])) await next;
    expect(made.splice(0)).toEqual(['task', 'future']);
    const concurrent = new ConcurrentFuture<number>();
    concurrent.setResult(1);
    await wrapFuture(concurrent);
    expect(made.splice(0)).toEqual(['future']);
    runCoroutineThreadsafe(async () => 1, loop);
    await waitFor(Promise.resolve(1), 5);
    expect(made.splice(0)).toEqual(['future', 'task']);
  }));

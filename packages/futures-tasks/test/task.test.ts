import { KeyboardInterrupt, type Scheduler, ValueError } from '@tsyncio/core';
import {
  allTasks,
  call,
  currentTask,
  drive,
  Future,
  gather,
  operation,
  sleep,
  Task,
  TaskLoop,
  type Coroutine,
} from '@tsyncio/futures-tasks';
import { errorOf, kinds, run, withLoop } from './support.js';

describe.each(kinds)('%s', (_kind, coroutine) => {
  test('TASK-01 a task is a future: its result is what was returned, its exception what was raised', () =>
    run(async (loop) => {
      const value = {};
      const error = new ValueError('raised');
      const good = loop.createTask(
        coroutine(function* () {
          yield sleep(0);
          return value;
        }),
      );
      const bad = loop.createTask(
        coroutine(function* () {
          yield sleep(0);
          throw error;
        }),
      );
      expect(good).toBeInstanceOf(Future);
      expect(await good).toBe(value);
      expect(good.result()).toBe(value);
      expect(await errorOf(bad)).toBe(error);
      expect(bad.exception()).toBe(error);
    }));

  test('TASK-02 the constructor schedules the first step; without a loop it takes the current one', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const body = (name: string) =>
        coroutine(function* () {
          seen.push(name);
        });
      const own = new Task(body('own'));
      const given = new Task(body('given'), { loop, name: 'x' });
      expect(own.getLoop()).toBe(loop);
      expect([given.getName(), seen]).toEqual(['x', []]);
      await sleep(0);
      expect(seen).toEqual(['own', 'given']);
    }));

  test('TASK-04 setResult and setException are RuntimeErrors, also while it is pending', () =>
    run(async (loop) => {
      const task = loop.createTask(
        coroutine(function* () {
          yield sleep(0);
          return 1;
        }),
      );
      for (let i = 0; i < 2; i++) {
        expect((await errorOf(() => task.setResult(5))).name).toBe('RuntimeError');
        expect((await errorOf(() => task.setException(new Error()))).name).toBe('RuntimeError');
        expect(await task).toBe(1);
      }
    }));

  test('TASK-05 getCoro gives what the task was made of, also afterwards', () =>
    run(async (loop) => {
      const made = coroutine(function* () {
        yield sleep(0);
      });
      const task = loop.createTask(made);
      expect(task.getCoro()).toBe(made);
      await task;
      expect(task.getCoro()).toBe(made);
    }));

  test('TASK-06 every step is a callback of the loop, and nothing comes in between', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const done = loop.createFuture();
      done.setResult(1);
      const make = (name: string) =>
        loop.createTask(
          coroutine(function* () {
            for (let step = 0; step < 2; step++) {
              seen.push(`${name}${step} begins`);
              yield done;
              yield (function* (): Generator<any, void, any> {
                yield done;
              })();
              seen.push(`${name}${step} ends`);
              yield sleep(0);
            }
          }),
        );
      const tasks = [make('a'), make('b')];
      loop.callSoon(() => seen.push('callback'));
      await gather(...tasks);
      expect(seen).toEqual([
        'a0 begins',
        'a0 ends',
        'b0 begins',
        'b0 ends',
        'callback',
        'a1 begins',
        'a1 ends',
        'b1 begins',
        'b1 ends',
      ]);
    }));

  test('TASK-07 sleep(0) resumes in the next iteration, after the callbacks queued before it', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          loop.callSoon(() => {
            seen.push('queued before');
            loop.callSoon(() => seen.push('next iteration'));
          });
          yield sleep(0);
          seen.push('resumed');
        }),
      );
      await task;
      await sleep(0);
      expect(seen).toEqual(['queued before', 'resumed', 'next iteration']);
    }));

  test('TASK-08 awaiting a coroutine directly: same task, no iteration', () =>
    run(async (loop) => {
      const seen: unknown[] = [];
      const task: Task = loop.createTask(
        coroutine(function* () {
          function* nested(depth: number): Generator<any, number, any> {
            expect(currentTask()).toBe(task);
            return depth === 0 ? 0 : 1 + (yield nested(depth - 1));
          }
          seen.push(yield nested(20));
        }),
      );
      loop.callSoon(() => seen.push('callback'));
      const before = allTasks().size;
      await task;
      expect(before).toBe(2);
      expect(seen).toEqual([20, 'callback']);
    }));

  test('TASK-09 who awaits a task resumes in the iteration after its end, with its result or error', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const error = new ValueError('inner');
      const inner = loop.createTask(
        coroutine(function* () {
          yield sleep(0);
          seen.push('inner ends');
          loop.callSoon(() => seen.push('callback of the inner one'));
          return 'result';
        }),
      );
      const failing = loop.createTask(
        coroutine(function* () {
          throw error;
        }),
      );
      const outer = loop.createTask(
        coroutine(function* () {
          seen.push(yield inner);
          try {
            yield failing;
          } catch (caught) {
            return caught;
          }
          return null;
        }),
      );
      expect(await outer).toBe(error);
      expect(seen).toEqual(['inner ends', 'callback of the inner one', 'result']);
    }));

  test('TASK-10 a future of another loop is an error at the await, which can be caught', async () => {
    const other = new TaskLoop();
    const foreign = other.createFuture();
    await run(async (loop) => {
      const task = loop.createTask(
        coroutine(function* () {
          try {
            yield foreign;
          } catch (error) {
            yield sleep(0);
            return error;
          }
          return null;
        }),
      );
      const error = (await task) as Error;
      expect([error.name, /attached to a different loop/.test(error.message)]).toEqual(['RuntimeError', true]);
    });
    expect(foreign.done()).toBe(false);
    other.close();
  });

  test('TASK-11 a task awaiting itself', () =>
    run(async (loop) => {
      const task: Future = loop.createTask(
        coroutine(function* () {
          try {
            yield task;
          } catch (error) {
            yield sleep(0);
            return error;
          }
          return null;
        }),
      );
      const error = (await task) as Error;
      expect(error.name).toBe('RuntimeError');
      expect(error.message).toMatch(/^Task cannot await on itself: <Task pending/);
    }));

  test('TASK-11 also through an operation', () =>
    run(async (loop) => {
      const task: Future = loop.createTask(
        coroutine(function* () {
          yield drive(
            (function* () {
              yield* task;
            })(),
          );
        }),
      );
      expect((await errorOf(task)).message).toMatch(/Task cannot await on itself/);
    }));

  test('TASK-14 an exit error is stored and ends the run, which can go on later', () =>
    withLoop(async (loop) => {
      const exit = new KeyboardInterrupt('stop');
      let late = false;
      const task = loop.createTask(
        coroutine(function* () {
          yield sleep(0);
          loop.callSoon(() => (late = true));
          throw exit;
        }),
      );
      expect(await errorOf(loop.runForever())).toBe(exit);
      expect(task.exception()).toBe(exit);
      expect([loop.isRunning(), late]).toEqual([false, false]);
      expect(await loop.runUntilComplete(async () => 5)).toBe(5);
      expect(late).toBe(true);
    }));

  test('TASK-15 the error keeps the stack of where it arose', () =>
    run(async (loop) => {
      function arises(): never {
        throw new ValueError('here');
      }
      const task = loop.createTask(
        coroutine(function* () {
          yield sleep(0);
          arises();
        }),
      );
      const error = await errorOf(task);
      expect(error.stack).toMatch(/at arises .*task\.test\.ts/);
      expect(error.stack).toBe((task.exception() as Error).stack);
    }));

  test('TASK-16 finished by the setters of the base class before its first step', () =>
    run(async (loop, reports) => {
      let ran = false;
      const task = loop.createTask(
        coroutine(function* () {
          ran = true;
        }),
      );
      Future.prototype.setResult.call(task, 7);
      await sleep(0);
      expect([ran, task.result()]).toEqual([false, 7]);
      const [report, ...others] = reports.splice(0);
      expect([(report!.exception as Error).name, report!.task, others]).toEqual(['InvalidStateError', task, []]);
      expect(allTasks().size).toBe(1);
    }));

  test('TASK-16 finished by the setters of the base class while it waits: it is not driven on', () =>
    run(async (loop, reports) => {
      const future = loop.createFuture();
      let ran = false;
      const task = loop.createTask(
        coroutine(function* () {
          yield future;
          ran = true;
        }),
      );
      await sleep(0);
      Future.prototype.setResult.call(task, 7);
      future.setResult(1);
      await sleep(0);
      await sleep(0);
      expect([ran, task.result(), await task]).toEqual([false, 7, 7]);
      const [report, ...others] = reports.splice(0);
      expect([(report!.exception as Error).name, others]).toEqual(['InvalidStateError', []]);
    }));

  test('TASK-18 an overridden addDoneCallback is called when a task waits', () =>
    run(async (loop) => {
      let calls = 0;
      class Watched<T> extends Future<T> {
        override addDoneCallback(callback: (future: this) => unknown): void {
          calls++;
          super.addDoneCallback(callback);
        }
      }
      class WatchedTask<T> extends Task<T> {
        override addDoneCallback(callback: (future: this) => unknown): void {
          calls++;
          super.addDoneCallback(callback);
        }
      }
      const future = new Watched<string>({ loop });
      const release = loop.createFuture();
      const inner = new WatchedTask(
        coroutine(function* () {
          yield release;
          return 'inner';
        }),
      );
      const task = loop.createTask(
        coroutine(function* (): Generator<any, string[], any> {
          return [yield future, yield inner];
        }),
      );
      await sleep(0);
      expect(calls).toBe(1);
      future.setResult('value');
      await sleep(0);
      release.setResult(1);
      expect(await task).toEqual(['value', 'inner']);
      expect(calls).toBe(2);
    }));
});

test('TASK-07 a bare yield of a generator too, also in an operation', () =>
  run(async (loop) => {
    const seen: string[] = [];
    function* body(name: string): Generator<unknown, void, unknown> {
      loop.callSoon(() => {
        seen.push(`${name}: queued before`);
        loop.callSoon(() => seen.push(`${name}: next iteration`));
      });
      yield;
      seen.push(`${name}: resumed`);
    }
    await loop.createTask(body('task'));
    await sleep(0);
    await drive(body('operation'));
    await sleep(0);
    expect(seen).toEqual(
      ['task', 'operation'].flatMap((name) => [
        `${name}: queued before`,
        `${name}: resumed`,
        `${name}: next iteration`,
      ]),
    );
  }));

test('TASK-03 the constructor refuses what is no coroutine, each time', () =>
  run(async (loop) => {
    for (const wrong of [5, null, undefined, 'x', {}, Promise.resolve(), loop.createFuture()]) {
      for (let i = 0; i < 2; i++) {
        expect(() => new Task(wrong as Coroutine, { loop })).toThrow(TypeError);
      }
    }
    expect(allTasks().size).toBe(1);
  }));

test('TASK-03 an object with the methods of a generator is a coroutine', () =>
  run(async (loop) => {
    let step = 0;
    const own = {
      next: () => (step++ === 0 ? { done: false, value: undefined } : { done: true, value: 'ended' }),
      throw: (error: unknown) => {
        throw error;
      },
      return: () => ({ done: true, value: undefined }),
    };
    expect(await loop.createTask(own as unknown as Coroutine<string>)).toBe('ended');
  }));

test('TASK-10 the step that gets the error is over before the next handle of this loop runs', async () => {
  const other = new TaskLoop();
  const foreign = other.createFuture();
  const seen: string[] = [];
  await run(async (loop) => {
    const task = loop.createTask(async () => {
      await errorOf(foreign);
      seen.push('caught');
      for (let i = 0; i < 20; i++) await Promise.resolve();
      seen.push('end of step');
    });
    loop.callSoon(() => loop.callSoon(() => seen.push('callback')));
    await task;
  });
  expect(seen).toEqual(['caught', 'end of step', 'callback']);
  other.close();
});

describe('TASK-12 a generator that yields what is no wait gets a RuntimeError there, in the next iteration', () => {
  test.each<[string, (loop: TaskLoop) => unknown, RegExp]>([
    ['a number', () => 5, /got bad yield: 5/],
    ['null', () => null, /got bad yield: null/],
    ['a raw future', (loop) => loop.createFuture(), /got bad yield: <Future pending>: use yield\* instead of yield/],
    ['an operation', () => sleep(0), /use yield\* instead of yield/],
    ['a generator', () => (function* () {})(), /got bad yield/],
    ['a promise', () => Promise.resolve(), /got bad yield/],
  ])('%s', (_what, make, message) =>
    run(async (loop) => {
      const seen: string[] = [];
      const task = loop.createTask(
        (function* (): Generator<unknown, unknown, unknown> {
          try {
            yield make(loop);
          } catch (error) {
            seen.push('thrown');
            return error;
          }
          return null;
        })(),
      );
      loop.callSoon(() => seen.push('callback'));
      const error = (await task) as Error;
      expect(error.name).toBe('RuntimeError');
      expect(error.message).toMatch(message);
      expect(seen).toEqual(['callback', 'thrown']);
    }),
  );
});

test('a task must not return a future: an await would unwrap it', () =>
  run(async (loop) => {
    const future = loop.createFuture();
    const task = loop.createTask(
      (function* () {
        return future;
      })(),
    );
    expect((await errorOf(task)).message).toMatch(/must not return <Future pending>: await it/);
    // An async function unwraps it by itself.
    loop.callSoon(() => future.setResult('flat'));
    expect(await loop.createTask(async () => future)).toBe('flat');
  }));

describe('the step barrier', () => {
  const manyMicrotasks = async () => {
    for (let i = 0; i < 30; i++) await Promise.resolve();
  };

  test('an async callback is over before the next handle runs', () =>
    run(async (loop) => {
      const seen: string[] = [];
      loop.callSoon(async () => {
        seen.push('begins');
        await manyMicrotasks();
        seen.push('ends');
      });
      loop.callSoon(() => seen.push('next'));
      loop.callLater(0, async () => {
        seen.push('timer begins');
        await manyMicrotasks();
        seen.push('timer ends');
      });
      loop.callLater(0, () => seen.push('next timer'));
      await sleep(0.001);
      expect(seen).toEqual(['begins', 'ends', 'next', 'timer begins', 'timer ends', 'next timer']);
    }));

  test('an async callback may wait for the loop, and is no task', () =>
    run(async (loop) => {
      const seen: unknown[] = [];
      loop.callSoon(async () => {
        seen.push(currentTask());
        await sleep(0);
        seen.push(currentTask());
      });
      loop.callSoon(() => seen.push('next'));
      await sleep(0);
      await sleep(0);
      expect(seen).toEqual([null, 'next', null]);
    }));

  test('EXC-05 the rejection of an async callback is reported with its name', () =>
    run(async (loop, reports) => {
      const error = new ValueError('rejected');
      const handle = loop.callSoon(async function refreshCache(_key: string) {
        await sleep(0);
        throw error;
      }, 'key');
      await sleep(0);
      await sleep(0);
      const [report, ...others] = reports.splice(0);
      expect(report!.message).toMatch(/^Exception in callback refreshCache\('key'\)/);
      expect([report!.exception, report!.handle, others]).toEqual([error, handle, []]);
    }));

  test('a step of an async function called from a generator is over before the next handle runs', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const task = loop.createTask(
        (function* () {
          yield* call(manyMicrotasks);
          seen.push('crossed');
          yield* sleep(0);
          yield* call(manyMicrotasks);
          seen.push('crossed again');
        })(),
      );
      loop.callSoon(() => {
        seen.push('callback');
        loop.callSoon(() => seen.push('next callback'));
      });
      await task;
      expect(seen).toEqual(['crossed', 'callback', 'crossed again', 'next callback']);
    }));

  test('two tasks that await one operation are resumed one after the other', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      const shared = operation(
        loop as unknown as Scheduler,
        (function* () {
          return yield* future;
        })(),
      );
      const seen: string[] = [];
      const make = (name: string) =>
        loop.createTask(async () => {
          await shared;
          seen.push(`${name} begins`);
          await manyMicrotasks();
          seen.push(`${name} ends`);
        });
      const tasks = [make('a'), make('b'), make('c')];
      await sleep(0);
      future.setResult(1);
      await gather(...tasks);
      expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    }));
});

test('an exit error of an async callback ends the run', () =>
  withLoop(async (loop) => {
    const exit = new KeyboardInterrupt();
    loop.callSoon(async () => {
      await sleep(0);
      throw exit;
    });
    expect(await errorOf(loop.runForever())).toBe(exit);
  }));

test('an error that a task failed with may be anything that can be thrown', () =>
  run(async (loop) => {
    for (const thrown of ['text', 5, null, undefined, { code: 1 }]) {
      for (const [, coroutine] of kinds) {
        const task = loop.createTask(
          coroutine(function* () {
            throw thrown;
          }),
        );
        expect(await errorOf(task)).toBe(thrown);
        expect(task.exception()).toBe(thrown);
        expect(task.cancelled()).toBe(false);
      }
    }
  }));

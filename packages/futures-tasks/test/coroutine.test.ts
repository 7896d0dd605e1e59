import {
  CancelledError,
  InvalidStateError,
  isCancelled,
  NotImplementedError,
  OSError,
  RuntimeError,
  SendfileNotAvailableError,
  TimeoutError,
  ValueError,
} from '@tsyncio/core';
import {
  allTasks,
  call,
  currentTask,
  drive,
  finishedOperation,
  isCoroutine,
  isCoroutineFunction,
  operation,
  QueueEmpty,
  QueueFull,
  sleep,
  TaskLoop,
  type Coroutine,
  type Future,
} from '@tsyncio/futures-tasks';
import { errorOf, kinds, run } from './support.js';

function* generatorFunction(): Generator<unknown, number, unknown> {
  yield;
  return 1;
}

async function* asyncGeneratorFunction(): AsyncGenerator<number> {
  yield 1;
}

describe('CORO-01 isCoroutine', () => {
  const protocol = { next: () => undefined, throw: () => undefined, return: () => undefined };

  test.each([
    ['a generator object', generatorFunction()],
    ['an object with the methods of a generator', protocol],
    ['an async function, not called', async () => 1],
    ['a plain function: a thunk', () => Promise.resolve(1)],
  ])('true for %s', (_what, value) => {
    expect(isCoroutine(value)).toBe(true);
  });

  test.each([
    ['a generator function, not called', generatorFunction],
    ['an async generator function', asyncGeneratorFunction],
    ['an async generator', asyncGeneratorFunction()],
    ['a class', class A {}],
    ['a built-in class', Map],
    ['a promise', Promise.resolve(1)],
    ['an operation', finishedOperation(null, 1)],
    ['an iterator of an array', [1][Symbol.iterator]()],
    ['a number', 5],
    ['null', null],
    ['a string', 'x'],
  ])('false for %s', (_what, value) => {
    expect(isCoroutine(value)).toBe(false);
  });

  test('false for futures and tasks', () =>
    run(async (loop) => {
      const task = loop.createTask(async () => 1);
      expect([isCoroutine(loop.createFuture()), isCoroutine(task)]).toEqual([false, false]);
      await task;
    }));
});

test('CORO-02 isCoroutineFunction: functions defined as coroutines, not those that only return one', () => {
  expect([isCoroutineFunction(async () => 1), isCoroutineFunction(generatorFunction)]).toEqual([true, true]);
  expect(
    [() => generatorFunction(), () => Promise.resolve(), asyncGeneratorFunction, generatorFunction(), Map, 5, null].map(
      isCoroutineFunction,
    ),
  ).toEqual([false, false, false, false, false, false, false]);
});

test.each(kinds)('CORO-03 nothing of a coroutine runs before it is made a task or awaited: %s', (_kind, coroutine) =>
  run(async (loop) => {
    const seen: string[] = [];
    const made = coroutine(function* () {
      seen.push('runs');
      yield sleep(0);
    });
    await sleep(0);
    expect(seen).toEqual([]);
    const task = loop.createTask(made);
    expect(seen).toEqual([]);
    await task;
    expect(seen).toEqual(['runs']);
  }),
);

describe('errors', () => {
  test('ERR-01 CancelledError is no kin of the others; TimeoutError and InvalidStateError are plain errors', () => {
    expect(Object.getPrototypeOf(CancelledError.prototype)).toBe(Error.prototype);
    expect(Object.getPrototypeOf(TimeoutError.prototype)).toBe(Error.prototype);
    expect(Object.getPrototypeOf(InvalidStateError.prototype)).toBe(Error.prototype);
    expect([new TimeoutError(), new InvalidStateError()].map(isCancelled)).toEqual([false, false]);
    expect([CancelledError, TimeoutError, InvalidStateError].map((type) => new type('x').name)).toEqual([
      'CancelledError',
      'TimeoutError',
      'InvalidStateError',
    ]);
  });

  test('ERR-02 TimeoutError is not the error of the operating system', () => {
    expect(new TimeoutError()).not.toBeInstanceOf(OSError);
    expect(new TimeoutError()).not.toBeInstanceOf(DOMException);
    expect(AbortSignal.abort().reason).not.toBeInstanceOf(CancelledError);
  });

  test('ERR-03 SendfileNotAvailableError is a RuntimeError', () => {
    expect(new SendfileNotAvailableError()).toBeInstanceOf(RuntimeError);
    expect(new NotImplementedError()).toBeInstanceOf(RuntimeError);
    expect(new ValueError()).not.toBeInstanceOf(RuntimeError);
  });

  test('ERR-05 QueueEmpty and QueueFull derive from Error directly', () => {
    expect(Object.getPrototypeOf(QueueEmpty.prototype)).toBe(Error.prototype);
    expect(Object.getPrototypeOf(QueueFull.prototype)).toBe(Error.prototype);
  });
});

describe('bridges between the kinds', () => {
  test.each(kinds)('three deep in both directions they stay in one task, from %s', (_kind, coroutine) =>
    run(async (loop) => {
      const seen: unknown[] = [];
      const tasks: number[] = [];
      const look = () => {
        seen.push(currentTask());
        tasks.push(allTasks().size);
      };
      const depth = async (n: number): Promise<number> => {
        look();
        await sleep(0);
        look();
        if (n === 0) return 0;
        const below = await drive(generatorDepth(n - 1));
        look();
        return below + 1;
      };
      function* generatorDepth(n: number): Generator<unknown, number, unknown> {
        look();
        yield* sleep(0);
        look();
        if (n === 0) return 0;
        const below = yield* call(depth, n - 1);
        look();
        return below + 1;
      }
      const task = loop.createTask(
        coroutine(function* (): Generator<any, number[], any> {
          return [yield drive(generatorDepth(6)), yield depth(6)];
        }),
      );
      expect(await task).toEqual([6, 6]);
      expect(new Set(seen)).toEqual(new Set([task]));
      // The test itself and the task: no other task was made.
      expect(new Set(tasks)).toEqual(new Set([2]));
    }),
  );

  test('TASK-08 crossing costs no iteration', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const done = loop.createFuture<number>();
      done.setResult(1);
      const task = loop.createTask(async () => {
        await drive(
          (function* () {
            yield* call(async () => {
              await drive(
                (function* () {
                  yield* done;
                })(),
              );
            });
          })(),
        );
        seen.push('crossed');
      });
      loop.callSoon(() => seen.push('callback'));
      await task;
      expect(seen).toEqual(['crossed', 'callback']);
    }));

  test('a cancellation reaches the innermost await and travels out through all of them', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const future = loop.createFuture();
      const task = loop.createTask(
        (function* () {
          try {
            yield* call(async () => {
              try {
                await drive(
                  (function* () {
                    try {
                      yield* call(async () => {
                        await future;
                      });
                    } finally {
                      seen.push('inner generator');
                    }
                  })(),
                );
              } finally {
                seen.push('async function');
              }
            });
          } finally {
            seen.push('outer generator');
          }
        })(),
      );
      await sleep(0);
      task.cancel();
      expect(future.cancelled()).toBe(true);
      await errorOf(task);
      expect(task.cancelled()).toBe(true);
      expect(seen).toEqual(['inner generator', 'async function', 'outer generator']);
    }));

  test('errors of either side arrive on the other as they are', () =>
    run(async () => {
      const error = new Error('mine');
      const fails = async () => {
        throw error;
      };
      function* driven(): Generator<unknown, unknown, unknown> {
        try {
          return yield* call(fails);
        } catch (caught) {
          expect(caught).toBe(error);
          throw caught;
        }
      }
      expect(await errorOf(drive(driven()))).toBe(error);
    }));

  test('call passes arguments on, and takes futures and operations too', () =>
    run(async (loop) => {
      const future = loop.createFuture<string>();
      future.setResult('future');
      function* main(): Generator<unknown, unknown[], unknown> {
        return [
          yield* call(async (a: number, b: string) => `${a}${b}`, 1, 'x'),
          yield* call(() => future),
          yield* call(() => sleep(0, 'operation')),
        ];
      }
      expect(await loop.createTask(main())).toEqual(['1x', 'future', 'operation']);
    }));

  test.each<[string, unknown, RegExp]>([
    ['no function', 5, /fn must be a function, got 5/],
    ['a function that returns no promise', () => 5, /must return a promise, got 5/],
    ['a generator function', generatorFunction, /generatorFunction\(\) must return a promise.*yield\*/],
  ])('call of %s is a TypeError where it stands, and the run goes on', (_what, fn, message) =>
    run(async (loop) => {
      const task = loop.createTask(
        (function* () {
          try {
            yield* call(fn as () => Promise<number>);
          } catch (error) {
            yield* sleep(0);
            return error;
          }
          return null;
        })(),
      );
      const error = await task;
      expect(error).toBeInstanceOf(TypeError);
      expect(String(error)).toMatch(message);
    }),
  );

  test('a thenable that calls back twice, or throws, drives the generator on once', () =>
    run(async (loop) => {
      const twice = {
        then(resolve: (value: number) => void) {
          resolve(1);
          resolve(2);
        },
      } as PromiseLike<number>;
      const throwing = {
        then() {
          throw new Error('then failed');
        },
      } as unknown as PromiseLike<number>;
      let steps = 0;
      const task = loop.createTask(
        (function* () {
          const value = yield* call(() => twice);
          steps++;
          yield* sleep(0);
          try {
            yield* call(() => throwing);
          } catch (error) {
            return [value, (error as Error).message];
          }
          return [];
        })(),
      );
      expect(await task).toEqual([1, 'then failed']);
      expect(steps).toBe(1);
    }));

  test.each<[string, unknown]>([
    ['a promise', Promise.resolve(1)],
    ['a generator function', generatorFunction],
    ['null', null],
  ])('drive of %s is a TypeError through the operation', (_what, value) =>
    run(async () => {
      const operation = drive(value as Generator<unknown, number, unknown>);
      expect((await errorOf(operation)).name).toBe('TypeError');
    }),
  );

  test('drive outside of any loop is a RuntimeError through the operation', async () => {
    expect((await errorOf(drive(generatorFunction()))).name).toBe('RuntimeError');
  });
});

describe('TASK-13 a coroutine is used once', () => {
  test('a generator given to two tasks: the second fails, the first goes on', () =>
    run(async (loop) => {
      const made = generatorFunction();
      const [first, second] = [loop.createTask(made), loop.createTask(made)];
      const error = await errorOf(second);
      expect([error.name, error.message]).toEqual(['RuntimeError', 'cannot reuse already awaited coroutine']);
      expect(await first).toBe(1);
    }));

  test('a generator that has ended', () =>
    run(async (loop) => {
      const made = generatorFunction();
      await loop.createTask(made);
      expect((await errorOf(loop.createTask(made))).message).toMatch(/cannot reuse/);
      expect((await errorOf(drive(made))).message).toMatch(/cannot reuse/);
    }));

  test('a generator whose task was cancelled before it began', () =>
    run(async (loop) => {
      const made = generatorFunction();
      const task = loop.createTask(made);
      task.cancel();
      await errorOf(task);
      expect((await errorOf(loop.createTask(made))).message).toMatch(/cannot reuse/);
    }));

  test('a task that drives its own generator', () =>
    run(async (loop) => {
      const own: Generator<unknown, unknown, unknown>[] = [];
      const made = (function* () {
        return yield* drive(own[0]!);
      })();
      own.push(made);
      expect((await errorOf(loop.createTask(made))).message).toMatch(/cannot reuse/);
    }));

  test('a thunk may be used again: each call begins anew', () =>
    run(async (loop) => {
      let calls = 0;
      const thunk: Coroutine<number> = async () => ++calls;
      expect([await loop.createTask(thunk), await loop.createTask(thunk)]).toEqual([1, 2]);
    }));
});

describe('what a thunk may return', () => {
  test('a future, a task, an operation or a generator is followed inside the task', () =>
    run(async (loop) => {
      const future: Future<number> = loop.createFuture();
      loop.callSoon(() => future.setResult(1));
      const inner = loop.createTask(async () => 2);
      expect(await loop.createTask(() => future)).toBe(1);
      expect(await loop.createTask(() => inner)).toBe(2);
      expect(await loop.createTask(() => sleep(0, 3))).toBe(3);
      expect(await loop.createTask(() => generatorFunction())).toBe(1);
      expect(await loop.createTask(() => finishedOperation(loop, 4))).toBe(4);
    }));

  test('and is cancelled with it', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const task = loop.createTask(() => future);
      const sleeper = loop.createTask(() => sleep(1000));
      await sleep(0);
      task.cancel();
      sleeper.cancel();
      expect(future.cancelled()).toBe(true);
      await errorOf(task);
      await errorOf(sleeper);
      expect([task.cancelled(), sleeper.cancelled()]).toEqual([true, true]);
    }));

  test('the task itself is refused', () =>
    run(async (loop) => {
      const task: Future = loop.createTask(() => task);
      expect((await errorOf(task)).message).toMatch(/Task cannot await on itself/);
    }));

  test('anything else is a TypeError that names the function', () =>
    run(async (loop) => {
      const task = loop.createTask(function work() {
        return 5;
      } as unknown as () => Promise<number>);
      const error = await errorOf(task);
      expect(error).toBeInstanceOf(TypeError);
      expect(error.message).toBe('createTask: work() must return a promise or a generator, got 5');
    }));

  test('an error thrown before there is a promise is the error of the task', () =>
    run(async (loop) => {
      const task = loop.createTask((): Promise<number> => {
        throw new ValueError('at once');
      });
      expect((await errorOf(task)).message).toBe('at once');
    }));
});

test('a bare yield on a closed loop throws there, so that a generator can clean up', async () => {
  const loop = new TaskLoop();
  loop.close();
  const steps: string[] = [];
  function* work(): Generator<unknown, void, unknown> {
    try {
      yield;
      steps.push('went on');
    } finally {
      steps.push('cleaned up');
    }
  }
  expect((await errorOf(operation(loop, work()))).message).toBe('Event loop is closed');
  expect(steps).toEqual(['cleaned up']);
});

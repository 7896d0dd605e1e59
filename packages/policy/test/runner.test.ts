import { ContextVar, copyContext, getEventLoop, isCancelled, KeyboardInterrupt, replacePolicy } from '@tsyncio/core';
import { currentTask, Future, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { BaseDefaultEventLoopPolicy, run, Runner, setEventLoopPolicy } from '@tsyncio/policy';
import { leakAudit, recordExceptions, ScriptedHost } from '@tsyncio/test-support';

leakAudit();

let made: TaskLoop[];
class TestPolicy extends BaseDefaultEventLoopPolicy<TaskLoop> {
  override loopFactory(): TaskLoop {
    const loop = new TaskLoop();
    made.push(loop);
    return loop;
  }
}

beforeEach(() => {
  made = [];
  setEventLoopPolicy(new TestPolicy());
});
afterEach(() => {
  for (const loop of made) expect(loop.isClosed()).toBe(true);
  replacePolicy(null);
});

const expectError = async (work: Promise<unknown>, name: string): Promise<Error> => {
  const error = await work.then(
    () => new Error('an error was expected'),
    (reason: unknown) => reason as Error,
  );
  expect(error.name).toBe(name);
  return error;
};

describe('one loop for several runs', () => {
  test('it is made at the first use, is the current one, and is closed at the end', async () => {
    const runner = new Runner();
    expect(made).toHaveLength(0);
    const loop = runner.getLoop();
    expect(made).toEqual([loop]);
    expect(getEventLoop()).toBe(loop);
    expect(await runner.run(async () => sleep(0, getEventLoop()))).toBe(loop);
    expect(await runner.run(async () => sleep(0, getEventLoop()))).toBe(loop);
    await runner.close();
    expect(loop.isClosed()).toBe(true);
    expect(() => getEventLoop()).toThrow('There is no current event loop');
    await runner.close();
  });

  test('tasks of the first run go on in the second, and end with the runner', async () => {
    const seen: string[] = [];
    {
      await using runner = new Runner();
      await runner.run(async () => {
        void runner.getLoop().createTask(async () => {
          try {
            for (let i = 0; ; i++) {
              await sleep(0);
              seen.push(String(i));
            }
          } finally {
            seen.push('cancelled');
          }
        });
        await sleep(0);
        await sleep(0);
      });
      const { length } = seen;
      await runner.run(async () => sleep(0.005));
      expect(seen.length).toBeGreaterThan(length);
      expect(seen).not.toContain('cancelled');
    }
    expect(seen.at(-1)).toBe('cancelled');
  });

  test('the runs share context variables, unless they are given a context', async () => {
    const variable = new ContextVar('variable', { default: 'outside' });
    variable.set('before');
    await using runner = new Runner();
    await runner.run(async () => void variable.set('first'));
    expect(await runner.run(async () => variable.get())).toBe('first');
    const context = copyContext();
    expect(await runner.run(async () => variable.get(), { context })).toBe('before');
    await runner.run(async () => void variable.set('own'), { context });
    expect(context.get(variable)).toBe('own');
    expect(await runner.run(async () => variable.get())).toBe('first');
    expect(variable.get()).toBe('before');
    variable.set('outside');
  });

  test('a closed runner makes and runs nothing', async () => {
    const runner = new Runner();
    await runner.close();
    // It had made nothing, and can still be used.
    expect(await runner.run(async () => 1)).toBe(1);
    await runner.close();
    expect(() => runner.getLoop()).toThrow('Runner is closed');
    await expect(runner.run(async () => 1)).rejects.toThrow('Runner is closed');
    expect(made).toHaveLength(1);
  });

  test.each([5, null, Promise.resolve(), function* () {}])('run(%p) is a TypeError and makes no loop', async (bad) => {
    await expect(new Runner().run(bad as never)).rejects.toThrow(TypeError);
    expect(made).toHaveLength(0);
  });

  test('neither run nor close inside of a running loop', async () => {
    await using runner = new Runner();
    await runner.run(async () => {
      await expect(runner.run(async () => 1)).rejects.toThrow('cannot be called from a running event loop');
      await expect(new Runner().run(async () => 1)).rejects.toThrow('cannot be called from a running event loop');
      await expect(runner.close()).rejects.toThrow('Cannot close a Runner that is running');
    });
    // Beside a run, in plain Node code.
    const first = runner.run(async () => sleep(0.01, 'first'));
    await expect(runner.run(async () => 1)).rejects.toThrow('running already');
    await expect(runner.close()).rejects.toThrow('Cannot close a Runner that is running');
    expect(await first).toBe('first');
  });

  test('loopFactory: neither the policy nor the current loop is touched; debug is set', async () => {
    const loop = new TaskLoop({ debug: false });
    const runner = new Runner({ loopFactory: () => loop, debug: true });
    expect(runner.getLoop()).toBe(loop);
    expect(loop.getDebug()).toBe(true);
    const { setEventLoop } = TestPolicy.prototype;
    TestPolicy.prototype.setEventLoop = () => {
      throw new Error('touched');
    };
    try {
      await runner.close();
    } finally {
      TestPolicy.prototype.setEventLoop = setEventLoop;
    }
    expect(loop.isClosed()).toBe(true);
    expect(made).toHaveLength(0);
  });

  test('the default executor of a loop that has one is shut down last, with five minutes', async () => {
    const seen: unknown[] = [];
    class WithExecutor extends TaskLoop {
      override shutdownAsyncgens(): ReturnType<TaskLoop['shutdownAsyncgens']> {
        seen.push('generators');
        return super.shutdownAsyncgens();
      }
      shutdownDefaultExecutor(timeout: number): Future<void> {
        seen.push(this instanceof WithExecutor, timeout);
        const done = this.createFuture<void>();
        this.callSoon(() => done.setResult());
        return done;
      }
    }
    await run(async () => undefined, { loopFactory: () => new WithExecutor() });
    expect(seen).toEqual(['generators', true, 300]);
  });
});

describe('SIGINT', () => {
  let host: ScriptedHost;
  let loop: TaskLoop;
  beforeEach(() => {
    host = new ScriptedHost();
    loop = new TaskLoop({ host, clock: host.clock });
  });
  afterEach(() => {
    expect(host.signals).toEqual({});
    expect(loop.isClosed()).toBe(true);
  });
  const runHere = <T>(main: () => Promise<T>): Promise<T> => host.drive(run(main, { loopFactory: () => loop }));
  const interruptAfter = (delay: number): void => void loop.callLater(delay, () => host.signal('SIGINT'));

  test('the first cancels the main task, which can clean up; then run fails with KeyboardInterrupt', async () => {
    const seen: string[] = [];
    interruptAfter(1);
    const error = await expectError(
      runHere(async () => {
        try {
          await sleep(1000);
        } finally {
          seen.push(`${currentTask()!.cancelling()} at ${loop.time()}`);
          await sleep(2);
          seen.push(`cleaned at ${loop.time()}`);
        }
      }),
      'KeyboardInterrupt',
    );
    expect(isCancelled(error.cause)).toBe(true);
    expect(seen).toEqual(['1 at 1', 'cleaned at 3']);
  });

  test('the others are cancelled afterwards, as always', async () => {
    const seen: string[] = [];
    interruptAfter(1);
    await expectError(
      runHere(async () => {
        void loop.createTask(async () => {
          try {
            await sleep(1000);
          } finally {
            seen.push('other');
          }
        });
        try {
          await sleep(1000);
        } finally {
          seen.push('main');
        }
      }),
      'KeyboardInterrupt',
    );
    expect(seen).toEqual(['main', 'other']);
  });

  test('the second ends the run at once', async () => {
    const seen: string[] = [];
    interruptAfter(1);
    interruptAfter(2);
    await expectError(
      runHere(async () => {
        try {
          await sleep(1000);
        } catch {
          seen.push('ignored');
        }
        try {
          await sleep(1000);
        } finally {
          seen.push(`ended at ${loop.time()}`);
        }
      }),
      'KeyboardInterrupt',
    );
    expect(seen).toEqual(['ignored', 'ended at 2']);
  });

  test('a main task that answers with a result, or another error, has its way', async () => {
    interruptAfter(1);
    expect(
      await runHere(async () => {
        try {
          await sleep(1000);
        } catch {
          return 'stopped';
        }
        return 'not stopped';
      }),
    ).toBe('stopped');
    loop = new TaskLoop({ host, clock: host.clock });
    interruptAfter(1);
    await expect(
      runHere(async () => {
        try {
          await sleep(1000);
        } catch {
          throw new RangeError('instead');
        }
      }),
    ).rejects.toThrow(RangeError);
  });

  test('cancelled by somebody else too, it is a CancelledError', async () => {
    await expectError(
      runHere(async () => {
        const main = currentTask()!;
        loop.callLater(1, () => {
          main.cancel();
          host.signal('SIGINT');
        });
        await sleep(1000);
      }),
      'CancelledError',
    );
  });

  test('a handler of the loop goes first, and only while it is there', async () => {
    const seen: string[] = [];
    interruptAfter(1);
    interruptAfter(2);
    await expectError(
      runHere(async () => {
        loop.addSignalHandler('SIGINT', () => {
          seen.push('handled');
          loop.removeSignalHandler('SIGINT');
        });
        await sleep(1000);
      }),
      'KeyboardInterrupt',
    );
    expect(seen).toEqual(['handled']);
    expect(loop.time()).toBe(2);
  });

  test('each run of a runner begins to count anew, and between them nobody listens', async () => {
    const runner = new Runner({ loopFactory: () => loop });
    for (let i = 0; i < 2; i++) {
      interruptAfter(1);
      const work = runner.run(async () => sleep(1000));
      await expectError(host.drive(work), 'KeyboardInterrupt');
      expect(host.signals).toEqual({});
    }
    expect(await host.drive(runner.run(async () => 1))).toBe(1);
    await host.drive(runner.close());
  });

  test('a task of a kind that does not count cancellations: CancelledError', async () => {
    loop.setTaskFactory(<T>(_loop: unknown, coroutine: unknown) => {
      const future = new Future<T>({ loop });
      void coroutine;
      return future;
    });
    interruptAfter(1);
    const runner = new Runner({ loopFactory: () => loop });
    await expectError(host.drive(runner.run(async () => undefined)), 'CancelledError');
    loop.setTaskFactory(null);
    await host.drive(runner.close());
  });

  test('a KeyboardInterrupt of the main task itself comes out, and is not reported', async () => {
    const reports = recordExceptions(loop);
    const own = new KeyboardInterrupt('own');
    await expect(
      runHere(async () => {
        await sleep(1);
        throw own;
      }),
    ).rejects.toBe(own);
    expect(reports).toEqual([]);
  });
});

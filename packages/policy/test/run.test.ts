import { copyContext, getEventLoop, getRunningLoop, replacePolicy, type ExceptionContext } from '@tsyncio/core';
import { asyncgen, gather, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { BaseDefaultEventLoopPolicy, run, setEventLoopPolicy } from '@tsyncio/policy';

let made: TaskLoop[];
let reports: ExceptionContext[];
let expectedReports: number;

class TestPolicy extends BaseDefaultEventLoopPolicy<TaskLoop> {
  override getEventLoop(): TaskLoop {
    if (made.length > 0) throw new Error('RUN-11: the policy must not be asked');
    return super.getEventLoop();
  }
  override loopFactory(): TaskLoop {
    const loop = new TaskLoop();
    loop.setExceptionHandler((_loop, context) => void reports.push(context));
    made.push(loop);
    return loop;
  }
}

const currentLoop = (): TaskLoop => getRunningLoop() as unknown as TaskLoop;

beforeEach(() => {
  made = [];
  reports = [];
  expectedReports = 0;
  setEventLoopPolicy(new TestPolicy());
});
afterEach(() => {
  expect(reports).toHaveLength(expectedReports);
  for (const loop of made) expect(loop.isClosed()).toBe(true);
  replacePolicy(null);
});

test('RUN-01 RUN-11 run() makes a loop, gives the result and closes the loop; each run has its own', async () => {
  let inside: unknown;
  expect(
    await run(async () => {
      inside = getEventLoop();
      await sleep(0);
      return 42;
    }),
  ).toBe(42);
  expect(inside).toBe(made[0]);
  await run(async () => undefined);
  expect(made).toHaveLength(2);
});

test('RUN-01 an error of main is the one raised, and the loop is closed', async () => {
  const error = new Error('main');
  await expect(
    run(async () => {
      await sleep(0);
      throw error;
    }),
  ).rejects.toBe(error);
  expect(made[0]!.isClosed()).toBe(true);
});

test.each([5, 'main', null, Promise.resolve(), function* () {}])(
  'RUN-02 run(%p) is a TypeError and makes no loop',
  async (bad) => {
    await expect(run(bad as never)).rejects.toThrow(TypeError);
    expect(made).toHaveLength(0);
  },
);

test('RUN-03 run() inside a running loop is a RuntimeError, before the argument is looked at', async () => {
  await run(async () => {
    await expect(run(5 as never)).rejects.toThrow('run() cannot be called from a running event loop');
  });
  expect(made).toHaveLength(1);
});

test('RUN-04 debug sets the flag of the loop; without it the default stays', async () => {
  const flag = () => run(async () => currentLoop().getDebug());
  const usual = await flag();
  expect(await run(async () => currentLoop().getDebug(), { debug: true })).toBe(true);
  expect(await run(async () => currentLoop().getDebug(), { debug: false })).toBe(false);
  expect(usual).toBe(Boolean(process.env['TSYNCIO_DEBUG'] || process.env['PYTHONASYNCIODEBUG']));
});

test('RUN-05 afterwards there is no current loop', async () => {
  await run(async () => undefined);
  made = [];
  expect(() => getEventLoop()).toThrow('There is no current event loop');
});

test.each(['returned', 'failed'])(
  'RUN-06 RUN-07 what main left behind is cancelled and awaited when it %s',
  async (how) => {
    const seen: string[] = [];
    const main = run(async () => {
      for (const name of ['a', 'b']) {
        void currentLoop().createTask(async () => {
          try {
            await sleep(1000);
          } finally {
            await sleep(0.001);
            seen.push(`${name} cleaned`);
          }
        });
      }
      await sleep(0);
      if (how === 'failed') throw new Error('main');
      return 1;
    });
    if (how === 'failed') await expect(main).rejects.toThrow('main');
    else expect(await main).toBe(1);
    expect(seen).toEqual(['a cleaned', 'b cleaned']);
  },
);

test('RUN-08 a leftover that answers with an error is reported, and the result stands', async () => {
  expectedReports = 1;
  const error = new Error('clean-up');
  const result = await run(async () => {
    void currentLoop().createTask(async () => {
      try {
        await sleep(1000);
      } catch {
        throw error;
      }
    });
    await sleep(0);
    return 'fine';
  });
  expect(result).toBe('fine');
  expect(reports[0]).toMatchObject({ message: 'unhandled exception during asyncio.run() shutdown', exception: error });
  expect(String(reports[0]!.task)).toContain('Task finished');
});

test('RUN-09 asynchronous generators are shut down after the tasks, also those of cancelled tasks', async () => {
  const seen: string[] = [];
  const numbers = asyncgen(async function* (name: string) {
    try {
      for (let i = 0; ; i++) {
        yield i;
        await sleep(0);
      }
    } finally {
      await sleep(0);
      seen.push(`${name} closed`);
    }
  });
  await run(async () => {
    const left = numbers('left');
    await left.next();
    void currentLoop().createTask(async () => {
      const held = numbers('held');
      await held.next();
      try {
        await sleep(1000);
      } finally {
        seen.push('task cancelled');
        await held.next();
      }
    });
    await sleep(0);
    await sleep(0);
  });
  expect(seen[0]).toBe('task cancelled');
  expect(seen.slice(1).sort()).toEqual(['held closed', 'left closed']);
});

test('RUN-10 tasks made while leftovers are cancelled are not cancelled in turn', async () => {
  const seen: string[] = [];
  await run(async () => {
    const loop = currentLoop();
    void loop.createTask(async () => {
      try {
        await sleep(1000);
      } finally {
        void loop.createTask(async () => {
          seen.push('late began');
          try {
            await sleep(1000);
          } finally {
            seen.push('late ended');
          }
        });
      }
    });
    await sleep(0);
  });
  expect(seen).toEqual(['late began']);
});

test('a cancelled task in a foreign wait is given up after shutdownTimeout and reported by name', async () => {
  expectedReports = 1;
  await run(
    async () => {
      void currentLoop().createTask(() => new Promise<void>(() => undefined), { name: 'stuck' });
      await sleep(0);
    },
    { shutdownTimeout: 0.01 },
  );
  expect(reports[0]!.message).toContain('task stuck still waits for a promise outside of the loop');
});

test('clean-up that waits for the loop may take longer than shutdownTimeout', async () => {
  const seen: string[] = [];
  await run(
    async () => {
      void currentLoop().createTask(async () => {
        try {
          await sleep(1000);
        } finally {
          await sleep(0.05);
          seen.push('cleaned');
        }
      });
      await sleep(0);
    },
    { shutdownTimeout: 0.01 },
  );
  expect(seen).toEqual(['cleaned']);
});

test('loopFactory makes the loop without the policy', async () => {
  const loop = new TaskLoop();
  expect(await run(async () => getRunningLoop() as unknown, { loopFactory: () => loop })).toBe(loop);
  expect(loop.isClosed()).toBe(true);
  expect(made).toHaveLength(0);
});

test.each([
  [{ shutdownTimeout: 'soon' }, TypeError],
  [{ shutdownTimeout: -1 }, 'must not be negative'],
  [{ shutdownTimeout: NaN }, 'must not be negative'],
  [{ loopFactory: () => ({}) }, TypeError],
])('bad options %p are refused', async (options, error) => {
  await expect(run(async () => undefined, options as never)).rejects.toThrow(error);
});

test('two programs started from plain Node code run side by side', async () => {
  const seen: string[] = [];
  const program = (name: string) =>
    run(async () => {
      for (let i = 0; i < 3; i++) {
        await sleep(0.001);
        seen.push(name);
      }
      return currentLoop();
    });
  const [a, b] = await Promise.all([program('a'), program('b')]);
  expect(a).not.toBe(b);
  expect(seen.sort()).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
});

test('gather of generator and async coroutines as main', async () => {
  const value = await run(async () =>
    gather(
      async () => 1,
      (function* () {
        yield;
        return 2;
      })(),
    ),
  );
  expect(value).toEqual([1, 2]);
  expect(copyContext().size).toBe(0);
});

import { CancelledError } from '@tsyncio/core';
import { asyncgen, isFuture, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { collectGarbage, leakAudit } from '@tsyncio/test-support';
import { play, World } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

/** Counts up, and needs a second to end. */
async function* counter(trace: string[], name = 'g'): AsyncGenerator<number, void, unknown> {
  try {
    for (let n = 1; ; n++) yield n;
  } finally {
    trace.push(`${name} ends`);
    await sleep(1);
    trace.push(`${name} ended`);
  }
}

describe.each([
  ['loop.asyncgen(generator)', (loop: TaskLoop, trace: string[], name?: string) => loop.asyncgen(counter(trace, name))],
  ['asyncgen(fn)', (_loop: TaskLoop, trace: string[], name?: string) => asyncgen(counter)(trace, name)],
])('%s', (_title, make) => {
  test('ASYNCGEN-01, -02 one that was stepped is closed to its very end, one that was not is left alone', () =>
    play(async ({ loop, trace }) => {
      const idle = make(loop as never, trace, 'idle');
      const stepped = [make(loop as never, trace, 'a'), make(loop as never, trace, 'b')];
      for (const one of stepped) expect(await one.next()).toEqual({ done: false, value: 1 });
      await loop.shutdownAsyncgens();
      expect([trace, loop.time()]).toEqual([['a ends', 'b ends', 'a ended', 'b ended'], 1]);
      expect(await idle.next()).toEqual({ done: false, value: 1 });
      await idle.return(undefined);
    }));

  test('ASYNCGEN-03 after that a step says that it is done', () =>
    play(async ({ loop, trace }) => {
      const generator = make(loop as never, trace);
      await generator.next();
      await loop.shutdownAsyncgens();
      expect([await generator.next(), await generator.next()]).toEqual([
        { done: true, value: undefined },
        { done: true, value: undefined },
      ]);
    }));

  test('ASYNCGEN-06 one that is collected before its end is closed by a task of the loop', async () => {
    const world = new World();
    const { loop, trace } = world;
    await world.run(async () => {
      await make(loop as never, trace).next();
    });
    // Nothing runs the loop now: the task begins in its next run.
    expect(await collectGarbage(() => loop.threadsafeCalls > 0)).toBe(true);
    expect(trace).toEqual([]);
    await world.run(() => sleep(2));
    expect(trace).toEqual(['g ends', 'g ended']);
    // It is forgotten: nothing is left to shut down.
    expect(loop.shutdownAsyncgens().done()).toBe(true);
    loop.close();
    expect(world.takeReports()).toEqual([]);
  });
});

test('ASYNCGEN-01 hooks are in force only during a run: one that began outside belongs to no loop', async () => {
  const world = new World();
  const { loop, trace } = world;
  const early = asyncgen(counter)(trace, 'early');
  expect(await early.next()).toEqual({ done: false, value: 1 });
  await world.run(async () => {
    expect(await early.next()).toEqual({ done: false, value: 2 });
    const inside = asyncgen(counter)(trace, 'inside');
    await inside.next();
    await loop.shutdownAsyncgens();
  });
  expect(trace).toEqual(['inside ends', 'inside ended']);
  await errorOf(
    world.run(async () => {
      throw new Error('the run fails');
    }),
  );
  const late = asyncgen(counter)(trace, 'late');
  await late.next();
  expect(loop.shutdownAsyncgens().done()).toBe(true);
  loop.close();
});

test('ASYNCGEN-02 with nothing registered it returns at once, and it can be repeated', () =>
  play(async (world) => {
    const before = world.iteration;
    for (let i = 0; i < 3; i++) await world.loop.shutdownAsyncgens();
    expect(world.iteration - before).toBe(0);
  }));

test('ASYNCGEN-02 those that have ended are not closed again', () =>
  play(async ({ loop, trace }) => {
    async function* two() {
      try {
        yield 1;
        yield 2;
      } finally {
        trace.push('ended');
      }
    }
    const seen: number[] = [];
    for await (const n of loop.asyncgen(two())) seen.push(n);
    for await (const n of loop.asyncgen(two())) {
      seen.push(n);
      break;
    }
    const thrown = loop.asyncgen(two());
    await thrown.next();
    expect((await errorOf(thrown.throw(new Error('into it')))).message).toBe('into it');
    {
      await using held = loop.asyncgen(two());
      await held.next();
    }
    expect([seen, trace.length, loop.shutdownAsyncgens().done()]).toEqual([[1, 2, 1], 4, true]);
  }));

test('ASYNCGEN-04 a failing clean-up is reported and stops neither the others nor the call', () =>
  play(async (world) => {
    const { loop, trace } = world;
    const error = new Error('clean-up failed');
    async function* fails(what: unknown) {
      try {
        yield 1;
      } finally {
        await sleep(1);
        // eslint-disable-next-line no-unsafe-finally
        throw what;
      }
    }
    const bad = fails(error);
    await loop.asyncgen(bad).next();
    await loop.asyncgen(fails(new CancelledError())).next();
    await loop.asyncgen(counter(trace)).next();
    await loop.shutdownAsyncgens();
    expect(trace).toEqual(['g ends', 'g ended']);
    const reports = world.takeReports();
    expect(reports.length).toBe(1);
    expect(reports[0]!.message).toMatch(/^an error occurred during closing of asynchronous generator <AsyncGenerator/);
    expect([reports[0]!.exception, reports[0]!.asyncgen]).toEqual([error, bad]);
  }));

test('ASYNCGEN-04 one in the middle of a step is reported, and does not hold the call up', () =>
  play(async (world) => {
    const { loop, trace } = world;
    const gate = loop.createFuture<void>();
    const generator = loop.asyncgen(
      (async function* () {
        try {
          yield 1;
          await gate;
          yield 2;
        } finally {
          trace.push('ended');
        }
      })(),
    );
    await generator.next();
    const reader = loop.createTask(() => generator.next());
    await sleep(0);
    await loop.shutdownAsyncgens();
    const reports = world.takeReports();
    expect(reports.map(({ exception }) => String(exception))).toEqual([
      'RuntimeError: close: the asynchronous generator is already running',
    ]);
    expect(trace).toEqual([]);
    gate.setResult();
    expect(await reader).toEqual({ done: false, value: 2 });
    await generator.return(undefined);
    expect(trace).toEqual(['ended']);
  }));

test('ASYNCGEN-04 one that goes on yielding is reported', () =>
  play(async (world) => {
    async function* stubborn() {
      try {
        yield 1;
      } finally {
        yield 2;
      }
    }
    const generator = world.loop.asyncgen(stubborn());
    await generator.next();
    await world.loop.shutdownAsyncgens();
    expect(world.takeReports().map(({ exception }) => (exception as Error).name)).toEqual(['RuntimeError']);
    await generator.next();
  }));

test('ASYNCGEN-05 after the shutdown a new one is warned about, and works all the same', () =>
  play(async ({ host, loop, trace }) => {
    await loop.shutdownAsyncgens();
    const generator = asyncgen(counter)(trace);
    expect(host.log.filter((line) => line.startsWith('warn'))).toEqual([]);
    expect(await generator.next()).toEqual({ done: false, value: 1 });
    expect(await generator.next()).toEqual({ done: false, value: 2 });
    expect(host.log.filter((line) => line.startsWith('warn'))).toEqual([
      'warn ResourceWarning: asynchronous generator <AsyncGenerator counter> was scheduled after loop.shutdownAsyncgens() call',
    ]);
    await loop.shutdownAsyncgens();
    expect(trace).toEqual(['g ends', 'g ended']);
  }));

test('ASYNCGEN-02 values pass through as they are: a future given by a hand-written generator stays one', () =>
  play(async ({ loop }) => {
    const future = loop.createFuture<number>();
    const handWritten = {
      next: () => Promise.resolve({ done: false as const, value: future }),
      return: () => Promise.resolve({ done: true as const, value: undefined }),
      throw: (error: unknown) => Promise.reject(error),
      [Symbol.asyncIterator]() {
        return this;
      },
    };
    const generator = loop.asyncgen(handWritten as unknown as AsyncGenerator<typeof future>);
    const { value } = await generator.next();
    expect([value === future, isFuture(value), loop.asyncgen(generator) === generator]).toEqual([true, true, true]);
    await generator.return(undefined);
  }));

test('ASYNCGEN-01 what is no asynchronous generator is a TypeError', async () => {
  const loop = new TaskLoop();
  for (const wrong of [null, 1, {}, (function* () {})(), Promise.resolve(), async function* () {}]) {
    expect((await errorOf(() => loop.asyncgen(wrong as never))).name).toBe('TypeError');
  }
  expect((await errorOf(() => asyncgen(5 as never))).name).toBe('TypeError');
  expect((await errorOf(() => asyncgen((() => 5) as never)())).name).toBe('TypeError');
  loop.close();
});

import { isCancelled, RuntimeError } from '@tsyncio/core';
import { gather, shield, sleep, TaskLoop, type Future } from '@tsyncio/futures-tasks';
import { collectGarbage, leakAudit } from '@tsyncio/test-support';
import { play, World } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

const after =
  <T>(delay: number, value: T) =>
  (): Promise<T> =>
    sleep(delay, value);

function failAfter(delay: number, message: string): () => Promise<never> {
  return async () => {
    await sleep(delay);
    throw new Error(message);
  };
}

test('GATHER-01 it returns a future at once; coroutines become tasks at the call, in argument order', () =>
  play(async ({ loop, trace }) => {
    const body = (name: string) => async () => trace.push(name);
    const future = gather(body('a'), body('b'), body('c'));
    expect([future.getLoop() === loop, future.done(), trace]).toEqual([true, false, []]);
    loop.callSoon(() => trace.push('callback'));
    await future;
    expect(trace).toEqual(['a', 'b', 'c', 'callback']);
  }));

test('GATHER-02 results stand in argument order, whatever the order of completion', () =>
  play(async () => {
    expect(await gather(after(3, 'a'), after(1, 'b'), after(2, 'c'))).toEqual(['a', 'b', 'c']);
  }));

test('GATHER-03 without arguments: an empty list, done at once, of the loop given or the current one', async () => {
  const loop = new TaskLoop();
  const given = gather({ loop });
  expect([given.done(), given.result(), given.getLoop() === loop]).toEqual([true, [], true]);
  loop.close();
  await play(async (world) => {
    const current = gather();
    expect([current.done(), current.result(), current.getLoop()]).toEqual([true, [], world.loop]);
  });
  expect((await errorOf(() => gather())).name).toBe('RuntimeError');
});

test('GATHER-04 the same awaitable several times runs once, and its result is at each position', () =>
  play(async ({ loop }) => {
    let runs = 0;
    const once = async () => ++runs;
    const future = loop.createFuture<string>();
    loop.callLater(1, () => future.setResult('f'));
    expect(await gather(once, future, once, future)).toEqual([1, 'f', 1, 'f']);
    expect(runs).toBe(1);
  }));

test('GATHER-05, -06 the first error is passed on at once, the others go on, and their errors count as retrieved', () =>
  play(async (world) => {
    const { loop, trace } = world;
    const last = loop.createTask(after(3, 'last'));
    const future = gather(failAfter(1, 'first'), failAfter(2, 'second'), last);
    const error = await errorOf(future);
    expect([error.message, loop.time(), last.done()]).toEqual(['first', 1, false]);
    expect(await last).toBe('last');
    expect([trace, world.takeReports()]).toEqual([[], []]);
  }));

test('GATHER-06 the error of a child that fails later is not reported when it is collected', async () => {
  const world = new World();
  await world.run(async () => {
    await errorOf(gather(failAfter(1, 'first'), failAfter(2, 'second')));
    await sleep(5);
  });
  let turns = 0;
  await collectGarbage(() => ++turns > 5);
  world.loop.close();
  expect(world.takeReports()).toEqual([]);
});

test('GATHER-07 with returnExceptions it ends when all have ended, and errors stand at their places', () =>
  play(async ({ loop }) => {
    const cancelled = loop.createTask(after(9, 'never'));
    loop.callLater(1, () => cancelled.cancel());
    const results = await gather(failAfter(1, 'bad'), cancelled, after(3, 'good'), { returnExceptions: true });
    expect(loop.time()).toBe(3);
    expect(results[0].message).toBe('bad');
    expect(isCancelled(results[1])).toBe(true);
    expect(results[2]).toBe('good');
  }));

test('GATHER-08 a cancelled child is a CancelledError as failure: nothing else is cancelled', () =>
  play(async ({ loop }) => {
    const victim = loop.createTask(after(9, 'never'));
    const other = loop.createTask(after(2, 'other'));
    const future = gather(victim, other);
    loop.callLater(1, () => victim.cancel());
    expect(isCancelled(await errorOf(future))).toBe(true);
    expect([future.cancelled(), future.done(), isCancelled(future.exception()), loop.time()]).toEqual([
      false,
      true,
      true,
      1,
    ]);
    expect([other.cancelled(), await other]).toEqual([false, 'other']);
  }));

/** Children that note a request to cancel, and need a second to end. */
function stubborn(trace: string[], name: string) {
  return async () => {
    try {
      return await sleep(10, name);
    } finally {
      trace.push(`${name} ends`);
      await sleep(1);
      trace.push(`${name} ended`);
    }
  };
}

test('GATHER-09 cancel asks every unfinished child, and the future ends when they have ended', () =>
  play(async ({ loop, trace }) => {
    const done = loop.createFuture<number>();
    done.setResult(1);
    const future = gather(done, stubborn(trace, 'a'), stubborn(trace, 'b'));
    await sleep(1);
    expect([future.cancel(), future.done()]).toEqual([true, false]);
    await sleep(0.5);
    expect([future.done(), trace]).toEqual([false, ['a ends', 'b ends']]);
    expect(isCancelled(await errorOf(future))).toBe(true);
    expect([loop.time(), trace.length]).toEqual([2, 4]);
  }));

test('GATHER-10 cancelled, it raises CancelledError also with returnExceptions, and if a child swallowed the request', () =>
  play(async ({ loop }) => {
    const swallow = async () => {
      try {
        await sleep(10);
      } catch {
        return 'kept on';
      }
      return 'not cancelled';
    };
    for (const returnExceptions of [true, false]) {
      const future = gather(swallow, after(10, 'b'), { returnExceptions });
      await sleep(1);
      expect(future.cancel()).toBe(true);
      expect(isCancelled(await errorOf(future))).toBe(true);
      expect([future.cancelled(), isCancelled(future.exception())]).toEqual([false, true]);
    }
    const alone = gather(swallow);
    await sleep(1);
    alone.cancel();
    expect([isCancelled(await errorOf(alone)), alone.cancelled()]).toEqual([true, false]);
    expect(loop.time()).toBe(3);
  }));

test('GATHER-11 cancel gives false when it is done, or when all children are', () =>
  play(async ({ loop }) => {
    const other = loop.createTask(after(3, 'other'));
    const failed = gather(failAfter(1, 'bad'), other);
    await errorOf(failed);
    expect([failed.cancel(), await other]).toEqual([false, 'other']);
    const done = loop.createFuture<number>();
    done.setResult(1);
    const pending = gather(done);
    expect([pending.done(), pending.cancel(), pending.cancel()]).toEqual([false, false, false]);
    expect(await pending).toEqual([1]);
    expect(pending.cancel()).toBe(false);
  }));

test('GATHER-12 cancelling the task that awaits it cancels all children, and the task ends cancelled', () =>
  play(async ({ loop, trace }) => {
    const task = loop.createTask(async () => gather(stubborn(trace, 'a'), stubborn(trace, 'b')));
    await sleep(1);
    task.cancel();
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect([task.cancelled(), trace, loop.time()]).toEqual([true, ['a ends', 'b ends', 'a ended', 'b ended'], 2]);
  }));

test('GATHER-13 coroutines cancelled before they began never run', () =>
  play(async ({ trace }) => {
    const body = async () => trace.push('ran');
    function* generator() {
      trace.push('ran');
      yield;
    }
    const future = gather(body, body.bind(null), generator());
    expect(future.cancel()).toBe(true);
    expect(isCancelled(await errorOf(future))).toBe(true);
    await sleep(1);
    expect(trace).toEqual([]);
  }));

test('GATHER-14 with all children done it is pending at the call and done in the next iteration', () =>
  play(async (world) => {
    const child = world.loop.createFuture<string>();
    child.setResult('done');
    const future = gather(child);
    expect(future.done()).toBe(false);
    const before = world.iteration;
    await sleep(0);
    expect([world.iteration - before, future.done(), future.result()]).toEqual([1, true, ['done']]);
  }));

test('GATHER-15 children of different loops, and what is no awaitable, are errors of the call', () =>
  play(async ({ loop }) => {
    const other = new TaskLoop();
    const ours: Future<number> = loop.createFuture();
    const theirs: Future<number> = other.createFuture();
    expect((await errorOf(() => gather(ours, theirs))).name).toBe('ValueError');
    expect((await errorOf(() => gather(ours, { loop: other }))).name).toBe('ValueError');
    expect(gather(theirs).getLoop()).toBe(other);
    for (const wrong of [1, 'text', null, [1]]) {
      expect((await errorOf(() => gather(wrong as never, ours))).name).toBe('TypeError');
    }
    other.close();
  }));

test('GATHER-15 an unknown option, and options that do not stand last, are TypeErrors', () =>
  play(async ({ loop }) => {
    const child = loop.createFuture<number>();
    expect((await errorOf(() => gather(child, { return_exceptions: true } as never))).message).toMatch(
      /unknown option 'return_exceptions'/,
    );
    expect((await errorOf(() => gather({ returnExceptions: true } as never, child))).name).toBe('TypeError');
    child.setException(new RuntimeError('seen'));
    const bare = Object.assign(Object.create(null) as object, { returnExceptions: true as const });
    expect(await gather(child, bare)).toEqual([child.exception()]);
  }));

test('GATHER-16 an inner list stands in the outer one', () =>
  play(async () => {
    expect(await gather(gather(after(1, 'a'), after(2, 'b')), after(1, 'c'))).toEqual([['a', 'b'], 'c']);
    const future = gather(gather(shield(after(1, 'a'))), gather());
    expect(await future).toEqual([['a'], []]);
  }));

test('GATHER-05 a child that throws what is no Error is a failure too', () =>
  play(async () => {
    const thrower = (value: unknown) => async () => {
      await sleep(1);
      throw value;
    };
    const caught: unknown[] = [];
    for (const value of [undefined, 'text', 0]) {
      await gather(thrower(value)).then(
        () => caught.push('no error'),
        (error: unknown) => caught.push(error),
      );
    }
    expect(caught).toEqual([undefined, 'text', 0]);
  }));

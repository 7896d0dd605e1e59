import { brand, ConcurrentFuture, isCancelled } from '@tsyncio/core';
import { ensureFuture, Future, isFuture, sleep, TaskLoop, wrapFuture } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

/** A future of another make: it has the brand, and what a task needs to wait for it. */
class ForeignFuture {
  static {
    brand(this.prototype, 'Future');
  }
  constructor(private readonly inner: Future<string>) {}
  getLoop(): unknown {
    return this.inner.getLoop();
  }
  then(...args: Parameters<Promise<string>['then']>): Promise<unknown> {
    return this.inner.then(...args);
  }
  [Symbol.iterator](): Iterator<unknown, string, unknown> {
    return this.inner[Symbol.iterator]();
  }
}

test('FUT-WRAP-01 isFuture: futures, tasks and what has the brand; no classes, numbers or concurrent futures', () =>
  play(async ({ loop }) => {
    const task = loop.createTask(async () => 1);
    for (const yes of [loop.createFuture(), task, new ForeignFuture(loop.createFuture())]) {
      expect(isFuture(yes)).toBe(true);
    }
    const no = [Future, ForeignFuture, 1, null, undefined, new ConcurrentFuture(), Promise.resolve(), sleep(0)];
    for (const one of no) expect(isFuture(one)).toBe(false);
    await task;
  }));

test('FUT-WRAP-02 a future of another make can be awaited, and passes through unchanged', () =>
  play(async ({ loop }) => {
    const inner = loop.createFuture<string>();
    const foreign = new ForeignFuture(inner);
    expect(ensureFuture(foreign as never)).toBe(foreign);
    expect(wrapFuture(foreign as never)).toBe(foreign);
    loop.callLater(1, () => inner.setResult('foreign'));
    const byGenerator = loop.createTask(
      (function* () {
        return yield* foreign as unknown as Future<string>;
      })(),
    );
    const byAwait = loop.createTask(async () => await foreign);
    expect([await byGenerator, await byAwait]).toEqual(['foreign', 'foreign']);
    const cancelled = loop.createTask(async () => {
      await new ForeignFuture(loop.createFuture());
    });
    await sleep(0);
    cancelled.cancel();
    expect(isCancelled(await errorOf(cancelled))).toBe(true);
  }));

test('FUT-WRAP-03 wrapFuture gives a future back, wraps a concurrent one, and refuses anything else', async () => {
  const other = new TaskLoop();
  await play(async ({ loop }) => {
    const future = loop.createFuture<number>();
    expect(wrapFuture(future)).toBe(future);
    const concurrent = new ConcurrentFuture<number>();
    expect([wrapFuture(concurrent).getLoop(), wrapFuture(concurrent, { loop: other }).getLoop()]).toEqual([
      loop,
      other,
    ]);
    for (const wrong of [1, null, Promise.resolve(), async () => 1]) {
      expect((await errorOf(() => wrapFuture(wrong as never))).name).toBe('TypeError');
    }
  });
  other.close();
  expect((await errorOf(() => wrapFuture(new ConcurrentFuture()))).name).toBe('RuntimeError');
});

test('FUT-WRAP-04 the wrapper ends an iteration after the concurrent future, and as it did', () =>
  play(async ({ loop }) => {
    const error = new Error('the very one');
    const good = new ConcurrentFuture<string>();
    const bad = new ConcurrentFuture<string>();
    const gone = new ConcurrentFuture<string>();
    const wrappers = [good, bad, gone].map((one) => wrapFuture(one));
    // From outside of the loop's own code, as an executor does it.
    loop.callLater(1, () => {
      good.setResult('value');
      bad.setException(error);
      gone.cancel();
      expect(wrappers.map((one) => one.done())).toEqual([false, false, false]);
    });
    expect([await wrappers[0], loop.time()]).toEqual(['value', 1]);
    expect(await errorOf(wrappers[1]!)).toBe(error);
    expect(wrappers[2]!.cancelled()).toBe(true);
    const done = new ConcurrentFuture<number>();
    done.setResult(5);
    const late = wrapFuture(done);
    expect([late.done(), await late]).toEqual([false, 5]);
  }));

test('FUT-WRAP-05 cancelling the wrapper cancels the concurrent future in the next iteration, if it has not begun', () =>
  play(async () => {
    const waiting = new ConcurrentFuture<void>();
    const running = new ConcurrentFuture<void>();
    running.setRunningOrNotifyCancel();
    const wrappers = [wrapFuture(waiting), wrapFuture(running)];
    for (const wrapper of wrappers) wrapper.cancel();
    expect(waiting.cancelled()).toBe(false);
    await sleep(0);
    expect([waiting.cancelled(), running.cancelled(), running.running()]).toEqual([true, false, true]);
    running.setResult();
    await sleep(0);
    expect(wrappers.map((one) => one.cancelled())).toEqual([true, true]);
  }));

test('FUT-WRAP-06 finished first and cancelled before delivery: each keeps its own state', () =>
  play(async () => {
    for (const fail of [false, true]) {
      const concurrent = new ConcurrentFuture<string>();
      const wrapper = wrapFuture(concurrent);
      if (fail) concurrent.setException(new Error('there'));
      else concurrent.setResult('there');
      wrapper.cancel();
      await sleep(0);
      await sleep(0);
      expect([wrapper.cancelled(), concurrent.cancelled(), concurrent.done()]).toEqual([true, false, true]);
    }
  }));

test('FUT-WRAP-04 a concurrent future that finishes after the loop was closed tells nobody', async () => {
  const loop = new TaskLoop();
  const concurrent = new ConcurrentFuture<number>();
  const wrapper = wrapFuture(concurrent, { loop });
  loop.close();
  concurrent.setResult(1);
  expect([concurrent.result(), wrapper.done()]).toEqual([1, false]);
});

test('FUT-WRAP-07 a concurrent future cannot be cancelled while it runs; its callbacks run at once', () => {
  const seen: string[] = [];
  const running = new ConcurrentFuture<number>();
  running.addDoneCallback((future) => seen.push(`done ${future.result()}`));
  running.setRunningOrNotifyCancel();
  expect([running.cancel(), running.cancelled()]).toEqual([false, false]);
  running.setResult(1);
  seen.push('after setResult');
  const cancelled = new ConcurrentFuture<number>();
  expect([cancelled.cancel(), cancelled.cancel(), cancelled.setRunningOrNotifyCancel()]).toEqual([true, true, false]);
  cancelled.addDoneCallback(() => seen.push('at once'));
  seen.push('end');
  expect(seen).toEqual(['done 1', 'after setResult', 'at once', 'end']);
});

import { isCancelled } from '@tsyncio/core';
import { gather, shield, sleep, Task, TaskLoop } from '@tsyncio/futures-tasks';
import { collectGarbage, leakAudit } from '@tsyncio/test-support';
import { play, World } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

test('SHIELD-01 the outer future follows the inner one, an iteration later', () =>
  play(async (world) => {
    const { loop, trace } = world;
    const error = new Error('the very one');
    const ends: [string, (future: ReturnType<typeof loop.createFuture<string>>) => void][] = [
      ['result', (inner) => inner.setResult('value')],
      ['error', (inner) => inner.setException(error)],
      ['cancelled', (inner) => inner.cancel()],
    ];
    for (const [name, end] of ends) {
      const inner = loop.createFuture<string>();
      const outer = shield(inner);
      expect(outer).not.toBe(inner);
      end(inner);
      expect(outer.done()).toBe(false);
      const before = world.iteration;
      await sleep(0);
      expect([outer.done(), world.iteration - before]).toEqual([true, 1]);
      if (name === 'result') expect(outer.result()).toBe('value');
      else if (name === 'error') expect(outer.exception()).toBe(error);
      trace.push(`${name} ${outer.cancelled()}`);
    }
    expect(trace).toEqual(['result false', 'error false', 'cancelled true']);
  }));

test('SHIELD-02 an inner future that is done is given back itself', () =>
  play(async ({ loop }) => {
    const inner = loop.createFuture<number>();
    inner.setResult(1);
    expect(shield(inner)).toBe(inner);
  }));

test('SHIELD-03 cancelling the outer future, or the task that awaits it, leaves the inner task alone', () =>
  play(async ({ loop }) => {
    const inner = loop.createTask(() => sleep(2, 'inner'));
    const outer = shield(inner);
    expect([outer.cancel(), outer.cancelled()]).toEqual([true, true]);
    const task = loop.createTask(async () => shield(inner));
    await sleep(1);
    task.cancel();
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect([loop.time(), inner.done(), await inner, loop.time()]).toEqual([1, false, 'inner', 2]);
  }));

test('SHIELD-04 a coroutine becomes a task at the call', () =>
  play(async ({ loop, trace }) => {
    let made = 0;
    loop.setTaskFactory((owner, coroutine) => {
      made++;
      return new Task(coroutine, { loop: owner });
    });
    const outer = shield(async () => {
      trace.push('runs');
      return 1;
    });
    expect([made, trace]).toEqual([1, []]);
    outer.cancel();
    await sleep(0);
    expect(trace).toEqual(['runs']);
  }));

test('SHIELD-05 an error of the inner one after the outer was cancelled is reported as never retrieved', async () => {
  const world = new World();
  await world.run(async () => {
    const outer = shield(async () => {
      await sleep(2);
      throw new Error('unseen');
    });
    outer.cancel();
    await sleep(3);
  });
  let reports = world.takeReports();
  await collectGarbage(() => {
    reports = [...reports, ...world.takeReports()];
    return reports.length > 0;
  });
  expect(reports.map(({ message, exception }) => [message, (exception as Error).message])).toEqual([
    ['Task exception was never retrieved', 'unseen'],
  ]);
  world.loop.close();
  expect(world.takeReports()).toEqual([]);
});

test('SHIELD-05 an error before the cancellation of the outer one was processed, or one that is looked at, is not', () =>
  play(async ({ loop }) => {
    const inner = loop.createFuture<void>();
    const outer = shield(inner);
    outer.cancel();
    inner.setException(new Error('in the same step'));
    const seen = loop.createTask(async () => {
      await sleep(1);
      throw new Error('seen');
    });
    shield(seen).cancel();
    expect((await errorOf(seen)).message).toBe('seen');
  }));

test('SHIELD-06 shield(gather()) leaves the children alone, gather(shield()) cancels the shields only', () =>
  play(async ({ loop }) => {
    const inner = gather(
      () => sleep(2, 'a'),
      () => sleep(2, 'b'),
    );
    shield(inner).cancel();
    expect(await inner).toEqual(['a', 'b']);
    const a = loop.createTask(() => sleep(2, 'a'));
    const b = loop.createTask(() => sleep(2, 'b'));
    const shields = [shield(a), shield(b)];
    const whole = gather(...shields);
    expect(whole.cancel()).toBe(true);
    expect(isCancelled(await errorOf(whole))).toBe(true);
    expect([shields.map((one) => one.cancelled()), a.done(), b.done()]).toEqual([[true, true], false, false]);
    expect([await a, await b]).toEqual(['a', 'b']);
  }));

test('SHIELD-07 what is no awaitable is a TypeError, a future of another loop a ValueError', () =>
  play(async ({ loop }) => {
    const other = new TaskLoop();
    expect((await errorOf(() => shield(1 as never))).name).toBe('TypeError');
    expect((await errorOf(() => shield(loop.createFuture(), { loop: other }))).name).toBe('ValueError');
    other.close();
  }));

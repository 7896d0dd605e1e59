import { isCancelled } from '@tsyncio/core';
import {
  ALL_COMPLETED,
  FIRST_COMPLETED,
  FIRST_EXCEPTION,
  Operation,
  sleep,
  Task,
  wait,
  type Future,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

async function failAfter(delay: number): Promise<never> {
  await sleep(delay);
  throw new Error(`after ${delay}`);
}

test('WAIT-01 it is an operation for a pair of sets; coroutines become tasks, which stand in the sets', () =>
  play(async ({ loop }) => {
    const ours = loop.createTask(() => sleep(2, 'task'));
    const coroutine = () => sleep(1, 'coroutine');
    const operation = wait([ours, coroutine]);
    expect(operation).toBeInstanceOf(Operation);
    const [done, pending] = await operation;
    expect([done.size, pending.size, done.has(ours)]).toEqual([2, 0, true]);
    const [made] = [...done].filter((one) => one !== ours);
    expect([made instanceof Task, made!.result()]).toEqual([true, 'coroutine']);
  }));

test('WAIT-02 ALL_COMPLETED waits for all, and raises no error of a member', () =>
  play(async ({ loop }) => {
    const bad = loop.createTask(() => failAfter(1));
    const good = loop.createTask(() => sleep(2, 'good'));
    const [done, pending] = await wait([bad, good], { returnWhen: ALL_COMPLETED });
    expect([loop.time(), done, pending]).toEqual([2, new Set([bad, good]), new Set()]);
    expect((bad.exception() as Error).message).toBe('after 1');
  }));

test('WAIT-03 FIRST_COMPLETED gives what is done at the moment of return', () =>
  play(async ({ loop }) => {
    const first = loop.createFuture<number>();
    const second = loop.createFuture<number>();
    const third = loop.createFuture<number>();
    loop.callLater(1, () => {
      first.setResult(1);
      // Done before the waiting task resumes.
      loop.callSoon(() => second.setResult(2));
    });
    const [done, pending] = await wait([first, second, third], { returnWhen: FIRST_COMPLETED });
    expect([done, pending]).toEqual([new Set([first, second]), new Set([third])]);
  }));

test('WAIT-04 FIRST_EXCEPTION ends at the first failure; a cancelled member is none', () =>
  play(async ({ loop }) => {
    const bad = loop.createTask(() => failAfter(2));
    const slow = loop.createTask(() => sleep(3, 'slow'));
    const cancelled = loop.createTask(() => sleep(9));
    loop.callLater(1, () => cancelled.cancel());
    const [done, pending] = await wait([bad, slow, cancelled], { returnWhen: FIRST_EXCEPTION });
    expect([loop.time(), done, pending]).toEqual([2, new Set([bad, cancelled]), new Set([slow])]);
    const [all] = await wait([slow, cancelled], { returnWhen: FIRST_EXCEPTION });
    expect([loop.time(), all.size]).toEqual([3, 2]);
    expect(bad.exception()).toBeInstanceOf(Error);
  }));

test('WAIT-05 a timeout ends it normally and cancels nothing; an earlier end cancels the timer', () =>
  play(async ({ loop }) => {
    const slow = loop.createTask(() => sleep(3, 'slow'));
    const [done, pending] = await wait([slow], { timeout: 1 });
    expect([loop.time(), done.size, pending]).toEqual([1, 0, new Set([slow])]);
    expect(String(slow)).not.toMatch(/cb=/);
    let timers = -1;
    // Right after the wait's own callback, before the task resumes.
    loop.callLater(0.5, () => slow.addDoneCallback(() => (timers = loop.timersLeft())));
    const [late] = await wait([slow], { timeout: 100 });
    expect([loop.time(), late, timers, loop.timersLeft()]).toEqual([3, new Set([slow]), 0, 0]);
  }));

test.each([0, -1])('WAIT-05 a timeout of %d gives one chance to finish', (timeout) =>
  play(async ({ loop }) => {
    const quick = loop.createTask(async () => 'quick');
    const slow = loop.createFuture<string>();
    const [done, pending] = await wait<Future<string>>([quick, slow], { timeout });
    expect([done, pending, loop.time(), slow.cancelled()]).toEqual([new Set([quick]), new Set([slow]), 0, false]);
  }),
);

test('WAIT-06 cancelling the task that waits leaves the members running', () =>
  play(async ({ loop }) => {
    const member = loop.createTask(() => sleep(2, 'member'));
    const task = loop.createTask(() => wait([member], { timeout: 50 }));
    await sleep(1);
    task.cancel();
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect([loop.time(), loop.timersLeft(), member.done(), await member]).toEqual([1, 1, false, 'member']);
  }));

test('WAIT-07 any collection will do, duplicates count once, but a generator object is one coroutine', () =>
  play(async ({ loop }) => {
    const a = loop.createTask(() => sleep(1, 'a'));
    const b = loop.createTask(() => sleep(2, 'b'));
    const [done] = await wait([a, b, a, a]);
    expect([...done]).toEqual([a, b]);
    const [again] = await wait(new Set([a, b]));
    expect(again.size).toBe(2);
    const [values] = await wait(new Map([[1, a]]).values());
    expect([...values]).toEqual([a]);
    function* generator() {
      yield a;
    }
    expect((await errorOf(wait(generator() as never))).name).toBe('TypeError');
  }));

test('WAIT-08 wrong arguments are errors when it is awaited', () =>
  play(async ({ loop }) => {
    const future = loop.createFuture<void>();
    const wrong: [string, () => Operation<unknown>][] = [
      ['ValueError', () => wait([])],
      ['ValueError', () => wait(new Set<Future>())],
      ['TypeError', () => wait(future as never)],
      ['TypeError', () => wait((() => sleep(1)) as never)],
      ['TypeError', () => wait(sleep(0) as never)],
      ['TypeError', () => wait(Promise.resolve() as never)],
      ['TypeError', () => wait(5 as never)],
      ['TypeError', () => wait(null as never)],
      ['ValueError', () => wait([future], { returnWhen: 'SOMETIME' as never })],
      ['TypeError', () => wait([5 as never])],
      ['TypeError', () => wait([future], { timeout: '1' as never })],
      ['ValueError', () => wait([future], { timeout: NaN })],
    ];
    const names: string[] = [];
    for (const [, call] of wrong) {
      const operation = call();
      names.push((await errorOf(operation)).name as string);
    }
    expect(names).toEqual(wrong.map(([name]) => name));
  }));

test('WAIT-09 it lets an iteration pass though everything is done, and can be repeated', () =>
  play(async (world) => {
    const done = world.loop.createFuture<string>();
    done.setResult('done');
    for (let i = 0; i < 2; i++) {
      const before = world.iteration;
      let between = 0;
      world.loop.callSoon(() => between++);
      const [set] = await wait([done]);
      expect([set, between, world.iteration - before]).toEqual([new Set([done]), 1, 2]);
    }
  }));

test('WAIT-10 the constants are texts', () => {
  expect([FIRST_COMPLETED, FIRST_EXCEPTION, ALL_COMPLETED]).toEqual([
    'FIRST_COMPLETED',
    'FIRST_EXCEPTION',
    'ALL_COMPLETED',
  ]);
});

test('WAIT-08 outside of any run it is a RuntimeError of the operation', async () => {
  expect((await errorOf(wait([() => sleep(1)]))).name).toBe('RuntimeError');
});

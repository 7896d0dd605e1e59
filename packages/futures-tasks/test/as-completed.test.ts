import { isCancelled, TimeoutError } from '@tsyncio/core';
import { asCompleted, ensureFuture, isFuture, Operation, sleep, TaskLoop, type Future } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

const after = (delay: number) => (): Operation<string> => sleep(delay, `after ${delay}`);

test('ASCOMP-01 as many operations as there are members, in the order of completion', () =>
  play(async ({ loop }) => {
    const seen: [string, number][] = [];
    for (const next of asCompleted([after(3), after(1), after(2)])) {
      expect(next).toBeInstanceOf(Operation);
      seen.push([await next, loop.time()]);
    }
    expect(seen).toEqual([
      ['after 1', 1],
      ['after 2', 2],
      ['after 3', 3],
    ]);
  }));

test('ASCOMP-02 outcomes go to the operations in the order in which they are awaited, also concurrently', () =>
  play(async ({ loop }) => {
    const [a, b, c, d] = [...asCompleted([after(1), after(2), after(3), after(4)])];
    expect([await c, await a]).toEqual(['after 1', 'after 2']);
    const tasks = [ensureFuture(d!), loop.createTask(async () => b!)];
    expect([await tasks[1], await tasks[0]]).toEqual(['after 4', 'after 3']);
  }));

test('ASCOMP-03 awaiting one raises the error of its member', () =>
  play(async ({ loop }) => {
    const cancelled = loop.createTask(after(9));
    loop.callLater(2, () => cancelled.cancel());
    const bad = async (): Promise<string> => {
      await sleep(1);
      throw new Error('bad');
    };
    const [first, second] = [...asCompleted([cancelled, bad])];
    expect((await errorOf(first!)).message).toBe('bad');
    expect(isCancelled(await errorOf(second!))).toBe(true);
  }));

test('ASCOMP-04 nothing begins and nothing is checked before the first item is asked for', () =>
  play(async ({ loop, trace }) => {
    const iterator = asCompleted([
      async () => {
        trace.push('runs');
      },
    ]);
    await sleep(1);
    expect(trace).toEqual([]);
    const item = iterator.next();
    await sleep(1);
    expect([trace, iterator.next().done]).toEqual([['runs'], true]);
    await (item.value as Operation<void>);
    const wrong = [loop.createFuture(), after(1), sleep(0), 5, null].map((one) => asCompleted(one as never));
    for (const one of wrong) expect((await errorOf(() => one.next())).name).toBe('TypeError');
    expect((await errorOf(() => asCompleted([5 as never]).next())).name).toBe('TypeError');
    expect((await errorOf(() => asCompleted([], { timeout: 'x' as never }).next())).name).toBe('TypeError');
    expect([...asCompleted([])]).toEqual([]);
    expect(loop.timersLeft()).toBe(0);
  }));

test('ASCOMP-05 when the time is over every operation that is left fails, and no member is cancelled', () =>
  play(async ({ loop }) => {
    const slow = loop.createTask(after(5));
    const outcomes: string[] = [];
    for (const next of asCompleted([slow, after(1), loop.createTask(after(6))], { timeout: 2 })) {
      outcomes.push(
        await next.then(
          (value) => value,
          (error: unknown) => `${String(error instanceof TimeoutError)} at ${loop.time()}`,
        ),
      );
    }
    expect(outcomes).toEqual(['after 1', 'true at 2', 'true at 2']);
    expect([slow.done(), await slow]).toEqual([false, 'after 5']);
    await sleep(2);
  }));

test('ASCOMP-05 the timer is cancelled when all have finished', () =>
  play(async ({ loop }) => {
    for (const next of asCompleted([after(1), after(2)], { timeout: 50 })) await next;
    expect([loop.timersLeft(), loop.time()]).toEqual([0, 2]);
  }));

test('ASCOMP-06 duplicates count once; cancelling the consumer cancels no member', () =>
  play(async ({ loop }) => {
    const member = loop.createTask(after(3));
    expect([...asCompleted([member, member])].length).toBe(1);
    const consumer = loop.createTask(async () => {
      for (const next of asCompleted([member])) await next;
    });
    await sleep(1);
    consumer.cancel();
    expect(isCancelled(await errorOf(consumer))).toBe(true);
    expect([member.done(), await member]).toEqual([false, 'after 3']);
  }));

test('ASCOMP-02 a consumer that is cancelled after it was woken passes the outcome on to the next', () =>
  play(async ({ loop }) => {
    const member = loop.createFuture<string>();
    const [a, b] = [...asCompleted([member, after(5)])];
    const first = ensureFuture(a!);
    const second = ensureFuture(b!);
    await sleep(1);
    member.setResult('passed on');
    loop.callSoon(() => first.cancel());
    expect(await second).toBe('passed on');
    expect(first.cancelled()).toBe(true);
    await sleep(5);
  }));

test('ASCOMP-01 with for await the members themselves are given, done, and are not unwrapped', () =>
  play(async ({ loop }) => {
    const slow = loop.createTask(after(2));
    const quick = loop.createTask(after(1));
    const seen: Future<string>[] = [];
    for await (const member of asCompleted([slow, quick, after(3)])) {
      expect([isFuture(member), member.done()]).toEqual([true, true]);
      seen.push(member);
    }
    expect([seen[0] === quick, seen[1] === slow, seen.length, seen[2]!.result()]).toEqual([true, true, 3, 'after 3']);
  }));

test('ASCOMP-05 with for await the timeout is raised by the loop', () =>
  play(async ({ loop }) => {
    const members = [loop.createTask(after(1)), loop.createTask(after(5))];
    let given = 0;
    const error = await errorOf(async () => {
      for await (const member of asCompleted(members, { timeout: 2 })) given += member.done() ? 1 : 0;
    });
    expect([error instanceof TimeoutError, given, loop.time()]).toEqual([true, 1, 2]);
    await members[1];
  }));

test('ASCOMP-04 there must be a current loop', async () => {
  const loop = new TaskLoop();
  expect((await errorOf(() => asCompleted([loop.createFuture()]).next())).name).toBe('RuntimeError');
  loop.close();
});

import { CancelledError, isCancelled } from '@tsyncio/core';
import { operation, sleep, TaskLoop, type CoroutineGenerator } from '@tsyncio/futures-tasks';
import { AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, type AddrInfo } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { interleave } from '../src/interleave.js';
import { staggeredRace, type RaceResult } from '../src/staggered-race.js';

leakAudit();

/** Attempts by what they do: how long they take, and what they end with. */
class Attempts {
  readonly trace: string[] = [];
  constructor(private readonly plans: readonly (readonly [seconds: number, result: string | Error])[]) {}

  *[Symbol.iterator](): Generator<() => CoroutineGenerator<string>, void, unknown> {
    for (const [i, [seconds, result]] of this.plans.entries()) {
      const { trace } = this;
      trace.push(`taken ${i}`);
      yield function* () {
        trace.push(`begun ${i}`);
        try {
          yield* sleep(seconds);
        } catch (error) {
          if (isCancelled(error)) trace.push(`cancelled ${i}`);
          throw error;
        }
        if (typeof result !== 'string') throw result;
        return result;
      };
    }
  }
}

async function race(
  attempts: Iterable<() => CoroutineGenerator<string>>,
  delay: number | null,
): Promise<RaceResult<string>> {
  const loop = new TaskLoop();
  try {
    return await loop.runUntilComplete(() => operation(loop, staggeredRace(loop, attempts, delay)));
  } finally {
    loop.close();
  }
}

test('HEB-11 the first success wins; errors stand in the order of beginning', async () => {
  const failed = new Error('no');
  const attempts = new Attempts([
    [0, failed],
    [60, 'slow'],
    [0.01, 'fast'],
  ]);
  const { winner, errors } = await race(attempts, 0.01);
  expect(winner).toEqual({ value: 'fast', index: 2 });
  expect(errors).toEqual([failed, expect.any(CancelledError), null]);
  expect(attempts.trace).toContain('cancelled 1');
});

test('HEB-12 without a winner, without attempts, and without a delay', async () => {
  const [one, two] = [new Error('1'), new Error('2')];
  expect(
    await race(
      new Attempts([
        [0, one],
        [0, two],
      ]),
      0.01,
    ),
  ).toEqual({ winner: null, errors: [one, two] });
  expect(await race([], 1)).toEqual({ winner: null, errors: [] });
  const attempts = new Attempts([
    [0.02, one],
    [0, 'late'],
    [0, 'never'],
  ]);
  expect(await race(attempts, null)).toEqual({ winner: { value: 'late', index: 1 }, errors: [one, null] });
  expect(attempts.trace).toEqual(['taken 0', 'begun 0', 'taken 1', 'begun 1']);
});

test('HEB-04 only a failure of the attempt that was begun last begins the next one', async () => {
  const attempts = new Attempts([
    [0.03, new Error('old')],
    [60, 'slow'],
    [0, 'third'],
  ]);
  const loop = new TaskLoop();
  const start = loop.time();
  await loop.runUntilComplete(() => operation(loop, staggeredRace(loop, attempts, 0.02)));
  // The first has failed at 0.03, between the beginnings of the second (0.02) and the third (0.04).
  expect(loop.time() - start).toBeGreaterThanOrEqual(0.04);
  loop.close();
});

test('HEB-13 attempts behind the winner are never taken; cancelled from outside, all have ended before it ends', async () => {
  const lazy = new Attempts([
    [0, 'first'],
    [0, 'second'],
  ]);
  await race(lazy, 60);
  expect(lazy.trace).toEqual(['taken 0', 'begun 0']);
  const loop = new TaskLoop();
  const slow = new Attempts([
    [60, 'a'],
    [60, 'b'],
  ]);
  await loop.runUntilComplete(async () => {
    const task = loop.createTask(() => operation(loop, staggeredRace(loop, slow, 0)));
    while (!slow.trace.includes('begun 1')) await sleep(0);
    task.cancel();
    await task.catch((error: unknown) => expect(isCancelled(error)).toBe(true));
    expect(slow.trace.slice(4)).toEqual(['cancelled 0', 'cancelled 1']);
  });
  loop.close();
});

test('HEB-06 interleaving takes so many of the first family, then one of each', () => {
  const info = (name: string, family: number): AddrInfo => [family, SOCK_STREAM, IPPROTO_TCP, '', [name, 1]];
  const infos = [
    ...['a', 'b', 'c'].map((name) => info(name, AF_INET6)),
    ...['d', 'e'].map((name) => info(name, AF_INET)),
  ];
  const order = (count: number): string =>
    interleave(infos, count)
      .map(([, , , , address]) => address[0])
      .join(' ');
  expect([order(1), order(2), order(3), order(9)]).toEqual(['a d b e c', 'a b d c e', 'a b c d e', 'a b c d e']);
  expect(interleave([], 1)).toEqual([]);
});

import { firstDifference } from '../src/difference.js';
import { generate } from '../src/generate.js';
import { print } from '../src/print.js';
import { profiles } from '../src/profiles.js';
import type { Program } from '../src/program.js';
import { runProgram } from '../src/run-program.js';
import { shrink } from '../src/shrink.js';

const stretch = Array.from({ length: 20 * profiles.length }, (_, seed) => generate(seed));
const text = JSON.stringify(stretch);

test('a seed always gives the same program', () => {
  expect(generate(4711)).toEqual(generate(4711));
  expect(print(generate(4711))).toBe(print(generate(4711)));
});

test.each([
  ...['acquire', 'eventwait', 'condwait', 'condwaitfor', 'get', 'put', 'join'],
  ...['gather', 'shield', 'waitfor', 'wait', 'sleep', 'yield', 'slot', 'coro'],
])('programs wait for %s', (operation) => {
  expect(text).toContain(`"o":"${operation}"`);
});

test.each(['Lock', 'Event', 'Condition', 'Semaphore', 'BoundedSemaphore', 'Queue', 'LifoQueue', 'PriorityQueue'])(
  'programs share a %s',
  (type) => {
    expect(text).toContain(`"type":"${type}"`);
  },
);

test('async functions call generators, and generators call async functions', () => {
  const calls = new Set<string>();
  for (const { coros } of stretch) {
    for (const coro of coros) {
      for (const [, index] of JSON.stringify(coro.body).matchAll(/"k":"await","op":\{"o":"coro","coro":(\d+)\}/g)) {
        calls.add(`${coro.kind} ${coros[Number(index)]?.kind}`);
      }
    }
  }
  expect([...calls].sort()).toEqual(['async async', 'async gen', 'gen async', 'gen gen']);
});

test('a program leaves the same trace at each run', async () => {
  for (const program of stretch.slice(0, profiles.length)) {
    expect(firstDifference(await runProgram(program), await runProgram(program))).toBe(-1);
  }
});

test('the shrinker keeps what a difference needs', async () => {
  const program = stretch.find(({ callbacks }) => JSON.stringify(callbacks).includes('"k":"fail"'));
  const fails = async (candidate: Program): Promise<boolean> => JSON.stringify(candidate).includes('"k":"fail"');
  const small = await shrink(program!, fails);
  const statements = JSON.stringify(small).match(/"k":/g);
  expect(statements).toHaveLength(1);
});

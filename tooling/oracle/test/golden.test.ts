import path from 'node:path';
import { missed, printDifference } from '../src/difference.js';
import { generate } from '../src/generate.js';
import { type Golden, hashProgram, readGolden } from '../src/golden.js';
import { print } from '../src/print.js';
import { profiles } from '../src/profiles.js';
import { runProgram } from '../src/run-program.js';

const goldens = readGolden(path.join(__dirname, '..'));
const byProfile = new Map(
  profiles.map(({ name }): [string, Golden[]] => [name, goldens.filter((g) => g.profile === name)]),
);

test('at least 500 seeds are recorded, and every profile has its share', () => {
  expect(goldens.length).toBeGreaterThanOrEqual(500);
  for (const [name, list] of byProfile) expect([name, list.length >= 20]).toEqual([name, true]);
});

test('turns that end in the middle of a batch change nothing', async () => {
  for (const golden of goldens.filter(({ seed }) => seed % 7 === 0)) {
    const actual = await runProgram(generate(golden.seed), { cutTurns: true });
    expect(printDifference(missed(golden.traces, actual) ?? actual, actual)).toBe('the traces are equal');
  }
});

test.each([...byProfile])('tsyncio leaves the traces that CPython left: %s', async (_name, list) => {
  for (const golden of list) {
    const program = generate(golden.seed);
    if (hashProgram(program) !== golden.hash) {
      throw new Error(`seed ${golden.seed} gives another program: run "node tooling/oracle/oracle.mjs record"`);
    }
    const actual = await runProgram(program);
    const expected = missed(golden.traces, actual);
    if (expected !== null) throw new Error(`${print(program)}\n\n${printDifference(expected, actual)}`);
  }
});

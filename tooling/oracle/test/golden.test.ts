import path from 'node:path';
import { printDifference, firstDifference } from '../src/difference.js';
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

test.each([...byProfile])('tsyncio leaves the traces that CPython left: %s', async (_name, list) => {
  for (const golden of list) {
    const program = generate(golden.seed);
    if (hashProgram(program) !== golden.hash) {
      throw new Error(`seed ${golden.seed} gives another program: run "node tooling/oracle/oracle.mjs record"`);
    }
    const actual = await runProgram(program);
    if (firstDifference(golden.trace, actual) >= 0) {
      throw new Error(`${print(program)}\n\n${printDifference(golden.trace, actual)}`);
    }
  }
});

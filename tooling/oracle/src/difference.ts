import type { Trace } from './program.js';

const BEFORE = 12;
const AFTER = 4;

/** The index of the first line in which two traces differ; -1 when they are equal. */
export function firstDifference(expected: Trace, actual: Trace): number {
  const length = Math.max(expected.length, actual.length);
  for (let i = 0; i < length; i += 1) if (expected[i] !== actual[i]) return i;
  return -1;
}

/** The expected trace that the actual one follows farthest; null if it is equal to one of them. */
export function missed(expected: readonly Trace[], actual: Trace): Trace | null {
  const reached = expected.map((trace): [number, Trace] => [firstDifference(trace, actual), trace]);
  if (reached.some(([at]) => at < 0)) return null;
  const best = reached.sort(([a], [b]) => b - a)[0];
  if (!best) throw new Error('nothing was expected');
  return best[1];
}

/** The lines around the first difference, for people. */
export function printDifference(expected: Trace, actual: Trace): string {
  const at = firstDifference(expected, actual);
  if (at < 0) return 'the traces are equal';
  const part = (trace: Trace, name: string): string[] =>
    Array.from({ length: AFTER }, (_, i) => `${name} ${trace[at + i] ?? '(end)'}`);
  return [
    `first difference in line ${at + 1}:`,
    ...expected.slice(Math.max(0, at - BEFORE), at).map((line) => `          ${line}`),
    ...part(expected, 'CPython |'),
    ...part(actual, 'tsyncio |'),
  ].join('\n');
}

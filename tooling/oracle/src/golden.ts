import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { GENERATOR } from './generate.js';
import type { Oracle, Program, Trace } from './program.js';

/** The recorded trace of one seed. */
export interface Golden {
  readonly seed: number;
  readonly profile: string;
  readonly oracle: Oracle;
  /** Of the program: another one for this seed means that the generator has changed and the traces must be recorded again. */
  readonly hash: string;
  /** One of them must be met: two where either CPython will do and they differ. */
  readonly traces: readonly Trace[];
}

/** A short hash of a program's text. */
export function hashProgram(program: Program): string {
  return createHash('sha256').update(JSON.stringify(program)).digest('hex').slice(0, 8);
}

/** Where the traces are: gzip of one JSON value a line, a header first (`zcat` shows it). */
function goldenFile(folder: string): string {
  return path.join(folder, 'golden', 'traces.jsonl.gz');
}

/** Reads the recorded traces; `folder` is that of this package. */
export function readGolden(folder: string): Golden[] {
  const [header, ...lines] = gunzipSync(readFileSync(goldenFile(folder)))
    .toString('utf8')
    .trimEnd()
    .split('\n');
  const { generator } = JSON.parse(header ?? '{}') as { generator?: number };
  if (generator !== GENERATOR)
    throw new Error(`the traces belong to generator ${generator}, not ${GENERATOR}: record them again`);
  return lines.map((line) => {
    const golden = JSON.parse(line) as Omit<Golden, 'traces'> & { traces: string[] };
    return { ...golden, traces: golden.traces.map((trace) => trace.split('\n')) };
  });
}

/** Writes recorded traces. */
export function writeGolden(folder: string, goldens: readonly Golden[]): number {
  const header = { generator: GENERATOR, recorded: { '3.8': 'CPython 3.8.18', '3.13': 'CPython 3.13.0' } };
  const lines = goldens.map((golden) =>
    JSON.stringify({ ...golden, traces: golden.traces.map((trace) => trace.join('\n')) }),
  );
  const data = gzipSync([JSON.stringify(header), ...lines, ''].join('\n'), { level: 9 });
  writeFileSync(goldenFile(folder), data);
  return data.length;
}

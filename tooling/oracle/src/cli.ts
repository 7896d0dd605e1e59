import { missed, printDifference } from './difference.js';
import { GENERATOR, generate } from './generate.js';
import { type Golden, hashProgram, writeGolden } from './golden.js';
import { print } from './print.js';
import { profiles } from './profiles.js';
import type { Program } from './program.js';
import { Python } from './python.js';
import { runProgram } from './run-program.js';
import { goldenSeeds } from './seeds.js';
import { shrink } from './shrink.js';

const usage = `Usage: node tooling/oracle/oracle.mjs <command>
  record                                    records the golden traces with CPython
  compare --seeds a..b [--profile name] [--shrink] [--all]
                                            runs programs on both, live; stops at the first difference unless --all
  show <seed>                               prints a program
  trace <seed> [--on python|tsyncio] [--version 3.8|3.13]
                                            prints a trace`;

const folder = process.env['ORACLE_FOLDER'] ?? '.';

interface Arguments {
  readonly command: string;
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

function parse(args: readonly string[]): Arguments {
  const words: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < args.length; i += 1) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('--')) words.push(arg);
    else if (arg === '--shrink' || arg === '--all') options.set(arg.slice(2), 'true');
    else {
      i += 1;
      options.set(arg.slice(2), args[i] ?? '');
    }
  }
  return { command: words[0] ?? '', words: words.slice(1), options };
}

function seedsOf(options: ReadonlyMap<string, string>, standard: string): number[] {
  const [first, last] = (options.get('seeds') ?? standard).split('..').map(Number);
  if (first === undefined || Number.isNaN(first)) throw new Error(`--seeds wants a..b`);
  const seeds: number[] = [];
  for (let seed = first; seed <= (last ?? first); seed += 1) seeds.push(seed);
  return seeds;
}

/** Batches, so that Python works while we do. */
const BATCH = 64;

async function record(python: Python): Promise<number> {
  const goldens = await Promise.all(
    goldenSeeds.map(async (seed): Promise<Golden> => {
      const program = generate(seed);
      const traces = await python.expected(program);
      return { seed, profile: program.profile, oracle: program.oracle, hash: hashProgram(program), traces };
    }),
  );
  const bytes = writeGolden(folder, goldens);
  const lines = goldens.reduce((sum, golden) => sum + (golden.traces[0]?.length ?? 0), 0);
  console.log(`${goldens.length} traces of generator ${GENERATOR} recorded: ${lines} lines, ${bytes} bytes`);
  return 0;
}

async function differs(python: Python, program: Program): Promise<boolean> {
  const expected = await python.expected(program).catch(() => null);
  return expected !== null && missed(expected, await runProgram(program)) !== null;
}

async function report(python: Python, program: Program): Promise<void> {
  const expected = await python.expected(program);
  const actual = await runProgram(program);
  console.log(`${print(program)}\n\n${printDifference(missed(expected, actual) ?? actual, actual)}\n`);
}

async function compare(python: Python, options: ReadonlyMap<string, string>): Promise<number> {
  const seeds = seedsOf(options, `0..${10 * profiles.length - 1}`);
  const wanted = options.get('profile');
  const programs = seeds.map(generate).filter((program) => wanted === undefined || program.profile === wanted);
  const differing = new Map<string, number[]>();
  let lines = 0;
  for (let start = 0; start < programs.length; start += BATCH) {
    const batch = programs.slice(start, start + BATCH);
    const expected = batch.map((program) => python.expected(program));
    for (const [index, program] of batch.entries()) {
      const traces = (await expected[index]) ?? [];
      const actual = await runProgram(program);
      lines += actual.length;
      if (missed(traces, actual) === null) continue;
      differing.set(program.profile, [...(differing.get(program.profile) ?? []), program.seed]);
      if (options.has('all')) continue;
      const shown = options.has('shrink') ? await shrink(program, (candidate) => differs(python, candidate)) : program;
      await report(python, shown);
      return 1;
    }
  }
  const count = [...differing.values()].reduce((sum, list) => sum + list.length, 0);
  for (const [profile, list] of differing) console.log(`${profile}: ${list.join(' ')}`);
  console.log(`${programs.length} programs, ${lines} lines: ${count} differ`);
  return count > 0 ? 1 : 0;
}

async function trace(python: Python, seed: number, options: ReadonlyMap<string, string>): Promise<number> {
  const program = generate(seed);
  const version = options.get('version') ?? (program.oracle === 'either' ? '3.8' : program.oracle);
  if (version !== '3.8' && version !== '3.13') throw new Error('--version wants 3.8 or 3.13');
  const lines = options.get('on') === 'tsyncio' ? await runProgram(program) : await python.run(program, version);
  console.log(lines.join('\n'));
  return 0;
}

async function main(): Promise<number> {
  const { command, words, options } = parse(process.argv.slice(2));
  const python = new Python(folder);
  try {
    switch (command) {
      case 'record':
        return await record(python);
      case 'compare':
        return await compare(python, options);
      case 'show':
        console.log(print(generate(Number(words[0] ?? 0))));
        return 0;
      case 'trace':
        return await trace(python, Number(words[0] ?? 0), options);
      default:
        console.log(usage);
        return 2;
    }
  } finally {
    python.close();
  }
}

process.exitCode = await main();

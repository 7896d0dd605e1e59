import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { firstDifference } from './difference.js';
import type { PythonVersion, Program, Trace } from './program.js';

/** Which interpreter answers for a version; an environment variable may name another one. */
const interpreters: Readonly<Record<PythonVersion, { readonly pyenv: string; readonly variable: string }>> = {
  '3.8': { pyenv: '3.8.18', variable: 'ORACLE_PYTHON_3_8' },
  '3.13': { pyenv: '3.13.0', variable: 'ORACLE_PYTHON_3_13' },
};

interface Waiting {
  resolve(trace: Trace): void;
  reject(error: Error): void;
}

/** A running Python interpreter that answers programs in the order in which they are sent. */
class PythonProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #waiting: Waiting[] = [];

  constructor(version: PythonVersion, folder: string) {
    const { pyenv, variable } = interpreters[version];
    const script = path.join(folder, 'python', 'run_program.py');
    const env = { ...process.env, PYENV_VERSION: pyenv, PYTHONHASHSEED: '0', PYTHONASYNCIODEBUG: '' };
    this.#child = spawn(process.env[variable] ?? 'python3', ['-X', 'utf8', script, version], { env });
    this.#child.stderr.pipe(process.stderr);
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const answer = JSON.parse(line) as { trace?: string[]; error?: string };
      const waiting = this.#waiting.shift();
      if (answer.trace) waiting?.resolve(answer.trace);
      else waiting?.reject(new Error(answer.error));
    });
    this.#child.on('error', (error) => this.#fail(error));
    this.#child.on('exit', (code) => this.#fail(new Error(`Python ${version} ended with ${code}`)));
    this.#child.stdin.on('error', () => undefined);
  }

  #fail(error: Error): void {
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error);
  }

  run(program: Program): Promise<Trace> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin.write(`${JSON.stringify(program)}\n`);
    });
  }

  close(): void {
    this.#child.stdin.end();
  }
}

/** Both oracles, started when first asked. */
export class Python {
  readonly #processes = new Map<PythonVersion, PythonProcess>();
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The traces that a program may leave: one, or two where either CPython will do and they differ. */
  async expected(program: Program): Promise<Trace[]> {
    if (program.oracle !== 'either') return [await this.run(program, program.oracle)];
    const [one, other] = await Promise.all([this.run(program, '3.8'), this.run(program, '3.13')]);
    return firstDifference(one, other) < 0 ? [one] : [one, other];
  }

  /** The trace of a program on one CPython. */
  run(program: Program, version: PythonVersion): Promise<Trace> {
    let python = this.#processes.get(version);
    if (!python) {
      python = new PythonProcess(version, this.#folder);
      this.#processes.set(version, python);
    }
    return python.run(program);
  }

  close(): void {
    for (const python of this.#processes.values()) python.close();
  }
}

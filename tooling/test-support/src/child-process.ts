import { spawn } from 'node:child_process';

/** How a child ended, and what it took. */
export interface ChildResult {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run a child. */
export interface ChildOptions {
  /** Where its imports are resolved from: see {@link compilePackages}. */
  readonly cwd: string;
  /** `module` (default) or `commonjs`. */
  readonly type?: 'module' | 'commonjs';
  readonly nodeOptions?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Seconds until it is killed, default 20: a child that does not end fails its test by its signal. */
  readonly timeout?: number;
  readonly execPath?: string;
}

/** Runs a program text in a Node process of its own, and waits for its end. */
export function runProgram(program: string, options: ChildOptions): Promise<ChildResult> {
  const { cwd, type = 'module', nodeOptions = [], env = {}, timeout = 20, execPath = process.execPath } = options;
  const child = spawn(execPath, [...nodeOptions, `--input-type=${type}`, '--eval', program], {
    cwd,
    // Under Wine the options make Node work at all.
    env: {
      ...process.env,
      ...(process.platform === 'win32' ? {} : { NODE_OPTIONS: '' }),
      TSYNCIO_DEBUG: '',
      PYTHONASYNCIODEBUG: '',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeout * 1000,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { root } from './app.js';

/** An example that runs in a process of its own. */
export interface Serving {
  readonly child: ChildProcess;
  /** The port that it has said, else 0. */
  readonly port: number;
  /** All that it has printed so far. */
  output(): string;
  /** Asks it to end, as Ctrl+C would; gives its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

const running = new Set<Serving>();

afterAll(async () => {
  for (const serving of running) await serving.stop();
});

/** Starts an example and waits until it says that it serves. */
export async function serve(example: string, ...args: string[]): Promise<Serving> {
  const child = spawn(process.execPath, [path.join(root, 'examples/dist', `${example}.js`), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const serving = (port: number): Serving => ({
    child,
    port,
    output: () => output,
    stop: (signal = 'SIGINT') => {
      child.kill(signal);
      return ended;
    },
  });
  const found = await new Promise<Serving>((resolve, reject) => {
    const read = (piece: string): void => {
      output += piece;
      if (output.includes('Ctrl+C ends it')) resolve(serving(Number(/port (\d+)/.exec(output)?.[1] ?? 0)));
    };
    child.stdout.setEncoding('utf8').on('data', read);
    child.stderr.setEncoding('utf8').on('data', read);
    void ended.then((status) => reject(new Error(`${example} ended with ${status}:\n${output}`)));
  });
  running.add(found);
  void ended.then(() => running.delete(found));
  return found;
}

/** Runs a client to its end and gives what it prints. */
export async function client(program: string, ...args: string[]): Promise<string> {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => (output += piece));
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (output += piece));
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(status)}:\n${output}`);
  return output;
}

/** A client of tooling/smoke/clients, in Python's standard library: it checks what it gets and ends with an error otherwise. */
export function python(script: string, ...args: (string | number)[]): Promise<string> {
  return client('python3', path.join(root, 'tooling/smoke/clients', script), ...args.map(String));
}

/** `test`, or a visible skip where a client is not installed. */
export function testWith(...programs: string[]): (title: string, body: () => Promise<void>) => void {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  const missing = programs.filter((name) => !folders.some((folder) => existsSync(path.join(folder, name))));
  return (title, body) => {
    if (missing.length === 0) test(title, body, 60_000);
    else test.skip(`${title} (skipped: ${missing.join(', ')} not installed)`, () => undefined);
  };
}

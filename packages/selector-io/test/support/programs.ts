/** Programs that nobody here wrote, as peers. */
import { execFileSync, spawn } from 'node:child_process';

/** `test`, or a skipped one that says what is missing. */
export function testWith(program: string, ...args: string[]): typeof test {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return test;
  } catch {
    const skip = (title: string, body: () => Promise<void>): void => test.skip(`${title} (no ${program} here)`, body);
    return skip as typeof test;
  }
}

/** Runs a program with `input`. @returns What it wrote; rejected if it failed. */
export function run(program: string, args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Promise<Buffer> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], timeout: 30_000 });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  child.stdin.on('error', () => undefined); // it may end before it has read everything
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      if (status === 0) resolve(Buffer.concat(pieces));
      else reject(new Error(`${program} ended with ${signal ?? status}`));
    });
  });
}

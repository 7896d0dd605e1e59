import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const hook = pathToFileURL(join(__dirname, 'typescript-hook.mjs')).href;

/** Runs a CommonJS program in a Node of its own, in which `require('@tsyncio/socket')` gives the sources. */
export function runProgram(program: string): {
  status: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
} {
  const flags = ['--conditions=@tsyncio/source', '--import', hook];
  const child = spawnSync(process.execPath, [...flags, '-e', program], {
    cwd: join(__dirname, '..'),
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
}

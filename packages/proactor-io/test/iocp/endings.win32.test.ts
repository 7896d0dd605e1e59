import { compilePackages, type CompiledPackages, leakAudit, runProgram } from '@tsyncio/test-support';

import { sleeping } from './support/sleeping.js';

leakAudit();
jest.setTimeout(90_000);

let packages: CompiledPackages;
beforeAll(() => (packages = compilePackages('core', 'futures-tasks', 'socket', 'proactor-io')));
afterAll(() => packages.remove());

/** Runs a program that ends itself. @returns Its status, and the milliseconds from `began` to its end. */
async function end(how: string): Promise<{ status: number | null; took: number; stderr: string }> {
  const program = sleeping(`console.log(Date.now()); ${how}`);
  const { stdout, stderr, status, signal } = await runProgram(program, {
    cwd: packages.folder,
    type: 'commonjs',
    timeout: 60,
  });
  const took = Date.now() - Number(stdout.split('\n')[0]);
  expect(signal).toBeNull();
  return { status, took, stderr };
}

test.each([
  ['process.exit', 'process.exit(3);', 3, ''],
  ['an error that nobody catches', 'throw new Error("on purpose");', 1, 'on purpose'],
  [
    'the end of the loop',
    'loop.stop(); void running.then(() => { loop.close(); b.close(); c.close(); d.close(); });',
    0,
    '',
  ],
  ['the end of the loop, which is never closed', 'loop.stop(); waiting.cancel(); channel.close();', 0, ''],
])(
  'a process ends by %s while a thread waits in the port, and does not wait for the thread',
  async (_name, how, status, text) => {
    const result = await end(how);
    expect(result).toMatchObject({ status, stderr: expect.stringContaining(text) });
    expect(result.took).toBeLessThan(900); // the thread waits for a second
  },
);

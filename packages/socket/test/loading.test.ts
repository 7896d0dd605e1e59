import { execFileSync } from 'node:child_process';

import { type CompiledPackages, compilePackages, runProgram } from '@tsyncio/test-support';

const loaded = `const loaded = () => require('fs').readFileSync('/proc/self/maps', 'utf8').includes('koffi');`;

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core', 'futures-tasks', 'socket');
});
afterAll(() => packages.remove());

const run = (program: string) => runProgram(program, { cwd: packages.folder, type: 'commonjs' });

describe('loading', () => {
  test('koffi is loaded at the first descriptor, not at import', async () => {
    const { stdout, stderr, status } = await run(`${loaded}
      const { Socket } = require('@tsyncio/socket');
      console.log(loaded());
      new Socket().close();
      console.log(loaded());`);
    expect({ stdout, stderr, status }).toEqual({ stdout: 'false\ntrue\n', stderr: '', status: 0 });
  });

  // As `connectReadPipe` makes one, before anything native is needed. (NODE_PATH, which pnpm sets, would show a way around.)
  test('koffi is found after a stat of a pipe, although its folder is a link', async () => {
    execFileSync('mkfifo', ['pipe'], { cwd: packages.folder });
    const program = `
      const { Socket } = require('@tsyncio/socket');
      require('fs').statSync('pipe');
      new Socket().close();
      console.log('found');`;
    const options = { cwd: packages.folder, type: 'commonjs', env: { NODE_PATH: '' } } as const;
    const { stdout, stderr, status } = await runProgram(program, options);
    expect({ stdout, stderr, status }).toEqual({ stdout: 'found\n', stderr: '', status: 0 });
  });

  test('on a platform without an implementation the import works, and the first use says what is missing', async () => {
    const { stdout, stderr, status } = await run(`${loaded}
      Object.defineProperty(process, 'platform', { value: 'sunos' });
      const { Socket, ipVersion } = require('@tsyncio/socket');
      console.log(ipVersion('::1'));
      try { new Socket(); } catch (error) { console.log(error.message); }
      console.log(loaded());`);
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    expect(stdout).toMatch(/^6\ntsyncio has no sockets for sunos-\w+ yet: only for linux \(x64, arm64/);
    expect(stdout).toMatch(/false\n$/);
  });

  test.each([
    ['linux', 10, 17],
    ['darwin', 30, undefined],
    ['freebsd', 28, undefined],
    ['win32', 23, undefined],
  ])('the constants of %s', async (platform, inet6, peercred) => {
    const { stdout, stderr, status } = await run(`
      Object.defineProperty(process, 'platform', { value: '${platform}' });
      const { AF_INET6, SO_PEERCRED } = require('@tsyncio/socket');
      console.log(AF_INET6, SO_PEERCRED);`);
    expect({ stdout, stderr, status }).toEqual({ stdout: `${inet6} ${peercred}\n`, stderr: '', status: 0 });
  });

  test('an open poll does not keep the process alive, and is closed at its end', async () => {
    const { stdout, stderr, status, signal } = await run(`
      const { socketpair } = require('@tsyncio/socket');
      const { DescriptorPoll } = require('@tsyncio/socket/native');
      const [a, b] = socketpair();
      globalThis.poll = new DescriptorPoll(a.fileno());
      poll.arm(() => {});
      console.log('end');`);
    expect({ stdout, stderr, status, signal }).toEqual({ stdout: 'end\n', stderr: '', status: 0, signal: null });
  });
});

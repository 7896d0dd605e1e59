import { chmodSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { FileNotFoundError, isOSError, PermissionError } from '@tsyncio/core';
import { gather } from '@tsyncio/futures-tasks';
import { DEVNULL, subprocessExec, subprocessShell } from '@tsyncio/subprocess';
import { leakAudit } from '@tsyncio/test-support';

import { childAudit } from './support/processes.js';
import { eachSelector, eachSpawner, failure, inLoop, Recorder, run, runShell, start } from './support/world.js';

leakAudit();
childAudit();

/** The signals 1 to 31; those after belong to libc, and are as whoever started this process has left them. */
const STANDARD = 0x7fffffffn;

/** The masks in lines of /proc/self/status. */
const masks = (lines: string): bigint[] =>
  [...lines.matchAll(/\t([0-9a-f]+)\n/g)].map(([, mask]) => BigInt(`0x${mask}`));

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'tsyncio-subprocess-')));
  writeFileSync(join(folder, 'script'), '#!/bin/sh\necho script "$@"\n');
  chmodSync(join(folder, 'script'), 0o755);
  writeFileSync(join(folder, 'plain'), 'echo no\n');
  symlinkSync('/bin/sh', join(folder, 'other-shell'));
});
afterAll(() => rmSync(folder, { recursive: true }));

eachSelector((inside) => {
  test(
    'SUBPROC-01, SUBPROC-03 cat: a pair of transport and protocol, three pipes by default',
    inside(async ({ loop }) => {
      let made: Recorder | null = null;
      const pair = await subprocessExec(loop, () => (made = new Recorder(loop)), 'cat');
      const [transport, protocol] = pair;
      expect(pair).toHaveLength(2);
      expect(protocol).toBe(made);
      expect(protocol.transport).toBe(transport);
      for (const fd of [0, 1, 2]) expect(transport.getPipeTransport(fd)).not.toBeNull();
      const stdin = transport.getPipeTransport(0)!;
      stdin.write(Buffer.from('meow'));
      stdin.writeEof();
      await protocol.ended;
      expect(protocol.stdout).toBe('meow');
      expect(protocol.returncode).toBe(0);
    }),
  );

  test(
    'SUBPROC-04 a shell: pipelines, redirections, variables, its status',
    inside(async ({ loop }) => {
      const [transport, protocol] = await subprocessShell(
        loop,
        () => new Recorder(loop),
        'x=5; echo $x | tr 5 6; echo e >&2; exit 7',
      );
      await protocol.ended;
      expect([protocol.stdout, protocol.stderr, transport.getReturncode()]).toEqual(['6\n', 'e\n', 7]);
      for (const fd of [0, 1, 2]) expect(transport.getPipeTransport(fd)).not.toBeNull();
      expect((await runShell(loop, 'no-such-command-here')).returncode).toBe(127);
    }),
  );

  test(
    'SUBPROC-30 twenty children at once, each with its own output and status',
    inside(async ({ loop }) => {
      const jobs = Array.from({ length: 20 }, (_, i) => () => runShell(loop, `echo ${i}; exit ${i}`));
      const all = await gather(...jobs);
      expect(all.map(({ stdout }) => stdout)).toEqual(all.map((_, i) => `${i}\n`));
      expect(all.map(({ returncode }) => returncode)).toEqual(all.map((_, i) => i));
      expect(new Set(all.map(({ transport }) => transport.getPid())).size).toBe(20);
    }),
  );
});

eachSpawner((spawner) => {
  test(
    'SUBPROC-02 arguments reach the child byte for byte',
    inLoop(async ({ loop }) => {
      const args = ['a b', '"quoted"', "it's", '*', '$HOME', ';', 'line\nbreak', '', '-n', 'é☃', '\\'];
      const { stdout } = await run(loop, 'printf', ['%s\\0', ...args], spawner);
      expect(Buffer.from(stdout, 'latin1').toString()).toBe(args.map((arg) => `${arg}\0`).join(''));
    }),
  );

  test(
    'SUBPROC-07 path-like program, arguments and cwd',
    inLoop(async ({ loop }) => {
      const script = join(folder, 'script');
      const url = pathToFileURL(script);
      expect((await run(loop, url, [url, Buffer.from('b')], spawner)).stdout).toBe(`script ${script} b\n`);
      expect((await run(loop, Buffer.from(script), [], spawner)).stdout).toBe('script\n');
      for (const cwd of [folder, Buffer.from(folder), pathToFileURL(folder)]) {
        expect((await run(loop, 'pwd', [], { ...spawner, cwd })).stdout).toBe(`${folder}\n`);
      }
      // Node's error, which is not that of the test's realm.
      expect((await failure(subprocessExec(loop, () => ({}), new URL('http://x/y')))).name).toBe('TypeError');
    }),
  );

  test(
    'SUBPROC-16, SUBPROC-27 a program that is not there, by path and by name',
    inLoop(async ({ loop }) => {
      for (const program of ['/nonexistent/program', './nonexistent', 'no-such-program-anywhere']) {
        const error = await failure(subprocessExec(loop, () => ({}), program, ['x'], spawner));
        expect(error).toBeInstanceOf(FileNotFoundError);
        expect(error).toMatchObject({ code: 'ENOENT', path: program, syscall: 'spawn' });
        expect(error.message).toBe(`spawn ENOENT ${program}`);
      }
    }),
  );

  test(
    'SUBPROC-17 a program that cannot be run, or is a folder',
    inLoop(async ({ loop }) => {
      for (const program of [join(folder, 'plain'), folder, '/']) {
        const error = await failure(subprocessExec(loop, () => ({}), program, [], spawner));
        expect(error).toBeInstanceOf(PermissionError);
        expect(error).toMatchObject({ code: 'EACCES', path: program });
      }
    }),
  );

  test(
    'SUBPROC-18 a cwd that is not there, or no folder: the error names it and not the program',
    inLoop(async ({ loop }) => {
      const missing = join(folder, 'missing');
      const error = await failure(subprocessExec(loop, () => ({}), 'true', [], { ...spawner, cwd: missing }));
      expect(error).toBeInstanceOf(FileNotFoundError);
      expect(error).toMatchObject({ code: 'ENOENT', path: missing, syscall: 'chdir' });
      const file = join(folder, 'plain');
      const other = await failure(subprocessExec(loop, () => ({}), 'true', [], { ...spawner, cwd: file }));
      expect(isOSError(other)).toBe(true);
      expect(other).toMatchObject({ code: 'ENOTDIR', path: file });
      // Both wrong: the folder comes first. Only the program wrong: the program.
      const both = await failure(subprocessExec(loop, () => ({}), '/nonexistent', [], { ...spawner, cwd: missing }));
      expect(both).toMatchObject({ path: missing });
      const program = await failure(subprocessExec(loop, () => ({}), '/nonexistent', [], { ...spawner, cwd: folder }));
      expect(program).toMatchObject({ path: '/nonexistent' });
    }),
  );

  test(
    'SUBPROC-19 more arguments than the system takes',
    inLoop(async ({ loop }) => {
      const args = Array.from({ length: 40 }, () => 'x'.repeat(100_000));
      const error = await failure(subprocessExec(loop, () => ({}), 'true', args, spawner));
      expect(isOSError(error)).toBe(true);
      expect(error.code).toBe('E2BIG');
    }),
  );

  test(
    'SUBPROC-21 the environment: that of this moment, or exactly the one given',
    inLoop(async ({ loop }) => {
      process.env['TSYNCIO_TEST_VARIABLE'] = 'now';
      const inherited = await run(loop, 'env', [], spawner);
      delete process.env['TSYNCIO_TEST_VARIABLE'];
      expect(inherited.stdout.split('\n')).toContain('TSYNCIO_TEST_VARIABLE=now');
      expect((await run(loop, 'env', [], spawner)).stdout).not.toContain('TSYNCIO_TEST_VARIABLE');
      const env = { ONE: '1', EMPTY: '', SIGN: 'a=b é', LEFT_OUT: undefined };
      const given = await run(loop, '/usr/bin/env', [], { ...spawner, env });
      const lines = Buffer.from(given.stdout, 'latin1').toString().trim().split('\n');
      expect(lines.filter((line) => !line.startsWith('PATH=')).sort()).toEqual(['EMPTY=', 'ONE=1', 'SIGN=a=b é']);
    }),
  );

  test(
    'SUBPROC-22 a bare name is looked up on the PATH of the given environment',
    inLoop(async ({ loop }) => {
      const nowhere = await failure(
        subprocessExec(loop, () => ({}), 'ls', [], { ...spawner, env: { PATH: '/nonexistent' } }),
      );
      expect(nowhere).toBeInstanceOf(FileNotFoundError);
      expect(nowhere).toMatchObject({ path: 'ls' });
      const found = await run(loop, 'script', ['x'], { ...spawner, env: { PATH: `/nonexistent:${folder}:/bin` } });
      expect(found.stdout).toBe('script x\n');
      // No PATH at all: the default one.
      expect((await run(loop, 'true', [], { ...spawner, env: {} })).returncode).toBe(0);
      // One that is there and cannot be run is told only if no other is found.
      const denied = await failure(
        subprocessExec(loop, () => ({}), 'plain', [], { ...spawner, env: { PATH: `${folder}:/nonexistent` } }),
      );
      expect(denied).toBeInstanceOf(PermissionError);
    }),
  );

  test(
    'SUBPROC-23 cwd is for the child only, and relative programs are found from there',
    inLoop(async ({ loop }) => {
      const before = process.cwd();
      expect((await run(loop, 'pwd', [], { ...spawner, cwd: folder })).stdout).toBe(`${folder}\n`);
      expect((await run(loop, './script', [], { ...spawner, cwd: folder })).stdout).toBe('script\n');
      expect(process.cwd()).toBe(before);
    }),
  );

  test(
    'SUBPROC-24 executable is what runs; the program is only its name',
    inLoop(async ({ loop }) => {
      const named = await run(loop, 'my name', ['-c', 'echo $0'], { ...spawner, executable: '/bin/sh' });
      expect(named.stdout).toBe('my name\n');
      const looked = await run(loop, 'my name', ['-c', 'echo $0'], { ...spawner, executable: 'sh' });
      expect(looked.stdout).toBe('my name\n');
      const missing = await failure(
        subprocessExec(loop, () => ({}), 'true', [], { ...spawner, executable: '/nonexistent' }),
      );
      expect(missing).toMatchObject({ path: '/nonexistent' });
      const other = await runShell(loop, 'readlink /proc/$$/exe; tr "\\0" " " < /proc/$$/cmdline', {
        ...spawner,
        executable: join(folder, 'other-shell'),
      });
      expect(other.stdout).toContain(`${join(folder, 'other-shell')} -c readlink`);
    }),
  );

  test(
    'SUBPROC-25 a session of its own',
    inLoop(async ({ loop }) => {
      const own = await runShell(loop, 'echo $$; ps -o sid= -p $$; exit 5', { ...spawner, startNewSession: true });
      const [pid, sid] = own.stdout.trim().split(/\s+/);
      expect(sid).toBe(pid);
      expect(Number(pid)).toBe(own.transport.getPid());
      expect(own.returncode).toBe(5);
      const shared = await runShell(loop, 'ps -o sid= -p $$', spawner);
      expect(Number(shared.stdout)).not.toBe(shared.transport.getPid());
    }),
  );

  test(
    'the child has no blocked or ignored signals',
    inLoop(async ({ loop }) => {
      const { stdout } = await run(loop, 'grep', ['Sig[BI]', '/proc/self/status'], spawner);
      const [blocked, ignored] = masks(stdout);
      expect([blocked, ignored! & STANDARD]).toEqual([0n, 0n]);
    }),
  );
});

test(
  'restoreSignals: false leaves ignored what Node ignores',
  inLoop(async ({ loop }) => {
    const { stdout } = await run(loop, 'grep', ['SigIgn', '/proc/self/status'], { restoreSignals: false });
    const [ignored] = masks(stdout);
    expect(ignored! & (1n << 12n)).not.toBe(0n); // SIGPIPE is 13
  }),
);

test(
  'SUBPROC-27 a failed start leaves no descriptor, whatever the streams are',
  inLoop(async ({ loop }) => {
    for (const stdout of [undefined, DEVNULL, null, 2]) {
      await failure(subprocessExec(loop, () => ({}), '/nonexistent', [], { stdout, stderr: stdout }));
    }
  }),
);

(process.getuid?.() === 0 ? test : test.skip)(
  'uid and gid (skipped unless root: only root may be somebody else)',
  inLoop(async ({ loop }) => {
    const { stdout, returncode } = await run(loop, 'sh', ['-c', 'id -u; id -g'], { uid: 65534, gid: 65533 });
    expect([stdout, returncode]).toEqual(['65534\n65533\n', 0]);
    const only = await start(loop, 'cat', [], { gid: 65533 });
    only.transport.getPipeTransport(0)!.write(Buffer.from('x'));
    only.transport.getPipeTransport(0)!.close();
    await only.ended;
    expect(only.stdout).toBe('x');
  }),
);

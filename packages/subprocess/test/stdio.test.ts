import { spawnSync } from 'node:child_process';
import { closeSync, readFileSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';

import { DEVNULL, STDOUT, subprocessExec, type SubprocessOptions } from '@tsyncio/subprocess';
import { socketpair } from '@tsyncio/socket';
import { compilePackages, type CompiledPackages, leakAudit, runProgram } from '@tsyncio/test-support';

import { TestFile } from '@tsyncio/test-support/loops/files';
import { pipe } from '@tsyncio/test-support/loops/pipes';
import { childAudit } from './support/processes.js';
import { eachSpawner, failure, inLoop, run, runShell, shell, start } from './support/world.js';

leakAudit();
childAudit();

eachSpawner((spawner) => {
  const options = (more: SubprocessOptions): SubprocessOptions => ({ ...spawner, ...more });

  test(
    'SUBPROC-34 null: the child has our descriptor, there is no transport and no callback',
    inLoop(async ({ loop }) => {
      const silent = await run(loop, 'true', [], options({ stdin: null, stdout: null, stderr: null }));
      expect([0, 1, 2].map((fd) => silent.transport.getPipeTransport(fd))).toEqual([null, null, null]);
      expect(silent.events).toEqual(['made', 'exited', 'lost null']);
    }),
  );

  test(
    'SUBPROC-35 DEVNULL: an immediate end of input, and output that nobody gets',
    inLoop(async ({ loop }) => {
      const cat = await run(loop, 'cat', [], options({ stdin: DEVNULL }));
      expect([cat.returncode, cat.stdout]).toEqual([0, '']);
      expect(cat.transport.getPipeTransport(0)).toBeNull();
      const quiet = await runShell(
        loop,
        'echo out; echo err >&2; readlink /proc/$$/fd/1',
        options({ stdout: DEVNULL }),
      );
      expect([quiet.stdout, quiet.stderr]).toEqual(['', 'err\n']);
      expect(quiet.transport.getPipeTransport(1)).toBeNull();
      expect(quiet.events).not.toContain('data 1');
    }),
  );

  test(
    'SUBPROC-36 STDOUT: one stream, in the order of writing',
    inLoop(async ({ loop }) => {
      const child = await runShell(loop, 'echo 1; echo 2 >&2; echo 3; echo 4 >&2', options({ stderr: STDOUT }));
      expect(child.stdout).toBe('1\n2\n3\n4\n');
      expect(child.transport.getPipeTransport(2)).toBeNull();
      expect(child.events.filter((event) => event.includes(' 2'))).toEqual([]);
    }),
  );

  test(
    'SUBPROC-37 STDOUT follows stdout into a file and to nowhere',
    inLoop(async ({ loop }) => {
      using file = new TestFile('');
      await runShell(loop, 'echo out; echo err >&2', options({ stdout: file.fd, stderr: STDOUT }));
      expect(readFileSync(file.path, 'latin1')).toBe('out\nerr\n');
      const nowhere = await runShell(loop, 'echo out; echo err >&2', options({ stdout: DEVNULL, stderr: STDOUT }));
      expect(nowhere.events).toEqual(['made', expect.stringMatching(/pipe 0|exited/), expect.anything(), 'lost null']);
    }),
  );

  test(
    'SUBPROC-38 STDOUT for another stream, and numbers that are not open, are EBADF',
    inLoop(async ({ loop }) => {
      for (const wrong of [
        { stdin: STDOUT },
        { stdout: STDOUT },
        { stdin: 999 },
        { stdout: 999 },
        { stderr: 999 },
        { stdin: -7 },
      ]) {
        const error = await failure(subprocessExec(loop, () => ({}), 'true', [], options(wrong)));
        expect(error).toMatchObject({ name: 'OSError', code: 'EBADF' });
      }
    }),
  );

  test(
    'SUBPROC-39 numbers and objects with a descriptor: the child has it, and the caller keeps it',
    inLoop(async ({ loop }) => {
      using file = new TestFile('content');
      expect((await run(loop, 'cat', [], options({ stdin: file.fd }))).stdout).toBe('content');
      const handle = await open(file.path, 'r');
      expect((await run(loop, 'cat', [], options({ stdin: handle }))).stdout).toBe('content');
      const [r, w] = pipe(false);
      await run(loop, 'echo', ['by pipe'], options({ stdout: { fileno: () => w } }));
      const into = Buffer.alloc(20);
      expect(into.toString('latin1', 0, readSync(r, into))).toBe('by pipe\n');
      const [ours, theirs] = socketpair();
      await run(loop, 'echo', ['by socket'], options({ stdout: theirs }));
      expect(ours.recv(20).toString()).toBe('by socket\n');
      ours.close();
      theirs.close();
      closeSync(r);
      closeSync(w);
      await handle.close();
    }),
  );

  test(
    'SUBPROC-39 one descriptor for several streams, and a closed object',
    inLoop(async ({ loop }) => {
      using file = new TestFile('');
      await runShell(loop, 'echo a; echo b >&2', options({ stdout: file.fd, stderr: file.fd }));
      expect(readFileSync(file.path, 'latin1')).toBe('a\nb\n');
      const [one, two] = socketpair();
      one.close();
      two.close();
      expect(await failure(subprocessExec(loop, () => ({}), 'true', [], options({ stdin: one })))).toMatchObject({
        name: 'ValueError',
      });
    }),
  );

  test(
    'SUBPROC-26 passFds are open under the same numbers',
    inLoop(async ({ loop }) => {
      const [r, w] = pipe(false);
      const child = await runShell(loop, `echo through > /dev/fd/${w}`, options({ passFds: [w, 1] }));
      expect([child.returncode, child.stderr]).toEqual([0, '']);
      const into = Buffer.alloc(20);
      expect(into.toString('latin1', 0, readSync(r, into))).toBe('through\n');
      closeSync(r);
      closeSync(w);
    }),
  );

  test(
    'SUBPROC-40 the end of one child is not held open by a later one',
    inLoop(async ({ loop }) => {
      const first = await start(loop, 'cat', [], spawner);
      const second = await start(loop, 'cat', [], spawner);
      first.transport.getPipeTransport(0)!.close();
      await first.ended;
      expect(second.returncode).toBeNull();
      second.transport.close();
      await second.ended;
    }),
  );
});

test(
  'the child has 0, 1, 2 and nothing else',
  inLoop(async ({ loop }) => {
    using _file = new TestFile('');
    const other = await shell(loop, 'cat');
    const { stdout } = await run(loop, 'ls', ['/proc/self/fd']);
    expect(stdout).toBe('0\n1\n2\n3\n'); // 3: what ls lists by
    other.transport.close();
    await other.ended;
  }),
);

describe('descriptors that are not close-on-exec', () => {
  let packages: CompiledPackages;
  beforeAll(() => {
    packages = compilePackages(
      'core',
      'futures-tasks',
      'socket',
      'selector-io',
      'transports-protocols',
      'subprocess',
      'streams',
      'server',
    );
  });
  afterAll(() => packages.remove());

  const prelude = `
    import { TaskLoop } from '@tsyncio/futures-tasks';
    import { SelectorIo } from '@tsyncio/selector-io';
    import { subprocessExec, subprocessShell } from '@tsyncio/subprocess';
    import { closeSync } from 'node:fs';
    const loop = new TaskLoop({ backend: new SelectorIo() });
    const run = async (program, args, options) => {
      const ended = loop.createFuture();
      let out = '';
      const [t] = await subprocessExec(loop, () => ({
        pipeDataReceived(fd, data) { out += data; },
        connectionLost() { ended.setResult(); },
      }), program, args, options);
      t.getPipeTransport(0)?.close();
      await ended;
      return out;
    };
  `;
  /** Our program runs with 30 and 40 open. (Of those up to 16 Node sees to it that no child gets them.) */
  const inherited = (body: string): string => {
    const program = `${prelude} await loop.runUntilComplete(async () => { ${body} }); loop.close();`;
    using file = new TestFile('');
    const stdio = Array.from({ length: 41 }, (_, fd) => (fd === 30 || fd === 40 ? file.fd : ('ignore' as const)));
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
      cwd: packages.folder,
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
      stdio: ['pipe', 'pipe', 'pipe', ...stdio.slice(3)],
    });
    expect(stderr).toBe('');
    return stdout;
  };
  const list = `run('ls', ['/proc/self/fd'], `;

  test('SUBPROC-26 are closed, kept by passFds, or all left by closeFds: false', () => {
    const output = inherited(`
      const show = (text) => console.log(text.split('\\n').filter((fd) => ['3', '30', '40'].includes(fd)).join(' '));
      show(await ${list} {}));
      show(await ${list} { passFds: [40] }));
      show(await ${list} { closeFds: false }));
      show(await ${list} { passFds: [30], closeFds: false }));
    `);
    expect(output).toBe('3\n3 40\n3 30 40\n3 30\n');
  });

  test('SUBPROC-37 SUBPROC-34 the streams of the parent: inherited, and merged', async () => {
    const { stdout, stderr } = await runProgram(
      `${prelude} await loop.runUntilComplete(async () => {
        await run('sh', ['-c', 'echo one; echo two >&2'], { stdout: null, stderr: null });
        await run('sh', ['-c', 'echo three; echo four >&2'], { stdout: null, stderr: -2 });
        await run('sh', ['-c', 'echo five; echo six >&2'], { stdout: 2, stderr: 1 });
      }); loop.close();`,
      { cwd: packages.folder },
    );
    expect(stdout).toBe('one\nthree\nfour\nsix\n');
    expect(stderr).toBe('two\nfive\n');
  });

  test('a parent whose own streams are closed', () => {
    const output = inherited(`
      closeSync(0);
      console.log((await run('sh', ['-c', 'cat; echo ok >&2'], { stderr: -2 })).trim());
    `);
    expect(output).toBe('ok\n');
  });
});

import { spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { subprocessExec } from '@tsyncio/subprocess';
import { leakAudit } from '@tsyncio/test-support';

import { childAudit } from './support/processes.js';
import { BY_NODE, eachSelector, inLoop, Recorder, run, runShell } from './support/world.js';

leakAudit();
childAudit();

const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

eachSelector((inside) => {
  test(
    'cat: 32 MiB there and back, byte for byte, with flow control',
    inside(async ({ loop }) => {
      let writable = loop.createFuture<void>();
      writable.setResult();
      const sent = createHash('sha256');
      const received = createHash('sha256');
      class Fast extends Recorder {
        override pauseWriting(): void {
          writable = loop.createFuture();
        }
        override resumeWriting(): void {
          writable.setResult();
        }
        override pipeDataReceived(_fd: number, data: Buffer): void {
          received.update(data);
        }
      }
      const [transport, recorder] = await subprocessExec(loop, () => new Fast(loop), 'cat');
      const stdin = transport.getPipeTransport(0)!;
      for (let i = 0; i < 32; i++) {
        const piece = randomBytes(1 << 20);
        sent.update(piece);
        stdin.write(piece);
        await writable;
      }
      stdin.close();
      await recorder.ended;
      expect(received.digest('hex')).toBe(sent.digest('hex'));
      expect(recorder.returncode).toBe(0);
    }),
  );

  test(
    'dd: 16 MiB of zeros, and its report on stderr',
    inside(async ({ loop }) => {
      const { output, stderr } = await run(loop, 'dd', ['if=/dev/zero', 'bs=64k', 'count=256']);
      expect(Buffer.concat(output[1])).toHaveLength(16 << 20);
      expect(stderr).toContain('256+0 records out');
    }),
  );

  test(
    'yes | head: a pipeline in which one ends the other',
    inside(async ({ loop }) => {
      const { stdout, returncode } = await runShell(loop, 'yes | head -n 100000 | tail -n 1');
      expect([stdout, returncode]).toEqual(['y\n', 0]);
    }),
  );
});

(has('git') ? test : test.skip)(
  'git: a repository from nothing to a log (skipped without git)',
  inLoop(async ({ loop }) => {
    const folder = mkdtempSync(join(tmpdir(), 'tsyncio-git-'));
    const env = { PATH: process.env['PATH'], HOME: folder, GIT_CONFIG_NOSYSTEM: '1' };
    const git = (...args: string[]): Promise<Recorder> => run(loop, 'git', args, { cwd: folder, env });
    await git('init', '-q');
    const author = ['-c', 'user.name=n', '-c', 'user.email=e'];
    const commit = await git(...author, 'commit', '-q', '--allow-empty', '-m', 'a "quoted" message');
    expect([commit.returncode, commit.stderr]).toEqual([0, '']);
    expect((await git('log', '--format=%s')).stdout).toBe('a "quoted" message\n');
    expect((await git('no-such-command')).returncode).toBe(1);
    rmSync(folder, { recursive: true });
  }),
);

(has('python3') ? test : test.skip)(
  "Python: its signals are as in a program that a shell has started, and subprocess' own children work (skipped without python3)",
  inLoop(async ({ loop }) => {
    const program = `
import signal, subprocess, sys
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)
print(subprocess.run(["sh", "-c", "exit 3"]).returncode)
print(len(sys.stdin.buffer.read()))
sys.exit(5)
`;
    const [transport, recorder] = await subprocessExec(loop, () => new Recorder(loop), 'python3', ['-c', program]);
    const stdin = transport.getPipeTransport(0)!;
    stdin.write(Buffer.alloc(300_000));
    stdin.close();
    await recorder.ended;
    expect([recorder.stdout, recorder.stderr, recorder.returncode]).toEqual(['True\n3\n300000\n', '', 5]);
  }),
  20_000,
);

(has('python3') ? test : test.skip)(
  'a pipe is made larger when much goes through it, and only then (skipped without python3)',
  inLoop(async ({ loop }) => {
    const program = `
import fcntl, os, sys
def tell():
    print(*(fcntl.fcntl(fd, 1032) for fd in (0, 1, 2)), file=sys.stderr, flush=True) # F_GETPIPE_SZ
tell()
os.write(1, b"x" * 65536)
os.read(0, 1)
tell()
while os.read(0, 65536)[-1] == 0: pass
tell()
`;
    for (const spawner of [{}, BY_NODE]) {
      const [transport, recorder] = await subprocessExec(
        loop,
        () => new Recorder(loop),
        'python3',
        ['-c', program],
        spawner,
      );
      const stdin = transport.getPipeTransport(0)!;
      await recorder.until(() => recorder.stdout.length === 65536);
      stdin.write(Buffer.from('x'));
      await recorder.until(() => recorder.stderr.split('\n').length === 3);
      stdin.write(Buffer.alloc(300_000));
      stdin.write(Buffer.from('x'));
      await recorder.ended;
      const [few, many] = [65536, 262144];
      expect(recorder.stderr.trim().split('\n')).toEqual([
        `${few} ${few} ${few}`,
        `${few} ${many} ${few}`,
        `${many} ${many} ${few}`,
      ]);
    }
  }),
  20_000,
);

test(
  'sleep: three at once take as long as one',
  inLoop(async ({ loop }) => {
    const began = loop.time();
    const all = await Promise.all([1, 2, 3].map(() => run(loop, 'sleep', ['0.3'])));
    expect(all.map(({ returncode }) => returncode)).toEqual([0, 0, 0]);
    expect(loop.time() - began).toBeGreaterThanOrEqual(0.3);
  }),
);

test(
  '/dev/stdin can be opened: stdin is a pipe, not a socket',
  inLoop(async ({ loop }) => {
    const [transport, recorder] = await subprocessExec(loop, () => new Recorder(loop), 'cat', ['/dev/stdin']);
    transport.getPipeTransport(0)!.write(Buffer.from('x'));
    transport.getPipeTransport(0)!.close();
    await recorder.ended;
    expect([recorder.stdout, recorder.stderr]).toEqual(['x', '']);
  }),
);

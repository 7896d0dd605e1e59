import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { probeIoUring } from '@tsyncio/proactor-io';
import { compilePackages, type CompiledPackages, leakAudit, runProgram } from '@tsyncio/test-support';

leakAudit();
jest.setTimeout(60_000);

let packages: CompiledPackages;
beforeAll(() => (packages = compilePackages('core', 'futures-tasks', 'socket', 'proactor-io')));
afterAll(() => packages.remove());

/** Runs a whole loop on io_uring, if it may; prints what the probe says and what the constructor does. */
const program = `
  import { TaskLoop } from '@tsyncio/futures-tasks';
  import { addReader, socketpair } from '@tsyncio/socket';
  import { IoUringProactor, probeIoUring } from '@tsyncio/proactor-io';
  console.log(JSON.stringify(probeIoUring()));
  try {
    const loop = new TaskLoop({ backend: new IoUringProactor() });
    const [a, b] = socketpair();
    addReader(loop, a, () => loop.stop());
    b.send(Buffer.from('x'));
    await loop.runForever();
    loop.close();
    console.log('ran');
  } catch (error) {
    console.log(error.name + ': ' + error.message + (error.cause?.code ?? ''));
  }
`;

/** @param wrapper - A command that runs the one that follows it under some restriction. */
async function run(wrapper: string, env: Record<string, string> = {}): Promise<[string, string]> {
  const node = path.join(
    packages.folder,
    `node-${String(Object.keys(env))}-${wrapper.replace(/\W/g, '')}`.slice(0, 200),
  );
  writeFileSync(node, `#!/bin/sh\nexec ${wrapper} "${process.execPath}" "$@"\n`, { mode: 0o755 });
  const { stdout, stderr } = await runProgram(program, { cwd: packages.folder, execPath: node, env, timeout: 50 });
  expect(stderr).toBe('');
  const lines = stdout.trim().split('\n');
  expect(lines).toHaveLength(2);
  return lines as [string, string];
}

/** `test`, or a skipped one that says what is missing. */
function testWhere(what: string, works: () => unknown): (title: string, body: () => Promise<void>) => void {
  try {
    works();
    return test;
  } catch {
    return (title) => test.skip(`${title} (not here: ${what})`, () => undefined);
  }
}

test('it says what it found', () => {
  expect(probeIoUring()).toEqual({
    available: true,
    deferTaskrun: expect.any(Boolean) as boolean,
    noSqArray: expect.any(Boolean) as boolean,
  });
});

test('without restrictions it runs', async () => {
  const [probe, result] = await run('env');
  expect(JSON.parse(probe)).toMatchObject({ available: true });
  expect(result).toBe('ran');
});

test('an environment variable turns it off', async () => {
  const [probe, result] = await run('env', { TSYNCIO_IO_URING: '0' });
  const reason = 'the environment variable TSYNCIO_IO_URING is 0';
  expect(JSON.parse(probe)).toEqual({ available: false, reason });
  expect(result).toBe(`RuntimeError: io_uring is not available: ${reason}`);
});

// What container runtimes do: the three system calls (425 to 427) fail.
const SECCOMP = `
import ctypes, os, struct, sys
op = lambda code, yes, no, k: struct.pack('HBBI', code, yes, no, k)
program = b''.join([op(0x20, 0, 0, 0), op(0x35, 0, 2, 425), op(0x25, 1, 0, 427), op(6, 0, 0, 0x50000 | int(sys.argv[1])), op(6, 0, 0, 0x7FFF0000)])
memory = ctypes.create_string_buffer(program)
class Prog(ctypes.Structure): _fields_ = [('len', ctypes.c_ushort), ('filter', ctypes.c_void_p)]
libc = ctypes.CDLL(None)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(Prog(5, ctypes.addressof(memory))), 0, 0): sys.exit('no seccomp')
os.execvp(sys.argv[2], sys.argv[2:])
`;
const withSeccomp = testWhere('python3 and seccomp', () =>
  execFileSync('python3', ['-c', SECCOMP, '1', 'true'], { stdio: 'ignore' }),
);

withSeccomp('a kernel that forbids it, hides it or is too old is named', async () => {
  const script = path.join(packages.folder, 'seccomp.py');
  writeFileSync(script, SECCOMP);
  for (const [errno, reason] of [
    [1, /^the kernel forbids it: a container's seccomp profile, .* \(io_uring_setup EPERM\)$/],
    [38, /^this kernel has none, or a sandbox hides it \(io_uring_setup ENOSYS\)$/],
    [22, /^the kernel is older than Linux 6\.0, which brought what is needed here \(io_uring_setup EINVAL\)$/],
    [13, /^a security module forbids it \(io_uring_setup EACCES\)$/],
  ] as const) {
    const [probe, result] = await run(`python3 ${script} ${errno}`);
    const found = JSON.parse(probe) as { available: boolean; reason: string };
    expect(found).toEqual({ available: false, reason: expect.stringMatching(reason) as string });
    expect(result).toMatch(/^RuntimeError: io_uring is not available: .*(EPERM|ENOSYS|EINVAL|EACCES)$/);
    expect(result).toContain(found.reason);
  }
});

// Root has no limit, and the memory of all processes of a user counts: a user of its own, who may still read the files.
const UNLOCKED = `setpriv --reuid=${100_000 + process.pid} --clear-groups --inh-caps=-all,+dac_override --ambient-caps=-all,+dac_override prlimit --memlock=0`;
const withLimits = testWhere('setpriv and prlimit', () =>
  execFileSync('sh', ['-c', `${UNLOCKED} true`], { stdio: 'ignore' }),
);

withLimits('a limit of locked memory that is too low is named', async () => {
  const [probe, result] = await run(UNLOCKED);
  const reason = 'the limit of locked memory (RLIMIT_MEMLOCK, `ulimit -l`) leaves no room for the rings';
  expect(JSON.parse(probe)).toEqual({ available: false, reason: `${reason} (io_uring_setup ENOMEM)` });
  expect(result).toBe(`RuntimeError: io_uring is not available: ${reason} (io_uring_setup ENOMEM)ENOMEM`);
});

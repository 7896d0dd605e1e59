import { mkdtempSync, openSync, closeSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { FileNotFoundError, ProcessLookupError, ValueError } from '@tsyncio/core';
import {
  createSubprocessExec,
  createSubprocessShell,
  DEVNULL,
  PIPE,
  STDOUT,
  subprocessExec,
  type SubprocessOptions,
} from '@tsyncio/subprocess';
import { leakAudit } from '@tsyncio/test-support';
import type { World } from '@tsyncio/test-support/loops/world';

import { eachSelector, failure, Recorder } from './support/world.js';

leakAudit();

const onWindows = process.platform === 'win32' ? describe : describe.skip;
const { execPath } = process;
const script = (code: string): string[] => ['-e', code];
const CAT = 'process.stdin.pipe(process.stdout)';

let folder: string;
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'tsyncio-children-')));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function start({ loop }: World, code: string, options: SubprocessOptions = {}): Promise<Recorder> {
  const [, recorder] = await subprocessExec(loop, () => new Recorder(loop), execPath, script(code), options);
  return recorder;
}

onWindows('children on Windows', () => {
  eachSelector((inside) => {
    test(
      'SPTRANS-23, SPTRANS-26, SPTRANS-30 a child that echoes: what happens, in order',
      inside(async (world) => {
        const child = await start(world, CAT);
        const stdin = child.transport.getPipeTransport(0)!;
        stdin.write(Buffer.from('me'));
        stdin.write(Buffer.from('ow'));
        stdin.writeEof();
        await child.ended;
        expect(child.stdout).toBe('meow');
        expect(child.returncode).toBe(0);
        expect(child.events[0]).toBe('made');
        expect(child.events.at(-1)).toBe('lost null');
        for (const fd of [0, 1, 2]) expect(child.count(`pipe ${fd} null`)).toBe(1);
        expect(child.count('exited')).toBe(1);
        expect(() => child.transport.kill()).toThrow(ProcessLookupError);
      }),
    );

    test(
      'SPTRANS-25, SPTRANS-20 a megabyte each way, with a pause of the writer',
      inside(async (world) => {
        const child = await start(world, CAT);
        const stdin = child.transport.getPipeTransport(0)!;
        const data = Buffer.alloc(1 << 20, 'abcdefg');
        stdin.write(data);
        expect(child.count('pause')).toBe(1);
        await child.until(() => child.count('resume') === 1);
        stdin.close();
        await child.ended;
        expect(Buffer.concat(child.output[1]).equals(data)).toBe(true);
      }),
    );

    test(
      'SPTRANS-17 a paused output holds back its data and the end',
      inside(async (world) => {
        const child = await start(world, 'process.stdout.write("late")', { stdin: DEVNULL });
        const stdout = child.transport.getPipeTransport(1)!;
        stdout.pauseReading();
        await child.exited;
        expect(child.stdout).toBe('');
        expect(child.count('pipe 1 null')).toBe(0);
        stdout.resumeReading();
        await child.ended;
        expect(child.stdout).toBe('late');
      }),
    );

    test(
      'SPTRANS-06 terminate and kill end it with 1, as in Python; no other signal is known',
      inside(async (world) => {
        for (const method of ['terminate', 'kill'] as const) {
          const child = await start(world, 'setInterval(() => {}, 1000)');
          for (const signal of [0, 1, 2, 9999]) expect(() => child.transport.sendSignal(signal)).toThrow(ValueError);
          child.transport[method]();
          await child.ended;
          expect(child.returncode).toBe(1);
        }
      }),
    );

    test(
      'SPTRANS-11, SPTRANS-13 close ends it, and the callbacks still come',
      inside(async (world) => {
        const child = await start(world, 'setInterval(() => {}, 1000)');
        child.transport.close();
        await child.ended;
        expect(child.returncode).toBe(1);
        expect(child.events.at(-1)).toBe('lost null');
      }),
    );

    test(
      'SUBPROC-16 a missing program, a missing folder',
      inside(async ({ loop }) => {
        const missing = await failure(subprocessExec(loop, () => new Recorder(loop), 'no-such-program-anywhere'));
        expect(missing).toBeInstanceOf(FileNotFoundError);
        expect(missing).toMatchObject({ path: 'no-such-program-anywhere' });
        const cwd = join(folder, 'missing');
        const error = await failure(subprocessExec(loop, () => new Recorder(loop), execPath, [], { cwd }));
        expect(error).toMatchObject({ name: 'FileNotFoundError', path: cwd });
      }),
    );

    test(
      'SPAPI-10 streams: communicate, exit code, folder, environment',
      inside(async () => {
        const code = 'process.stdout.write([process.cwd(), process.env.COLOUR].join()); process.exitCode = 7';
        const env = { ...process.env, COLOUR: 'blue' };
        const child = await createSubprocessExec(execPath, script(code), { stdout: PIPE, cwd: folder, env });
        const [out, err] = await child.communicate();
        expect([out!.toString(), err, child.returncode]).toEqual([`${folder},blue`, null, 7]);
      }),
    );

    test(
      'SUBPROC-13 stderr goes where stdout goes: in order, and to a file',
      inside(async () => {
        const code =
          "const { writeSync } = require('fs'); for (let i = 0; i < 6; i++) writeSync(1 + (i % 2), String(i))";
        const child = await createSubprocessExec(execPath, script(code), {
          stdin: DEVNULL,
          stdout: PIPE,
          stderr: STDOUT,
        });
        expect(child.stderr).toBeNull();
        const [out] = await child.communicate();
        expect([out!.toString(), child.returncode]).toEqual(['012345', 0]);
        const path = join(folder, 'output');
        const file = openSync(path, 'w');
        const other = await createSubprocessExec(execPath, script(code), {
          stdin: DEVNULL,
          stdout: file,
          stderr: STDOUT,
        });
        expect(await other.wait()).toBe(0);
        closeSync(file);
        expect(readFileSync(path, 'latin1')).toBe('012345');
      }),
    );

    test(
      'SUBPROC-04 a shell: cmd.exe, its quotes and its status',
      inside(async () => {
        const child = await createSubprocessShell('echo "a b" & exit 3', { stdin: DEVNULL, stdout: PIPE });
        const [out] = await child.communicate();
        expect(out!.toString().trim()).toBe('"a b"');
        expect(child.returncode).toBe(3);
      }),
    );

    test(
      'SUBPROC-12 what Windows has and Node has not is refused, not passed over',
      inside(async ({ loop }) => {
        for (const option of [{ creationflags: 16 }, { startupinfo: {} }, { passFds: [5] }]) {
          const options = option as SubprocessOptions;
          expect(await failure(subprocessExec(loop, () => new Recorder(loop), execPath, [], options))).toBeInstanceOf(
            ValueError,
          );
        }
      }),
    );
  });
});

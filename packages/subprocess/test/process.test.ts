import { inspect } from 'node:util';

import {
  BrokenPipeError,
  CancelledError,
  ConnectionResetError,
  FileNotFoundError,
  PermissionError,
  ProcessLookupError,
  RuntimeError,
  ValueError,
} from '@tsyncio/core';
import { gather, sleep, TaskLoop, waitFor } from '@tsyncio/futures-tasks';
import { StreamReader, StreamWriter } from '@tsyncio/streams';
import {
  createSubprocessExec,
  createSubprocessShell,
  type CreateSubprocessOptions,
  PIPE,
  Process,
  STDOUT,
  subprocessExec,
} from '@tsyncio/subprocess';
import { leakAudit } from '@tsyncio/test-support';

import { childAudit } from './support/processes.js';
import { eachSelector, failure, inLoop, iterations } from './support/world.js';

leakAudit();
childAudit();

const piped = { stdin: PIPE, stdout: PIPE, stderr: PIPE } as const;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A program that copies its stdin to its stdout. */
const cat = (options: CreateSubprocessOptions = { stdin: PIPE, stdout: PIPE }): PromiseLike<Process> =>
  createSubprocessExec('cat', [], options);

async function text(output: PromiseLike<Buffer>): Promise<string> {
  return (await output).toString('latin1');
}

eachSelector((inLoop) => {
  test(
    'SPAPI-01 SPAPI-04 by default the streams are those of this process',
    inLoop(async () => {
      const inherited = await createSubprocessExec('true');
      expect([inherited.stdin, inherited.stdout, inherited.stderr]).toEqual([null, null, null]);
      expect(inherited).toBeInstanceOf(Process);
      expect(await inherited.wait()).toBe(0);
      // What it inherits is really ours.
      const links = await createSubprocessShell('exec readlink /proc/self/fd/0 >&2', {
        stderr: PIPE,
        stdin: undefined,
      });
      expect(await text(links.stderr!.read())).toBe(await ownLink(0));
      await links.wait();
      const all = await createSubprocessExec('cat', [], piped);
      expect(all.stdin).toBeInstanceOf(StreamWriter);
      expect([all.stdout, all.stderr].map((reader) => reader instanceof StreamReader)).toEqual([true, true]);
      expect(all.pid).toBeGreaterThan(0);
      await all.communicate();
    }),
  );

  test(
    'SPAPI-05 SPAPI-06 wait, by many, later, and cancelled',
    inLoop(async ({ loop }) => {
      const process = await createSubprocessExec('sh', ['-c', 'read line; exit 7'], { stdin: PIPE });
      expect(process.returncode).toBeNull();
      const waiting = [1, 2, 3].map(() => loop.createTask(() => process.wait()));
      await sleep(0);
      waiting[1]!.cancel();
      expect(await failure(waiting[1]!)).toBeInstanceOf(CancelledError);
      await expect(waitFor(process.wait(), 0.001)).rejects.toMatchObject({ name: 'TimeoutError' });
      expect(process.returncode).toBeNull();
      process.stdin!.write(bytes('\n'));
      expect(await gather(waiting[0]!, waiting[2]!, process.wait())).toEqual([7, 7, 7]);
      expect(process.wait().done()).toBe(true);
      expect([await process.wait(), process.returncode]).toEqual([7, 7]);
      await process.stdin!.waitClosed();
    }),
  );

  test(
    'SPAPI-07 wait does not wait for pipes that a grandchild holds',
    inLoop(async () => {
      const process = await createSubprocessShell('sleep 0.3 & exit 4', { stdout: PIPE });
      expect(await process.wait()).toBe(4);
      expect(process.stdout!.atEof()).toBe(false);
      expect(await text(process.stdout!.read())).toBe('');
    }),
  );

  test(
    'SPAPI-08 SPAPI-23 SPAPI-22 wait does not read: a child with much to say stops, and nothing is lost',
    inLoop(async () => {
      const process = await createSubprocessExec('head', ['-c', '1000000', '/dev/zero'], { stdout: PIPE, limit: 1000 });
      await expect(waitFor(process.wait(), 0.1)).rejects.toMatchObject({ name: 'TimeoutError' });
      expect(String(process.stdout)).toMatch(/ paused>$/);
      let got = 0;
      for (;;) {
        const piece = await process.stdout!.read(7000);
        if (piece.length === 0) break;
        got += piece.length;
      }
      expect([got, await process.wait()]).toEqual([1_000_000, 0]);
    }),
  );

  test(
    'SPAPI-09 signals, and none when all is over',
    inLoop(async () => {
      const send: [(process: Process) => void, number][] = [
        [(process) => process.sendSignal(1), -1],
        [(process) => process.sendSignal('SIGUSR1'), -10],
        [(process) => process.terminate(), -15],
        [(process) => process.kill(), -9],
      ];
      for (const [signal, returncode] of send) {
        const process = await createSubprocessExec('sleep', ['100']);
        expect(() => process.sendSignal('SIGNOTHING' as NodeJS.Signals)).toThrow(ValueError);
        signal(process);
        expect(await process.wait()).toBe(returncode);
        expect(() => process.sendSignal(1)).toThrow(ProcessLookupError);
        expect(() => process.terminate()).toThrow(ProcessLookupError);
        expect(() => process.kill()).toThrow(ProcessLookupError);
      }
    }),
  );

  test(
    'SPAPI-10 SPAPI-12 communicate: input, both outputs, and the end',
    inLoop(async () => {
      const program = 'cat; echo error >&2; exit 3';
      const process = await createSubprocessShell(program, piped);
      const [out, err] = await process.communicate(bytes('some input'));
      expect([String(out), String(err), process.returncode]).toEqual(['some input', 'error\n', 3]);
      const merged = await createSubprocessShell(program, { stdin: PIPE, stdout: PIPE, stderr: STDOUT });
      expect((await merged.communicate(bytes('a'))).map((each) => each?.toString() ?? null)).toEqual([
        'aerror\n',
        null,
      ]);
      const empty = await cat();
      expect(await empty.communicate(bytes(''))).toEqual([bytes(''), null]);
      const quiet = await createSubprocessExec('true');
      expect(await quiet.communicate()).toEqual([null, null]);
    }),
  );

  test(
    'SPAPI-11 much input and much output at the same time',
    inLoop(async () => {
      const input = Buffer.alloc(3_000_000, 'abcdefg');
      const process = await cat({ stdin: PIPE, stdout: PIPE, limit: 100 });
      const [out] = await process.communicate(input);
      expect(out!.equals(input)).toBe(true);
      expect(process.returncode).toBe(0);
    }),
  );

  test(
    'SPAPI-13 communicate without input closes stdin too (as since Python 3.12)',
    inLoop(async () => {
      expect(await (await cat()).communicate()).toEqual([bytes(''), null]);
    }),
  );

  test(
    'SPAPI-14 input without a pipe, and what is no bytes',
    inLoop(async () => {
      const process = await createSubprocessExec('sleep', ['100'], { stdout: PIPE });
      expect(await failure(process.communicate(bytes('x')))).toBeInstanceOf(TypeError);
      process.kill();
      await process.wait();
      const other = await cat();
      expect(await failure(other.communicate('text' as never))).toBeInstanceOf(TypeError);
      expect(await other.communicate(bytes('good'))).toEqual([bytes('good'), null]);
    }),
  );

  test(
    'SPAPI-15 SPAPI-21 a child that does not read its input is no error',
    inLoop(async () => {
      const process = await createSubprocessExec('sh', ['-c', 'echo done; exit 2'], piped);
      const [out] = await process.communicate(Buffer.alloc(1_000_000));
      expect([String(out), process.returncode]).toEqual(['done\n', 2]);
      // Nobody asks what became of stdin.
    }),
  );

  test(
    'SPAPI-16 communicate again gives nothing',
    inLoop(async () => {
      const process = await createSubprocessExec('sh', ['-c', 'cat; echo error >&2'], piped);
      await process.communicate(bytes('once'));
      for (const input of [null, bytes('twice')]) {
        expect(await process.communicate(input)).toEqual([bytes(''), bytes('')]);
      }
    }),
  );

  test(
    'SPAPI-17 a cancelled communicate leaves the child alone, and what comes later can be had',
    inLoop(async ({ loop }) => {
      const process = await createSubprocessShell('echo lost; read line; echo kept; exec sleep 100', {
        stdin: PIPE,
        stdout: PIPE,
      });
      const task = loop.createTask(() => process.stdout!.read());
      while (String(process.stdout).includes('waiter') === false) await sleep(0);
      await iterations(3);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      const cancelled = loop.createTask(() => process.communicate(bytes('go\n')));
      await expect(waitFor(cancelled, 0.05)).rejects.toMatchObject({ name: 'TimeoutError' });
      expect(process.returncode).toBeNull();
      process.kill();
      const [out] = await process.communicate();
      expect([out!.toString().includes('lost'), process.returncode]).toEqual([false, -9]);
    }),
  );

  test.each<[where: string, command: string, options: CreateSubprocessOptions, input: Buffer | null]>([
    ['has no room for the input', 'exec sleep 100', { stdin: PIPE }, Buffer.alloc(1_000_000)],
    ['reads stdout', 'exec sleep 100', { stdout: PIPE }, null],
    ['reads stderr', 'exec sleep 100', { stderr: PIPE }, null],
    ['waits for the end', 'exec sleep 100 >&- 2>&-', { stdout: PIPE, stderr: PIPE }, null],
  ])('SPAPI-17 communicate is cancelled while it %s', (where, command, options, input) =>
    inLoop(async ({ loop }) => {
      const process = await createSubprocessShell(command, options);
      const task = loop.createTask(() => process.communicate(input));
      await iterations(10);
      if (where === 'waits for the end') {
        while (!process.stdout!.atEof() || !process.stderr!.atEof()) await iterations(1);
        await iterations(10);
      }
      expect([task.cancel(), task.done()]).toEqual([true, false]);
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect(process.returncode).toBeNull();
      if (process.stdin !== null) expect(process.stdin.isClosing()).toBe(false);
      const waiting = loop.createTask(() => process.wait());
      await iterations(2);
      waiting.cancel();
      expect(await failure(waiting)).toBeInstanceOf(CancelledError);
      expect(process.returncode).toBeNull();
      process.terminate();
      expect(await process.wait()).toBe(-15);
      // What was in the way of the first one is gone.
      expect(await process.communicate()).toHaveLength(2);
    })(),
  );

  test(
    'SPAPI-17 communicate is cancelled after each number of iterations: nothing is left of it',
    inLoop(async ({ loop }) => {
      for (let after = 0; after < 30; after++) {
        const process = await cat(piped);
        const task = loop.createTask(() => process.communicate(bytes('x')));
        await iterations(after);
        task.cancel();
        await task.then(
          () => {}, // it was faster
          (error: unknown) => expect(error).toBeInstanceOf(CancelledError),
        );
        if (process.returncode === null) {
          process.stdin!.close();
          process.kill();
        }
        expect([0, -9]).toContain(await process.wait());
      }
    }),
  );

  test(
    'communicate waits for a grandchild that holds the pipe, and has what it writes; the exit is known before',
    inLoop(async ({ loop }) => {
      const process = await createSubprocessShell('exec 3<&0; { cat <&3; echo later; } & echo now; exit 4', {
        stdin: PIPE,
        stdout: PIPE,
      });
      expect(await process.wait()).toBe(4);
      const task = loop.createTask(() => process.communicate(bytes('between\n')));
      const [out] = await task;
      expect(out!.toString()).toBe('now\nbetween\nlater\n');
    }),
  );

  test(
    'SPAPI-18 SPAPI-20 stdin is a writer',
    inLoop(async () => {
      const process = await cat();
      const stdin = process.stdin!;
      expect(stdin.canWriteEof()).toBe(true);
      expect(stdin.getExtraInfo('pipe')).not.toBeNull();
      stdin.write(bytes('one '));
      stdin.writelines([bytes('two '), bytes('three')]);
      await stdin.drain();
      const big = Buffer.alloc(300_000, 'x');
      stdin.write(big);
      stdin.close();
      expect(stdin.isClosing()).toBe(true);
      expect((await process.stdout!.read()).length).toBe(13 + big.length);
      await gather(stdin.waitClosed(), stdin.waitClosed());
      await process.wait();
      const other = await cat();
      other.stdin!.writeEof();
      expect(other.stdin!.isClosing()).toBe(true);
      expect(await other.wait()).toBe(0);
      await other.stdout!.read();
    }),
  );

  test(
    'SPAPI-19 SPAPI-20 SPAPI-21 stdin of a child that has ended',
    inLoop(async ({ loop }) => {
      const process = await createSubprocessExec('sleep', ['100'], { stdin: PIPE });
      const stdin = process.stdin!;
      stdin.write(Buffer.alloc(1_000_000));
      const draining = loop.createTask(() => stdin.drain());
      await sleep(0);
      process.kill();
      const error = await failure(draining);
      expect([BrokenPipeError, ConnectionResetError].some((type) => error instanceof type)).toBe(true);
      expect(stdin.isClosing()).toBe(true);
      expect(await failure(stdin.drain())).toEqual(new ConnectionResetError('Connection lost'));
      expect(await failure(stdin.waitClosed())).toBe(error);
      expect(await failure(stdin.waitClosed())).toBe(error);
      expect(await process.wait()).toBe(-9);

      const quiet = await createSubprocessExec('true', [], { stdin: PIPE });
      await quiet.stdin!.waitClosed();
      expect(quiet.stdin!.isClosing()).toBe(true);
      await quiet.wait();
    }),
  );

  test(
    'SPAPI-24 when the child has ended and its output is read the transport closes, whatever stdin does',
    inLoop(async ({ loop }) => {
      const process = await createSubprocessExec('echo', ['x'], piped);
      const { transport } = process as unknown as { transport: { isClosing(): boolean } };
      await process.wait();
      await gather(process.stdout!.read(), process.stderr!.read());
      while (!transport.isClosing()) await sleep(0);
      expect(loop.isRunning()).toBe(true);
    }),
  );

  test(
    'lines come as they are written',
    inLoop(async () => {
      const process = await createSubprocessShell('while read line; do echo "<$line>"; done', {
        stdin: PIPE,
        stdout: PIPE,
      });
      const lines: string[] = [];
      process.stdin!.write(bytes('one\n'));
      for await (const line of process.stdout!) {
        lines.push(line.toString());
        if (lines.length === 3) process.stdin!.close();
        else if (lines.length < 3) process.stdin!.write(bytes(`${lines.length}\n`));
      }
      expect([lines, await process.wait()]).toEqual([['<one>\n', '<1>\n', '<2>\n'], 0]);
    }),
  );

  test(
    'await using ends the child',
    inLoop(async () => {
      let process!: Process;
      {
        await using child = await createSubprocessExec('sleep', ['100'], piped);
        process = child;
      }
      expect(process.returncode).toBe(-9);
    }),
  );
});

async function ownLink(fd: number): Promise<string> {
  const { readlinkSync } = await import('node:fs');
  return `${readlinkSync(`/proc/self/fd/${fd}`)}\n`;
}

test(
  'SPAPI-02 SPAPI-03 errors of arguments and of the spawn come out; the limit is that of the readers',
  inLoop(async () => {
    const process = await createSubprocessExec('true', [], { stdout: PIPE, stderr: PIPE, limit: 77 });
    expect([process.stdout!.limit, process.stderr!.limit]).toEqual([77, 77]);
    await process.communicate();
    const cases: [PromiseLike<unknown>, new () => Error][] = [
      [createSubprocessExec('true', [], { limit: 0 }), ValueError],
      [createSubprocessExec('true', [], { limit: '1' as never }), TypeError],
      [createSubprocessExec('true', [], { universalNewlines: true as never }), ValueError],
      [createSubprocessExec('true', [], { shell: true }), ValueError],
      [createSubprocessShell('true', { shell: false }), ValueError],
      [createSubprocessExec('true', [], { bufsize: 1 as never }), ValueError],
      [createSubprocessExec('true', [], { text: true as never }), ValueError],
      [createSubprocessExec('true', [], { encoding: 'utf8' as never }), ValueError],
      [createSubprocessShell('true', { errors: 'strict' as never }), ValueError],
      [createSubprocessExec('true', [], { loop: null } as object), TypeError],
      [createSubprocessExec('true', [], null as never), TypeError],
      [createSubprocessExec('/nonexistent/program'), FileNotFoundError as never],
      [createSubprocessExec('/'), PermissionError as never],
      [createSubprocessExec('true', [], { cwd: '/nonexistent' }), FileNotFoundError as never],
    ];
    for (const [creating, type] of cases) expect(await failure(creating)).toBeInstanceOf(type);
  }),
);

test(
  'SPAPI-25 the text of a process',
  inLoop(async () => {
    const process = await createSubprocessExec('true');
    expect([String(process), inspect(process)]).toEqual([`<Process ${process.pid}>`, `<Process ${process.pid}>`]);
    await process.wait();
  }),
);

test(
  'a method of the loop is asked, if its class has it',
  inLoop(async ({ loop }) => {
    let calls = 0;
    (loop as unknown as Record<string, unknown>)['subprocessExec'] = (...args: [never, never, never, never]) => {
      calls++;
      return subprocessExec(loop, ...args);
    };
    const process = await createSubprocessExec('true');
    expect([await process.wait(), calls]).toEqual([0, 1]);
  }),
);

test('without a loop, and with one that has no processes', async () => {
  expect(await failure(createSubprocessExec('true'))).toBeInstanceOf(RuntimeError);
  const loop = new TaskLoop();
  await loop.runUntilComplete(async () => {
    expect(await failure(createSubprocessExec('true'))).toBeInstanceOf(TypeError);
    expect(await failure(createSubprocessShell('true'))).toBeInstanceOf(TypeError);
  });
  loop.close();
});

test(
  'two hundred children talk at once, and leave nothing',
  inLoop(async () => {
    const ask = async (i: number): Promise<string> => {
      const process = await createSubprocessShell(`cat; exit ${i % 256}`, { stdin: PIPE, stdout: PIPE });
      const [out] = await process.communicate(bytes(String(i)));
      return `${String(out)} ${process.returncode}`;
    };
    const answers = await gather(...Array.from({ length: 200 }, (_, i) => () => ask(i)));
    expect(answers).toEqual(Array.from({ length: 200 }, (_, i) => `${i} ${i % 256}`));
  }),
  30_000,
);

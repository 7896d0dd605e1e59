import { AsyncLocalStorage } from 'node:async_hooks';

import { BrokenPipeError, NotImplementedError, OSError, type ProcessLookupError, ValueError } from '@tsyncio/core';
import { sleep } from '@tsyncio/futures-tasks';
import {
  type ChildProcessInfo,
  type Signal,
  subprocessExec,
  SubprocessProtocol,
  type SubprocessProtocolCallbacks,
  subprocessShell,
  SubprocessTransport,
} from '@tsyncio/subprocess';
import { leakAudit } from '@tsyncio/test-support';

import { until } from '@tsyncio/test-support/loops/until';
import { childAudit, stateOf } from './support/processes.js';
import {
  eachSelector,
  eachSpawner,
  inLoop,
  Recorder,
  run,
  runShell,
  shell,
  start,
  iterations,
} from './support/world.js';

const audit = leakAudit();
childAudit();

const caught = (call: () => unknown): Error => {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
};

/** A shell that says when its traps are set, and then waits. */
const trapping = (traps: string): string => `${traps}; echo ready; while :; do sleep 0.01; done`;

/** Lets a child end that reads a line, while the loop cannot notice. */
function endWhileBlocked(child: Recorder): void {
  child.transport.getPipeTransport(0)!.write(Buffer.from('\n'));
  const end = Date.now() + 5000;
  while (stateOf(child.transport.getPid()) !== 'Z' && Date.now() < end);
  expect(stateOf(child.transport.getPid())).toBe('Z');
}

eachSelector((inside) => {
  test(
    'SPTRANS-01, SPTRANS-23, SPTRANS-30 pid, connectionMade first, connectionLost last and once',
    inside(async ({ loop }) => {
      let usable: unknown[] = [];
      class Careful extends Recorder {
        override connectionMade(transport: SubprocessTransport): void {
          usable = [transport.getPid() > 0, transport.getReturncode(), transport.getPipeTransport(1) !== null];
          super.connectionMade(transport);
        }
      }
      const [transport, recorder] = await subprocessShell(loop, () => new Careful(loop), 'echo $$; exit 4');
      expect(recorder.events).toEqual(['made']); // before the method resolves, whatever the child has done
      expect(transport).toBeInstanceOf(SubprocessTransport);
      expect(usable).toEqual([true, null, true]);
      const pid = transport.getPid();
      await recorder.ended;
      expect(transport.getPid()).toBe(pid);
      expect(recorder.stdout).toBe(`${pid}\n`);
      expect(recorder.events[0]).toBe('made');
      expect(recorder.events.at(-1)).toBe('lost null');
      await iterations(3);
      for (const once of ['made', 'exited', 'pipe 0 null', 'pipe 1 null', 'pipe 2 null', 'lost null'] as const) {
        expect([once, recorder.count(once)]).toEqual([once, 1]);
      }
    }),
  );

  test(
    'SPTRANS-24, SPTRANS-25, SPTRANS-26 all output arrives, in order, and none after its pipe is lost',
    inside(async ({ loop }) => {
      const { events, output, returncode } = await runShell(loop, 'seq 1 200000; seq 1 1000 >&2');
      const expected = (last: number): string => Array.from({ length: last }, (_, i) => `${i + 1}\n`).join('');
      expect(Buffer.concat(output[1]).toString()).toBe(expected(200_000));
      expect(Buffer.concat(output[2]).toString()).toBe(expected(1000));
      expect(returncode).toBe(0);
      for (const fd of [1, 2] as const) {
        expect(events.lastIndexOf(`data ${fd}`)).toBeLessThan(events.indexOf(`pipe ${fd} null`));
      }
    }),
  );

  test(
    'SPTRANS-27 SPTRANS-28 the child goes away: its stdin ends; the code is set inside processExited',
    inside(async ({ loop }) => {
      const codes: unknown[] = [];
      class Asking extends Recorder {
        override processExited(): void {
          codes.push(this.transport.getReturncode());
          super.processExited();
        }
      }
      const [, idle] = await subprocessExec(loop, () => new Asking(loop), 'sh', ['-c', 'exit 6']);
      await idle.ended;
      expect(idle.count('pipe 0 null')).toBe(1);
      expect(codes).toEqual([6]);
      const [transport, busy] = await subprocessExec(loop, () => new Recorder(loop), 'sleep', ['0.02']);
      transport.getPipeTransport(0)!.write(Buffer.alloc(1 << 20));
      await busy.ended;
      expect(busy.events.filter((event) => /pipe 0 (BrokenPipe|ConnectionReset)Error/.test(event))).toHaveLength(1);
    }),
  );

  test(
    'SPTRANS-17 a paused pipe holds back its data, its end and connectionLost, but not the exit',
    inside(async ({ loop }) => {
      const [transport, recorder] = await subprocessExec(loop, () => new Recorder(loop), 'cat');
      transport.getPipeTransport(1)!.pauseReading();
      transport.getPipeTransport(0)!.write(Buffer.from('held back'));
      transport.getPipeTransport(0)!.close();
      await recorder.exited;
      await recorder.until(() => recorder.count('pipe 2 null') === 1);
      await iterations(10);
      expect(recorder.stdout).toBe('');
      expect(recorder.count('lost null') + recorder.count('pipe 1 null')).toBe(0);
      transport.getPipeTransport(1)!.resumeReading();
      await recorder.ended;
      expect(recorder.stdout).toBe('held back');
      expect(recorder.events.slice(-3)).toEqual(['data 1', 'pipe 1 null', 'lost null']);
    }),
  );

  test(
    'SPTRANS-18, SPTRANS-20 stdin: flow control on the protocol itself, and what is buffered goes out before the end',
    inside(async ({ loop }) => {
      const [transport, recorder] = await subprocessShell(loop, () => new Recorder(loop), 'sleep 0.05; wc -c');
      const stdin = transport.getPipeTransport(0)!;
      expect(stdin.getWriteBufferLimits()).toEqual([16 * 1024, 64 * 1024]);
      stdin.write(Buffer.alloc(1_000_000));
      expect(recorder.events).toEqual(['made', 'pause']);
      stdin.close();
      expect(recorder.count('pipe 0 null')).toBe(0);
      await recorder.ended;
      expect(recorder.count('resume')).toBe(1);
      expect(recorder.stdout.trim()).toBe('1000000');
      expect(recorder.count('pipe 0 null')).toBe(1);
    }),
  );

  test(
    'SPTRANS-11, SPTRANS-13 close kills, drops what is unread, and the callbacks that are due still come',
    inside(async ({ loop }) => {
      const [transport, recorder] = await subprocessExec(loop, () => new Recorder(loop), 'yes');
      await recorder.until(() => recorder.count('data 1') > 2);
      const before = recorder.count('data 1');
      expect(transport.close()).toBeUndefined();
      transport.close();
      expect(transport.isClosing()).toBe(true);
      await recorder.ended;
      expect(recorder.count('data 1')).toBe(before);
      expect(recorder.returncode).toBe(-9);
      for (const fd of [0, 1, 2] as const) expect(recorder.count(`pipe ${fd} null`)).toBe(1);
      expect(recorder.events.at(-1)).toBe('lost null');
      transport.close();
    }),
  );
});

eachSpawner((spawner) => {
  test(
    'SPTRANS-02 the code is null while the child runs, also while it is stopped',
    inLoop(async ({ loop }) => {
      const child = await start(loop, 'cat', [], spawner);
      child.transport.sendSignal('SIGSTOP');
      await until(() => stateOf(child.transport.getPid()) === 'T');
      await iterations(5);
      expect(child.returncode).toBeNull();
      child.transport.sendSignal('SIGCONT');
      child.transport.getPipeTransport(0)!.close();
      await child.ended;
      expect(child.returncode).toBe(0);
    }),
  );

  test(
    'SPTRANS-02, SPTRANS-05, SPTRANS-06 signals, by number and by name',
    inLoop(async ({ loop }) => {
      const cases: [end: (transport: SubprocessTransport) => void, code: number][] = [
        [(t) => t.sendSignal(1), -1],
        [(t) => t.sendSignal('SIGUSR1'), -10],
        [(t) => t.terminate(), -15],
        [(t) => t.kill(), -9],
      ];
      for (const [end, code] of cases) {
        const child = await start(loop, 'sleep', ['30'], spawner);
        child.transport.sendSignal(0);
        end(child.transport);
        expect(child.returncode).toBeNull(); // none of them waits
        await child.ended;
        expect(child.returncode).toBe(code);
      }
    }),
  );

  test(
    'SPTRANS-06 SIGTERM may be ignored, or caught',
    inLoop(async ({ loop }) => {
      const deaf = await shell(loop, trapping('trap "" TERM'), spawner);
      await deaf.until(() => deaf.stdout !== '');
      deaf.transport.terminate();
      await sleep(0.05);
      expect(deaf.returncode).toBeNull();
      deaf.transport.kill();
      await deaf.ended;
      expect(deaf.returncode).toBe(-9);
      const polite = await shell(loop, trapping('trap "exit 9" TERM'), spawner);
      await polite.until(() => polite.stdout !== '');
      polite.transport.terminate();
      await polite.ended;
      expect(polite.returncode).toBe(9);
    }),
  );

  test(
    'SPTRANS-07, SPTRANS-10, SPTRANS-15 after connectionLost',
    inLoop(async ({ loop }) => {
      const { transport } = await run(loop, 'true', [], spawner);
      for (const call of [() => transport.sendSignal(15), () => transport.terminate(), () => transport.kill()]) {
        const error = caught(call) as ProcessLookupError;
        expect([error.name, error.code]).toEqual(['ProcessLookupError', 'ESRCH']);
      }
      expect(transport.isClosing()).toBe(false);
      expect(transport.getProtocol()).toBeNull();
      transport.close();
      expect(transport.isClosing()).toBe(true);
    }),
  );

  test(
    'SPTRANS-08 between the exit and connectionLost the methods do nothing, whatever the number',
    inLoop(async ({ loop }) => {
      // A grandchild holds stdout until its input ends, which is ours.
      const held = await shell(loop, 'exec 3<&0; cat <&3 & exit 3', spawner);
      await held.exited;
      expect(held.returncode).toBe(3);
      const { transport } = held;
      for (const signal of [0, 9, 9999, -1]) expect(transport.sendSignal(signal)).toBeUndefined();
      transport.terminate();
      transport.kill();
      expect(held.count('lost null')).toBe(0);
      transport.getPipeTransport(0)!.close();
      await held.ended;
    }),
  );

  test(
    'SPTRANS-09 impossible signals of a child that runs',
    inLoop(async ({ loop }) => {
      const child = await start(loop, 'cat', [], spawner);
      const { transport } = child;
      for (const signal of [9999, -1]) {
        const error = caught(() => transport.sendSignal(signal));
        expect(error).toBeInstanceOf(OSError);
        expect(error).toMatchObject({ code: 'EINVAL' });
      }
      for (const signal of [1.5, null, {}, undefined, NaN, true]) {
        expect(caught(() => transport.sendSignal(signal as Signal))).toBeInstanceOf(TypeError);
      }
      for (const signal of ['SIGNONE', 'TERM', '']) {
        expect(caught(() => transport.sendSignal(signal as Signal))).toBeInstanceOf(ValueError);
      }
      transport.close();
      await child.ended;
    }),
  );

  test(
    'SPTRANS-16 the end of a run, and the loop being closed, leave the child alone',
    inLoop(async ({ loop }) => {
      const child = await start(loop, 'cat', [], spawner);
      const pid = child.transport.getPid();
      expect(stateOf(pid)).not.toBeNull();
      child.transport.close();
      await child.ended;
      expect(stateOf(pid)).toBeNull();
    }),
  );

  test(
    'SPTRANS-19 closing stdout: the next write of the child ends it by SIGPIPE',
    inLoop(async ({ loop }) => {
      const child = await start(loop, 'cat', [], spawner);
      child.transport.getPipeTransport(1)!.close();
      await child.until(() => child.count('pipe 1 null') === 1);
      child.transport.getPipeTransport(0)!.write(Buffer.from('x'));
      await child.ended;
      expect(child.returncode).toBe(-13);
    }),
  );
});

test(
  'SPTRANS-03 the code stays null until the loop has been told',
  inLoop(async ({ loop }) => {
    const child = await shell(loop, 'read line; exit 0');
    // The loop is blocked by this very step.
    endWhileBlocked(child);
    expect(child.returncode).toBeNull();
    await child.ended;
    expect(child.returncode).toBe(0);
  }),
);

test(
  'SPTRANS-12 close sends nothing to a child that has ended, and its true code is reported',
  inLoop(async ({ loop }) => {
    loop.setDebug(true);
    loop.slowCallbackDuration = 60;
    const child = await shell(loop, 'read line; exit 5');
    endWhileBlocked(child);
    expect(child.returncode).toBeNull();
    child.transport.close();
    await child.ended;
    expect(child.returncode).toBe(5);
    expect(audit.takeRecords().filter(({ level }) => level === 'warning')).toEqual([]);
  }),
);

test(
  'SPTRANS-11 SUBPROC-32 the records of debug mode',
  inLoop(async ({ loop }) => {
    loop.setDebug(true);
    loop.slowCallbackDuration = 60;
    const take = (): string[] => audit.takeRecords().map(({ level, message }) => `${level} ${message}`);
    const child = await start(loop, 'cat', ['-'], { stderr: -2 });
    const pid = child.transport.getPid();
    expect(take()).toEqual([
      "debug execute program 'cat' stdin=<pipe> stdout=stderr=<pipe>",
      `debug process 'cat' created: pid ${pid}`,
      expect.stringMatching(/^info execute program 'cat': <ChildTransport pid=\d+ running stdin=<Write.* stdout=<Read/),
    ]);
    child.transport.getPipeTransport(0)!.close();
    await child.ended;
    expect(take()).toContainEqual(
      expect.stringMatching(/^info <ChildTransport pid=\d+ running.* exited with return code 0$/),
    );
    const other = await shell(loop, 'sleep 30', { stdout: null, stderr: null });
    expect(take()[0]).toBe("debug run shell command 'sleep 30' stdin=<pipe>");
    other.transport.close();
    expect(take()).toContainEqual(
      expect.stringMatching(/^warning Close running child process: kill <ChildTransport closed/),
    );
    await other.ended;
    take();
  }),
);

test(
  'SPTRANS-04 the transports of the pipes, before and after they are closed',
  inLoop(async ({ loop }) => {
    const child = await start(loop, 'cat', [], { stderr: null });
    const { transport } = child;
    const stdin = transport.getPipeTransport(0)!;
    const stdout = transport.getPipeTransport(1)!;
    expect([typeof stdin.write, typeof stdout.pauseReading]).toEqual(['function', 'function']);
    for (const fd of [2, 3, -1, 1.5]) expect(transport.getPipeTransport(fd)).toBeNull();
    stdin.close();
    await child.ended;
    expect(transport.getPipeTransport(0)).toBe(stdin);
    expect(transport.getPipeTransport(1)).toBe(stdout);
  }),
);

test(
  'SPTRANS-14 extra information',
  inLoop(async ({ loop }) => {
    const child = await start(loop, 'cat');
    const { transport } = child;
    const info = transport.getExtraInfo('subprocess') as ChildProcessInfo;
    expect([info.pid, info.returncode]).toEqual([transport.getPid(), null]);
    expect(transport.getExtraInfo('nothing')).toBeNull();
    expect(transport.getExtraInfo('nothing', 5)).toBe(5);
    transport.getPipeTransport(0)!.close();
    await child.ended;
    expect(info.returncode).toBe(0);
  }),
);

test(
  'SPTRANS-15 setProtocol',
  inLoop(async ({ loop }) => {
    const child = await start(loop, 'cat');
    const { transport } = child;
    expect(transport.getProtocol()).toBe(child);
    const other = new Recorder(loop);
    other.transport = transport;
    expect(caught(() => transport.setProtocol(5 as never))).toBeInstanceOf(TypeError);
    transport.setProtocol(other);
    expect(transport.getProtocol()).toBe(other);
    transport.getPipeTransport(0)!.write(Buffer.from('x'));
    transport.getPipeTransport(0)!.close();
    await other.ended;
    expect(child.events).toEqual(['made']);
    expect(other.stdout).toBe('x');
    expect(other.events.at(-1)).toBe('lost null');
    transport.setProtocol(child);
    expect(transport.getProtocol()).toBeNull();
  }),
);

test(
  'SPTRANS-21 the string form',
  inLoop(async ({ loop }) => {
    const child = await start(loop, 'cat', [], { stderr: null });
    const { transport } = child;
    const pid = transport.getPid();
    expect(String(transport)).toMatch(
      new RegExp(`^<ChildTransport pid=${pid} running stdin=<WritePipeTransport .*> stdout=<ReadPipeTransport .*>>$`),
    );
    transport.close();
    expect(String(transport)).toMatch(new RegExp(`^<ChildTransport closed pid=${pid} running stdin=`));
    await child.ended;
    expect(String(transport)).toMatch(new RegExp(`^<ChildTransport closed pid=${pid} returncode=-9 stdin=`));
  }),
);

test('SPTRANS-22 the abstract transport', () => {
  const transport = new SubprocessTransport();
  const calls = [
    () => transport.getPid(),
    () => transport.getReturncode(),
    () => transport.getPipeTransport(0),
    () => transport.sendSignal(1),
    () => transport.terminate(),
    () => transport.kill(),
    () => transport.close(),
    () => transport.isClosing(),
    () => transport.getProtocol(),
    () => transport.setProtocol({}),
  ];
  for (const call of calls) expect(caught(call)).toBeInstanceOf(NotImplementedError);
});

test('SPTRANS-32 the base protocol does nothing', () => {
  const protocol = new SubprocessProtocol();
  const transport = new SubprocessTransport();
  expect([
    protocol.connectionMade(transport),
    protocol.connectionLost(null),
    protocol.pauseWriting(),
    protocol.resumeWriting(),
    protocol.pipeDataReceived(1, Buffer.from('x')),
    protocol.pipeConnectionLost(1, null),
    protocol.processExited(),
  ]).toEqual(Array(7).fill(undefined));
});

test(
  'SPTRANS-29 data may come after processExited: a grandchild writes on',
  inLoop(async ({ loop }) => {
    const child = await shell(loop, 'exec 3<&0; (read line <&3; echo late $line) & exit 0');
    await child.exited;
    expect(child.stdout).toBe('');
    child.transport.getPipeTransport(0)!.write(Buffer.from('word\n'));
    await child.ended;
    expect(child.stdout).toBe('late word\n');
    expect(child.events.indexOf('data 1')).toBeGreaterThan(child.events.indexOf('exited'));
    expect(child.events.at(-1)).toBe('lost null');
  }),
);

test(
  'SPTRANS-30 with no pipes connectionLost follows processExited directly',
  inLoop(async ({ loop }) => {
    const { events } = await run(loop, 'true', [], { stdin: null, stdout: null, stderr: null });
    expect(events).toEqual(['made', 'exited', 'lost null']);
  }),
);

test(
  'SPTRANS-31 callbacks come from the loop, never inside a call',
  inLoop(async ({ loop }) => {
    const child = await start(loop, 'cat');
    const { transport } = child;
    transport.getPipeTransport(0)!.write(Buffer.from('x'));
    transport.close();
    transport.kill();
    expect(child.events).toEqual(['made']);
    await child.ended;
  }),
);

test.each(['connectionMade', 'pipeDataReceived', 'pipeConnectionLost', 'processExited', 'connectionLost'] as const)(
  'SPTRANS-31 %s may throw, at once or later: it is reported and the others still come',
  (name) =>
    inLoop(async (world) => {
      const { loop } = world;
      for (const isAsync of [false, true]) {
        const thrown = new Error(name);
        const recorder = new Recorder(loop);
        const plain = (recorder[name] as (...args: unknown[]) => void).bind(recorder);
        Object.assign(recorder, {
          [name]: (...args: unknown[]) => {
            plain(...args);
            if (isAsync) return Promise.reject(thrown);
            throw thrown;
          },
        });
        const [transport] = await subprocessExec(loop, () => recorder, 'cat');
        transport.getPipeTransport(0)!.write(Buffer.from('x'));
        transport.getPipeTransport(0)!.close();
        await recorder.ended;
        await iterations(2);
        expect(recorder.events.map((event) => event.replace(/ .*/, '')).sort()).toEqual(
          ['data', 'exited', 'lost', 'made', 'pipe', 'pipe', 'pipe'].sort(),
        );
        const reports = world.reports.splice(0);
        expect(reports.map(({ exception }) => exception)).toEqual(
          Array(name === 'pipeConnectionLost' ? 3 : 1).fill(thrown),
        );
        expect(reports[0]!.message).toContain(name);
      }
    })(),
);

test(
  'pauseWriting and resumeWriting may throw',
  inLoop(async (world) => {
    const { loop } = world;
    const recorder = new Recorder(loop);
    for (const name of ['pauseWriting', 'resumeWriting'] as const) {
      recorder[name] = () => {
        throw new Error(name);
      };
    }
    const [transport] = await subprocessExec(loop, () => recorder, 'wc', ['-c']);
    transport.getPipeTransport(0)!.write(Buffer.alloc(1_000_000));
    transport.getPipeTransport(0)!.close();
    await recorder.ended;
    expect(recorder.stdout.trim()).toBe('1000000');
    expect(world.reports.splice(0).map(({ message }) => message)).toEqual([
      'protocol.pauseWriting() failed',
      'protocol.resumeWriting() failed',
    ]);
  }),
);

test(
  'callbacks run in the async context of the call',
  inLoop(async ({ loop }) => {
    const request = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const ended = loop.createFuture<void>();
    const note = (): void => void seen.push(request.getStore());
    const protocol: SubprocessProtocolCallbacks = {
      connectionMade: note,
      pipeDataReceived: note,
      pipeConnectionLost: note,
      processExited: note,
      connectionLost: () => {
        note();
        ended.setResult();
      },
    };
    await request.run('mine', () => subprocessExec(loop, () => (note(), protocol), 'echo', ['x'], { stdin: null }));
    await ended;
    expect(seen).toEqual(Array(7).fill('mine'));
  }),
);

test(
  'the error of a broken stdin is a BrokenPipeError',
  inLoop(async ({ loop }) => {
    const errors: unknown[] = [];
    const recorder = new Recorder(loop);
    const plain = recorder.pipeConnectionLost.bind(recorder);
    recorder.pipeConnectionLost = (fd, error) => {
      if (fd === 0) errors.push(error);
      plain(fd, error);
    };
    const [transport] = await subprocessExec(loop, () => recorder, 'true');
    transport.getPipeTransport(0)!.write(Buffer.alloc(1 << 20));
    await recorder.ended;
    expect(errors).toHaveLength(1);
    expect(errors[0]).toBeInstanceOf(BrokenPipeError);
  }),
);

import { spawn } from 'node:child_process';

import { drive, gather, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import { reap } from '@tsyncio/socket/native';
import { subprocessExec } from '@tsyncio/subprocess';
import { compilePackages, type CompiledPackages, holdings, leakAudit, runProgram } from '@tsyncio/test-support';

import { until } from '@tsyncio/test-support/loops/until';
import { countWakeUps } from '@tsyncio/test-support/loops/wake-ups';
import { childAudit, childrenNow, stateOf } from './support/processes.js';
import {
  eachSelector,
  eachSpawner,
  failure,
  inLoop,
  innerOf,
  Recorder,
  run,
  runShell,
  selectors,
  shell,
  start,
} from './support/world.js';

const audit = leakAudit();
childAudit();

eachSelector((inside) => {
  test(
    'SPWATCH-01 the low eight bits of the code, or minus the signal',
    inside(async ({ loop }) => {
      for (const [command, code] of [
        ['exit 0', 0],
        ['exit 255', 255],
        ['(exit 300); exit $?', 44],
        ['kill -TERM $$', -15],
        ['kill -KILL $$', -9],
        ['ulimit -c 0; kill -SEGV $$', -11],
      ] as const) {
        expect([command, (await runShell(loop, command)).returncode]).toEqual([command, code]);
      }
    }),
  );

  test(
    'SPWATCH-03 two children that end at the same moment, and one that has ended before anybody looks',
    inside(async ({ loop }) => {
      const all = await gather(...Array.from({ length: 10 }, (_, i) => () => shell(loop, `read line; exit ${i}`)));
      for (const { transport } of all) transport.getPipeTransport(0)!.write(Buffer.from('\n'));
      const end = Date.now() + 5000;
      while (all.some(({ transport }) => stateOf(transport.getPid()) !== 'Z') && Date.now() < end);
      for (const child of all) await child.ended;
      expect(all.map(({ returncode }) => returncode)).toEqual(all.map((_, i) => i));
    }),
  );
});

test.each(selectors)(
  'SPWATCH-03 %s: a child that ends while its loop is stopped is reported when it runs again',
  async (_, make) => {
    const wakeUps = countWakeUps();
    const loop = make();
    const child = await loop.runUntilComplete(() => shell(loop, 'read line; exit 3'));
    child.transport.getPipeTransport(0)!.write(Buffer.from('\n'));
    const pid = child.transport.getPid();
    await outside(() => stateOf(pid) === 'Z');
    expect(child.returncode).toBeNull();
    // A stopped loop with news of a child rests.
    const before = wakeUps();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(wakeUps() - before).toBeLessThan(3);
    jest.restoreAllMocks();
    await loop.runUntilComplete(() => child.ended);
    expect(child.returncode).toBe(3);
    loop.close();
  },
);

eachSpawner((spawner) => {
  test('SPWATCH-02 loops one after another each get their own children', async () => {
    for (let code = 0; code < 3; code++) {
      const loop = new TaskLoop({ backend: new SelectorIo() });
      const child = await loop.runUntilComplete(() => run(loop, 'sh', ['-c', `exit ${code}`], spawner));
      expect(child.returncode).toBe(code);
      loop.close();
    }
  });

  test('SPWATCH-02 two loops at once in one thread', async () => {
    const loops = [1, 2].map(() => new TaskLoop({ backend: new SelectorIo() }));
    const codes = await Promise.all(
      loops.map((loop, i) =>
        loop.runUntilComplete(async () => {
          const jobs = Array.from(
            { length: 5 },
            (_, k) => () => run(loop, 'sh', ['-c', `exit ${10 * i + k}`], spawner),
          );
          return (await gather(...jobs)).map(({ returncode }) => returncode);
        }),
      ),
    );
    expect(codes).toEqual([
      [0, 1, 2, 3, 4],
      [10, 11, 12, 13, 14],
    ]);
    for (const loop of loops) loop.close();
  });

  test('SPWATCH-04, SPTRANS-16 the loop is closed before the child ends: it lives on, is reaped, and a warning says so', async () => {
    const loop = new TaskLoop({ backend: new SelectorIo() });
    const child = await loop.runUntilComplete(() => start(loop, 'sleep', ['0.2'], { ...spawner, stdin: null }));
    const pid = child.transport.getPid();
    loop.close();
    expect(stateOf(pid)).not.toBeNull();
    await outside(() => stateOf(pid) === null);
    await outside(() => childrenNow().every((each) => each !== pid));
    expect(child.events).toEqual(['made']);
    expect(audit.takeRecords().map(({ level, message }) => `${level} ${message}`)).toEqual([
      `warning Loop ${String(loop)} that handles pid ${pid} is closed`,
    ]);
    // Nobody knows how it ended, and its pid may be another's by now: nothing is sent to it.
    expect(child.transport.getReturncode()).toBeNull();
    expect(child.transport.kill()).toBeUndefined();
  });
});

test(
  'SPWATCH-05 a status that somebody else has taken is 255, with a warning',
  inLoop(async ({ loop }) => {
    const child = await shell(loop, 'read line; exit 3');
    const pid = child.transport.getPid();
    child.transport.getPipeTransport(0)!.write(Buffer.from('\n'));
    expect(reap(pid, true)).toBe(3);
    await child.ended;
    expect(child.returncode).toBe(255);
    expect(audit.takeRecords().map(({ message }) => message)).toEqual([
      `Unknown child process pid ${pid}, will report returncode 255`,
    ]);
  }),
);

test(
  "children of Node's own do not disturb ours, nor ours them",
  inLoop(async ({ loop }) => {
    const theirs = Array.from(
      { length: 20 },
      (_, i) =>
        new Promise((resolve) => {
          spawn('sh', ['-c', `exit ${i}`], { stdio: 'ignore' }).on('exit', resolve);
        }),
    );
    const ours = await gather(...Array.from({ length: 20 }, (_, i) => () => runShell(loop, `exit ${i}`)));
    expect(ours.map(({ returncode }) => returncode)).toEqual(ours.map((_, i) => i));
    expect(await Promise.all(theirs)).toEqual(ours.map((_, i) => i));
  }),
);

test('2,000 children in waves: every exit is told, and no zombie, descriptor or listener is left', async () => {
  // What a first child leaves for good (libraries) is not counted.
  const first = new TaskLoop({ backend: new SelectorIo() });
  await first.runUntilComplete(() => run(first, 'true'));
  first.close();
  const before = holdings();
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const codes = new Map<number, number>();
  await loop.runUntilComplete(async () => {
    for (let wave = 0; wave < 20; wave++) {
      const all = await gather(
        ...Array.from({ length: 100 }, (_, i) => async () => {
          const child = await start(loop, 'sh', ['-c', `exit ${i}`], i % 2 === 0 ? {} : { stdin: null, stderr: null });
          await child.ended;
          return child;
        }),
      );
      for (const [i, { returncode, events }] of all.entries()) {
        expect(returncode).toBe(i);
        expect(events.at(-1)).toBe('lost null');
        codes.set(i, (codes.get(i) ?? 0) + 1);
      }
      expect(childrenNow().filter((pid) => stateOf(pid) === 'Z')).toEqual([]);
    }
  });
  expect([...codes.values()]).toEqual(Array(100).fill(20));
  loop.close();
  const after = holdings();
  expect(after.descriptors).toEqual(before.descriptors);
  expect(after.listeners).toEqual(before.listeners);
}, 120_000);

test(
  'a grandchild that holds the pipe: the exit is told at once, the pipe is lost with the grandchild',
  inLoop(async ({ loop }) => {
    const child = await shell(loop, 'exec 3<&0; cat <&3 & echo $!; exit 4');
    await child.exited;
    expect(child.returncode).toBe(4);
    await child.until(() => child.stdout.endsWith('\n'));
    const grandchild = Number(child.stdout);
    expect(child.count('lost null')).toBe(0);
    process.kill(grandchild, 'SIGKILL');
    await child.ended;
    expect(child.count('pipe 1 null')).toBe(1);
  }),
);

test(
  'close with a grandchild that holds the pipes',
  inLoop(async ({ loop }) => {
    const child = await shell(loop, 'exec 3<&0; cat <&3 & echo $!; sleep 30');
    await child.until(() => child.stdout.endsWith('\n'));
    child.transport.close();
    await child.ended;
    expect(child.returncode).toBe(-9);
    const pid = Number(child.stdout);
    // Its input is ours, and closed: it ends by itself.
    await until(() => [null, 'Z'].includes(stateOf(pid)));
  }),
);

test(
  'a child that dies before its pipes are read: nothing of its output is lost',
  inLoop(async ({ loop }) => {
    const [transport, child] = await subprocessExec(loop, () => new Recorder(loop), 'sh', [
      '-c',
      'echo last words; exit 1',
    ]);
    transport.getPipeTransport(1)!.pauseReading();
    await child.exited;
    await sleep(0.02);
    transport.getPipeTransport(1)!.resumeReading();
    await child.ended;
    expect(child.stdout).toBe('last words\n');
  }),
);

test(
  'wait(): many at once, one cancelled, and afterwards',
  inLoop(async ({ loop }) => {
    const child = await start(loop, 'cat');
    const inner = innerOf(child);
    const waits = Array.from({ length: 3 }, () => loop.createTask(() => drive(inner.wait())));
    await sleep(0);
    waits[1]!.cancel();
    await failure(waits[1]!);
    child.transport.getPipeTransport(0)!.close();
    expect(await waits[0]).toBe(0);
    expect(await waits[2]).toBe(0);
    expect(await drive(inner.wait())).toBe(0);
    await child.ended;
  }),
);

describe('in a program of its own', () => {
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

  test('SPWATCH-06 a handler of SIGCHLD is called, and exits are reported all the same', async () => {
    const { stdout, stderr } = await runProgram(
      `
      import { TaskLoop } from '@tsyncio/futures-tasks';
      import { SelectorIo } from '@tsyncio/selector-io';
      import { subprocessExec } from '@tsyncio/subprocess';
      const loop = new TaskLoop({ backend: new SelectorIo() });
      await loop.runUntilComplete(async () => {
        const signalled = loop.createFuture();
        loop.addSignalHandler('SIGCHLD', () => { if (!signalled.done()) signalled.setResult(); });
        for (let code = 0; code < 5; code++) {
          const ended = loop.createFuture();
          const [t] = await subprocessExec(loop, () => ({ connectionLost() { ended.setResult(); } }), 'sh', ['-c', 'exit ' + code]);
          await ended;
          console.log(t.getReturncode());
        }
        await signalled;
        console.log(loop.removeSignalHandler('SIGCHLD'));
      });
      loop.close();
      `,
      { cwd: packages.folder },
    );
    expect([stdout, stderr]).toEqual(['0\n1\n2\n3\n4\ntrue\n', '']);
  });

  test('SPWATCH-02 four workers and the main thread, each with its loop and its children, get theirs and only those', async () => {
    const { stdout, stderr, status } = await runProgram(
      `
      import { Worker } from 'node:worker_threads';
      import { readFileSync, readdirSync } from 'node:fs';
      const body = ${JSON.stringify(`
        const { TaskLoop, gather } = await import('@tsyncio/futures-tasks');
        const { SelectorIo } = await import('@tsyncio/selector-io');
        const { subprocessExec } = await import('@tsyncio/subprocess');
        const loop = new TaskLoop({ backend: new SelectorIo() });
        const one = async (code) => {
          const ended = loop.createFuture();
          let out = '';
          const [t] = await subprocessExec(loop, () => ({
            pipeDataReceived(fd, data) { out += data; },
            connectionLost() { ended.setResult(); },
          }), 'sh', ['-c', 'echo ' + code + '; exit ' + code]);
          await ended;
          return t.getReturncode() === code && out === code + '\\n';
        };
        const results = [];
        await loop.runUntilComplete(async () => {
          for (let wave = 0; wave < 5; wave++) results.push(...(await gather(...Array.from({ length: 10 }, (_, i) => () => one(100 + number * 10 + i)))));
        });
        loop.close();
        return results.length === 50 && results.every(Boolean);
      `)};
      const source = 'import { parentPort, workerData as number } from "node:worker_threads"; (async () => {' + body + '})().then((ok) => parentPort.postMessage(ok))';
      const workers = [0, 1, 2, 3].map((number) => new Promise((resolve, reject) => {
        const worker = new Worker(source, { eval: true, workerData: number });
        worker.on('message', resolve);
        worker.on('error', reject);
      }));
      const results = await Promise.all([...workers, (async () => {
        const number = 9;
        const { TaskLoop, gather } = await import('@tsyncio/futures-tasks');
        const { SelectorIo } = await import('@tsyncio/selector-io');
        const { subprocessExec } = await import('@tsyncio/subprocess');
        const loop = new TaskLoop({ backend: new SelectorIo() });
        const codes = [];
        await loop.runUntilComplete(async () => {
          for (let code = 0; code < 30; code++) {
            const ended = loop.createFuture();
            const [t] = await subprocessExec(loop, () => ({ connectionLost() { ended.setResult(); } }), 'sh', ['-c', 'exit ' + code]);
            await ended;
            codes.push(t.getReturncode() === code);
          }
        });
        loop.close();
        return codes.every(Boolean);
      })()]);
      // The workers' threads may end between the listing and the reading.
      const children = readdirSync('/proc/self/task').map((task) => {
        try { return readFileSync('/proc/self/task/' + task + '/children', 'latin1'); } catch { return ''; }
      }).join('');
      console.log(JSON.stringify(results), JSON.stringify(children));
      `,
      { cwd: packages.folder, timeout: 60 },
    );
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe('[true,true,true,true,true] ""');
    expect(status).toBe(0);
  }, 90_000);

  test('a worker that is terminated while its children run: they live on, and the children of others are told of', async () => {
    const { stdout, stderr, status } = await runProgram(
      `
      import { once } from 'node:events';
      import { readFileSync } from 'node:fs';
      import { Worker } from 'node:worker_threads';
      import { TaskLoop } from '@tsyncio/futures-tasks';
      import { SelectorIo } from '@tsyncio/selector-io';
      import { subprocessExec } from '@tsyncio/subprocess';
      const worker = new Worker(${JSON.stringify(`
        import('@tsyncio/futures-tasks').then(async ({ TaskLoop }) => {
          const { SelectorIo } = await import('@tsyncio/selector-io');
          const { subprocessExec } = await import('@tsyncio/subprocess');
          const { parentPort } = await import('node:worker_threads');
          const loop = new TaskLoop({ backend: new SelectorIo() });
          await loop.runUntilComplete(async () => {
            const pids = [];
            for (let i = 0; i < 3; i++) pids.push((await subprocessExec(loop, () => ({}), 'sleep', ['100']))[0].getPid());
            parentPort.postMessage(pids);
            await loop.createFuture();
          });
        });
      `)}, { eval: true });
      const [pids] = await once(worker, 'message');
      const loop = new TaskLoop({ backend: new SelectorIo() });
      const start = async (program, args) => {
        const ended = loop.createFuture();
        const [transport] = await subprocessExec(loop, () => ({ connectionLost() { ended.setResult(); } }), program, args);
        return [transport, ended];
      };
      const states = () => pids.map((pid) => /\\) (\\S)/.exec(readFileSync('/proc/' + pid + '/stat', 'latin1'))[1]).join('');
      await loop.runUntilComplete(async () => {
        const [before, ended] = await start('cat', []);
        const gone = loop.createFuture();
        void worker.terminate().then(() => loop.callSoonThreadsafe(() => gone.setResult()));
        await gone;
        console.log(states());
        for (const pid of pids) process.kill(pid, 'SIGKILL');
        while (states() !== 'ZZZ') await new Promise((resolve) => setTimeout(resolve, 5));
        const [after, alsoEnded] = await start('sh', ['-c', 'exit 4']);
        await alsoEnded;
        before.getPipeTransport(0).close();
        await ended;
        console.log(before.getReturncode(), after.getReturncode());
      });
      loop.close();
      `,
      { cwd: packages.folder, timeout: 30 },
    );
    expect([stderr, stdout, status]).toEqual(['', expect.stringMatching(/^[SRD]{3}\n0 4\n$/), 0]);
  }, 40_000);
});

/** Waits while no loop runs. */
async function outside(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

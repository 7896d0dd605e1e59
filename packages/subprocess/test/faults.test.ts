import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

import { CancelledError } from '@tsyncio/core';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import { DEVNULL, subprocessExec, type SubprocessOptions } from '@tsyncio/subprocess';
import { compilePackages, type CompiledPackages, leakAudit } from '@tsyncio/test-support';

import { childAudit, childrenNow } from './support/processes.js';
import { eachSelector, eachSpawner, failure, inLoop, Recorder, run } from './support/world.js';

leakAudit();
childAudit();

eachSelector((inside) => {
  test(
    'SUBPROC-28 cancelled while it is set up: the child is killed and reaped before CancelledError comes out',
    inside(async ({ loop }) => {
      const recorder = new Recorder(loop);
      const before = childrenNow();
      const task = loop.createTask(() => subprocessExec(loop, () => recorder, 'sleep', ['30']));
      // The task runs first, and has started the child; it is cancelled in the very iteration.
      loop.callSoon(() => task.cancel());
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect(childrenNow()).toEqual(before);
      await recorder.ended;
      expect(recorder.events[0]).toBe('made');
      expect(recorder.events.at(-1)).toBe('lost null');
      expect(recorder.returncode).toBe(-9);
    }),
  );

  test(
    'SUBPROC-28 the operation itself is cancelled, at once',
    inside(async ({ loop }) => {
      const before = childrenNow();
      const recorder = new Recorder(loop);
      const operation = subprocessExec(loop, () => recorder, 'cat');
      operation.cancel();
      expect(await failure(operation)).toBeInstanceOf(CancelledError);
      expect(childrenNow()).toEqual(before);
      await recorder.ended;
    }),
  );
});

test(
  'SUBPROC-29 SUBPROC-27 a pipe that cannot be connected: the child is killed and reaped, and that error comes out',
  inLoop(async ({ loop }) => {
    const before = childrenNow();
    for (const failing of [1, 2, 3]) {
      const { backend } = loop;
      const openPipe = backend.openPipe.bind(backend);
      const thrown = new Error('no pipe');
      let calls = 0;
      backend.openPipe = (...args) => {
        if (++calls === failing) throw thrown;
        return openPipe(...args);
      };
      const recorder = new Recorder(loop);
      expect(await failure(subprocessExec(loop, () => recorder, 'sleep', ['30']))).toBe(thrown);
      delete (backend as Partial<SelectorIo>).openPipe;
      expect(recorder.events).toEqual([]);
      expect(childrenNow()).toEqual(before);
    }
  }),
);

test(
  'a child that cannot be watched is killed and reaped',
  inLoop(async ({ loop }) => {
    const before = childrenNow();
    const { backend } = loop;
    const thrown = new Error('no watch');
    backend.addReader = () => {
      throw thrown;
    };
    expect(await failure(subprocessExec(loop, () => ({}), 'sleep', ['30']))).toBe(thrown);
    delete (backend as Partial<SelectorIo>).addReader;
    expect(childrenNow()).toEqual(before);
  }),
);

eachSpawner((spawner) => {
  test(
    'SUBPROC-27 waves of failures and of children leave no descriptor',
    inLoop(async ({ loop }) => {
      await run(loop, 'true', [], spawner);
      const before = readdirSync('/proc/self/fd').length;
      const options: SubprocessOptions[] = [
        {},
        { stdin: DEVNULL },
        { stdout: 1 },
        { stderr: -2 },
        { cwd: '/nonexistent' },
      ];
      for (let i = 0; i < 50; i++) {
        await failure(
          subprocessExec(loop, () => ({}), '/nonexistent', [], { ...spawner, ...options[i % options.length] }),
        );
        await run(loop, 'true', [], { ...spawner, ...options[i % 4] });
      }
      expect(readdirSync('/proc/self/fd')).toHaveLength(before);
    }),
  );
});

describe('out of descriptors', () => {
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

  test('SUBPROC-27 EMFILE at each descriptor in turn: an OSError, no descriptor, no child; with enough of them it works', () => {
    const program = `
      import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
      import { TaskLoop } from '@tsyncio/futures-tasks';
      import { SelectorIo } from '@tsyncio/selector-io';
      import { subprocessExec } from '@tsyncio/subprocess';
      const loop = new TaskLoop({ backend: new SelectorIo() });
      const one = async (options) => {
        const ended = loop.createFuture();
        await subprocessExec(loop, () => ({ connectionLost() { ended.setResult(); } }), 'true', [], options);
        await ended;
      };
      const count = () => readdirSync('/proc/self/fd').length;
      const children = () => readFileSync('/proc/self/task/' + process.pid + '/children', 'latin1');
      const results = [];
      await loop.runUntilComplete(async () => {
        for (const options of [{}, { stdin: -3, stdout: -3, stderr: -3 }, { stdin: null, stdout: null, stderr: null }]) {
          await one(options);
          const before = count();
          // Takes every descriptor, and gives back one more each time.
          for (let free = 0; free < 12; free++) {
            const held = [];
            try { for (;;) held.push(openSync('/dev/null')); } catch (error) { if (error.code !== 'EMFILE') throw error; }
            for (let i = 0; i < free; i++) closeSync(held.pop());
            let result = 'ok';
            try { await one(options); } catch (error) { result = error.name + ' ' + error.code; }
            for (const fd of held) closeSync(fd);
            results.push(result);
            if (count() !== before || children() !== '') results.push('leak after ' + free + ': ' + (count() - before) + children());
          }
        }
      });
      loop.close();
      console.log(JSON.stringify([results.slice(0, 12), results.slice(12, 24), results.slice(24)]));
    `;
    const { stdout, stderr } = spawnSync(
      'sh',
      ['-c', 'ulimit -n 1000; exec "$@"', 'sh', process.execPath, '--input-type=module', '--eval', program],
      { cwd: packages.folder, encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' }, timeout: 50_000 },
    );
    expect(stderr).toBe('');
    const results = JSON.parse(stdout) as string[][];
    for (const each of results) {
      expect([...new Set(each)].sort()).toEqual(['OSError EMFILE', 'ok']);
      // Once it has worked, it works.
      expect(each.slice(each.indexOf('ok'))).not.toContain('OSError EMFILE');
    }
  }, 60_000);
});

test('many children in a loop that ends in the middle', async () => {
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const recorders: Recorder[] = [];
  await loop.runUntilComplete(async () => {
    for (let i = 0; i < 20; i++) {
      const [, recorder] = await subprocessExec(loop, () => new Recorder(loop), 'sleep', ['30']);
      recorders.push(recorder);
    }
  });
  for (const { transport } of recorders) transport.close();
  await loop.runUntilComplete(async () => {
    for (const { ended } of recorders) await ended;
    await sleep(0);
  });
  expect(recorders.map(({ returncode }) => returncode)).toEqual(Array(20).fill(-9));
  loop.close();
});

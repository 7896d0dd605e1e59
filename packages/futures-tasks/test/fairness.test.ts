import { AsyncLocalStorage } from 'node:async_hooks';
import { Context, ContextVar, type Scheduler } from '@tsyncio/core';
import { currentTask, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { compilePackages, leakAudit, runProgram, ScriptedHost } from '@tsyncio/test-support';

// They start processes and threads, on machines that may be busy.
jest.setTimeout(60_000);

const audit = leakAudit({ slowCallbacks: true });

test('a timer of Node goes on ticking while 100,000 tasks are woken at once', async () => {
  const loop = new TaskLoop();
  const gate = loop.createFuture<void>();
  const total = 100_000;
  let woken = 0;
  const ticksAt = new Set<number>();
  for (let i = 0; i < total; i++) {
    void loop.createTask(async () => {
      await gate;
      if (++woken === total) loop.stop();
    });
  }
  loop.callLater(0, () => {
    loop.callSoon(() => gate.setResult());
  });
  const timer = setInterval(() => {
    if (woken > 0 && woken < total) ticksAt.add(woken);
  }, 1);
  await loop.runForever();
  clearInterval(timer);
  loop.close();
  // In one turn, there would be none.
  expect(ticksAt.size).toBeGreaterThanOrEqual(5);
});

test('two interleaved users of AsyncLocalStorage never mix, through tasks, futures and done-callbacks', async () => {
  const storage = new AsyncLocalStorage<string>();
  const variable = new ContextVar('request', { default: 'none' });
  const loop = new TaskLoop();
  const wrong: string[] = [];
  let checks = 0;
  const check = (name: string, where: string): void => {
    checks++;
    if (storage.getStore() !== name) wrong.push(`${where} of ${name}: ${storage.getStore()}`);
    if (variable.get() !== name) wrong.push(`${where} of ${name}: the variable is ${variable.get()}`);
  };
  const shared = loop.createFuture<number>();
  const request = (name: string) =>
    loop.createTask(async () => {
      check(name, 'begin');
      const task = currentTask();
      const inner = loop.createTask(
        (function* () {
          for (let i = 0; i < 5; i++) {
            yield* sleep(0.001 * i);
            check(name, 'generator');
          }
        })(),
      );
      inner.addDoneCallback(() => check(name, 'done-callback'));
      shared.addDoneCallback(() => check(name, 'done-callback of a shared future'));
      await shared;
      check(name, 'after a shared future');
      await Promise.all([inner, sleep(0), sleep(0.002)]);
      check(name, 'after several');
      await new Promise((resolve) => setImmediate(resolve));
      check(name, 'after Node');
      expect(currentTask()).toBe(task);
    });
  const tasks = ['one', 'two', 'three'].map((name) =>
    storage.run(name, () =>
      new Context().run(() => {
        variable.set(name);
        return request(name);
      }),
    ),
  );
  storage.run('setter', () => loop.callLater(0.002, () => shared.setResult(1)));
  await loop.runUntilComplete(async () => {
    for (const task of tasks) await task;
  });
  expect(wrong).toEqual([]);
  expect(checks).toBe(3 * 11);
  loop.close();
});

test('DEBUG-06 DEBUG-07 a slow step is logged with its task, whatever resumed it', async () => {
  const host = new ScriptedHost();
  const loop = new TaskLoop({ debug: true, host, clock: host.clock });
  const spend = (seconds: number): void => host.spend(seconds);
  const done = loop.runUntilComplete(async () => {
    const task = loop.createTask(
      async () => {
        spend(0.2);
        await sleep(1);
        spend(0.3);
      },
      { name: 'async' },
    );
    const generator = loop.createTask(
      (function* () {
        spend(0.4);
        yield* sleep(2);
        spend(0.5);
      })(),
      { name: 'generator' },
    );
    await task;
    await generator;
  });
  await host.drive(done);
  loop.setDebug(false);
  loop.close();
  const slow = (name: string, seconds: string): unknown =>
    expect.stringMatching(new RegExp(`^Executing <Task .*name='${name}'.* took ${seconds} seconds$`, 's'));
  expect(audit.takeRecords().map(({ message }) => message)).toEqual([
    slow('async', '0\\.200'),
    slow('generator', '0\\.400'),
    slow('async', '0\\.300'),
    slow('generator', '0\\.500'),
  ]);
});

test('DEBUG-08 a task remembers the user’s call', () => {
  const loop = new TaskLoop({ debug: true });
  const task = loop.createTask(async () => undefined);
  expect(String(task)).toMatch(/created at .*fairness\.test\.ts:\d+>$/);
  expect(String(loop.createFuture())).toMatch(/created at .*fairness\.test\.ts:\d+>$/);
  loop.setDebug(false);
  loop.close();
});

test('DEBUG-10 a coroutine gives the same in both modes', async () => {
  for (const debug of [false, true]) {
    const loop: TaskLoop & Scheduler = new TaskLoop({ debug });
    expect(await loop.runUntilComplete(async () => sleep(0, 'value'))).toBe('value');
    loop.setDebug(false);
    loop.close();
  }
});

test('the ES module and the CommonJS module share the current task, and wait for each other’s futures', async () => {
  const packages = compilePackages('core', 'futures-tasks');
  const child = await runProgram(
    `import { createRequire } from 'node:module';
     import * as esm from '@tsyncio/futures-tasks';
     const cjs = createRequire(process.cwd() + '/x.js')('@tsyncio/futures-tasks');
     const loop = new cjs.TaskLoop();
     const seen = [esm.TaskLoop !== cjs.TaskLoop];
     seen.push(await loop.runUntilComplete(async () => {
       const task = cjs.currentTask();
       seen.push(esm.currentTask() === task, esm.allTasks().has(task));
       const future = new esm.Future({ loop });
       loop.callSoon(() => future.setResult('other'));
       await esm.sleep(0.001);
       seen.push(esm.isFuture(task), esm.currentTask() === task);
       const [a, b] = await esm.gather(cjs.sleep(0, 1), () => cjs.sleep(0, 2));
       seen.push(a === 1 && b === 2);
       return await future;
     }));
     loop.close();
     console.log(JSON.stringify(seen));`,
    { cwd: packages.folder },
  );
  packages.remove();
  expect(child).toMatchObject({ status: 0, stderr: '', stdout: '[true,true,true,true,true,true,"other"]\n' });
});

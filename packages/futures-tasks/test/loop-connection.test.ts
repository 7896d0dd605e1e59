import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Worker, type MessagePort } from 'node:worker_threads';
import { ConcurrentFuture, connectLoop, Scheduler, type LoopConnection } from '@tsyncio/core';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { compilePackages, leakAudit, quiet, recordExceptions, type CompiledPackages } from '@tsyncio/test-support';
import { errorOf } from './support.js';

// They start threads, on machines that may be busy.
jest.setTimeout(60_000);

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core', 'futures-tasks');
  writeFileSync(
    path.join(packages.folder, 'worker.cjs'),
    `const { parentPort, workerData } = require('node:worker_threads');
     const core = require('@tsyncio/core');
     const tasks = require('@tsyncio/futures-tasks');
     new Function('core', 'tasks', 'parentPort', 'workerData', workerData.body)(core, tasks, parentPort, workerData);`,
  );
});
afterAll(() => packages.remove());

leakAudit();

interface Started {
  readonly worker: Worker;
  readonly exit: Promise<number>;
}

function start(body: string, data: object = {}, transferList: MessagePort[] = []): Started {
  const worker = new Worker(path.join(packages.folder, 'worker.cjs'), { workerData: { ...data, body }, transferList });
  const exit = new Promise<number>((resolve) => worker.on('exit', resolve).on('error', () => undefined));
  return { worker, exit };
}

type Callbacks = {
  add: (a: number, b: number) => Promise<number>;
  count: (n: number) => Generator<unknown, number, unknown>;
  plain: (text: string) => string;
  fail: (text: string) => Promise<never>;
  hang: () => Promise<void>;
  bad: () => Promise<() => void>;
  gone: () => Promise<void>;
  end: () => void;
};

/** A thread with a loop whose coroutines are run from here. `seen` tells what happened there. */
const SERVER = `
  const loop = new tasks.TaskLoop();
  const seen = [];
  const port = loop.threadsafe.open({
    add: async (a, b) => { await tasks.sleep(0.001); return a + b; },
    count: function* (n) { for (let i = 0; i < n; i++) yield; return n; },
    plain: (text) => text.toUpperCase(),
    fail: async (text) => { throw Object.assign(new RangeError(text, { cause: new TypeError('below') }), { code: 'E' }); },
    hang: async () => {
      seen.push('begins');
      parentPort.postMessage('begins');
      try { await tasks.sleep(3600); } catch (error) { seen.push(error.name); throw error; }
    },
    bad: async () => () => {},
    gone: async () => { const future = loop.createFuture(); future.cancel(); await future; },
    exit: async () => process.exit(3),
    throwOutside: async () => { setImmediate(() => { throw new Error('on purpose'); }); await tasks.sleep(3600); },
    close: async () => { setImmediate(() => { loop.stop(); }); await tasks.sleep(3600); },
    end: () => loop.stop(),
  });
  loop.setExceptionHandler(() => {});
  parentPort.postMessage(port, [port]);
  loop.runForever().then(() => { loop.close(); parentPort.postMessage(seen); });`;

async function serve(): Promise<Started & { connection: LoopConnection<Callbacks>; next: () => Promise<unknown> }> {
  const started = start(SERVER);
  const next = (): Promise<unknown> => new Promise((resolve) => started.worker.once('message', resolve));
  return { ...started, connection: connectLoop<Callbacks>((await next()) as MessagePort), next };
}

test('RCTS-01 RCTS-02 coroutines of a loop in another thread are run by name: results, errors and cancellation come back', async () => {
  const { connection, exit, next } = await serve();
  const sum = connection.run('add', 1, 2);
  expect([sum instanceof ConcurrentFuture, sum.done()]).toEqual([true, false]);
  const all = [sum, connection.run('count', 5), connection.run('plain', 'x')] as ConcurrentFuture[];
  expect(await Promise.all(all.map((future) => future.promise()))).toEqual([3, 5, 'X']);
  const error = await errorOf(connection.run('fail', 'mine').promise());
  expect(error).toBeInstanceOf(RangeError);
  expect(error).toMatchObject({ message: 'mine', code: 'E', cause: { name: 'TypeError', message: 'below' } });
  const gone = connection.run('gone');
  expect((await errorOf(gone.promise())).name).toBe('CancelledError');
  expect(gone.cancelled()).toBe(true);
  const bad = await errorOf(connection.run('bad').promise());
  expect([bad.name, bad.message]).toEqual(['DataCloneError', expect.stringContaining('could not be cloned')]);
  const ended = next();
  connection.call('end');
  expect([await ended, await exit]).toEqual([[], 0]);
});

test('RCTS-03 RCTS-04 cancelling the future cancels the task in the other thread, which has begun', async () => {
  const { connection, exit, next } = await serve();
  let message = next();
  const first = connection.run('hang');
  expect(await message).toBe('begins');
  expect([first.cancel(), first.cancelled(), first.cancel()]).toEqual([true, true, true]);
  // Called off before the loop can have taken it up.
  message = next();
  expect(connection.run('hang').cancel()).toBe(true);
  expect(await message).toBe('begins');
  expect(await connection.run('add', 1, 1).promise()).toBe(2);
  message = next();
  connection.call('end');
  const seen = (await message) as string[];
  expect([seen.sort(), await exit]).toEqual([['CancelledError', 'CancelledError', 'begins', 'begins'], 0]);
});

test('RCTS-05 a loop without tasks, and one whose factory fails: the error comes back and is reported', async () => {
  const scheduler = new Scheduler();
  const contexts = recordExceptions(scheduler);
  const connection = connectLoop(scheduler.threadsafe.open({ add: () => 1 }));
  const run = scheduler.runForever();
  const error = await errorOf(connection.run('add').promise());
  expect([error.name, error.message]).toEqual([
    'RuntimeError',
    expect.stringContaining('makes no tasks: use TaskLoop'),
  ]);
  scheduler.stop();
  await run;
  expect(contexts.map(({ exception }) => (exception as Error).message)).toEqual([error.message]);
  scheduler.close();
});

test('an error of the task is not reported there: it has come back', async () => {
  const loop = new TaskLoop();
  const contexts = recordExceptions(loop);
  const connection = connectLoop(
    loop.threadsafe.open({
      fail: async () => {
        await sleep(0);
        throw new Error('mine');
      },
      throws: () => {
        throw new Error('at once');
      },
    }),
  );
  const run = loop.runForever();
  expect((await errorOf(connection.run('fail').promise())).message).toBe('mine');
  expect((await errorOf(connection.run('throws').promise())).message).toBe('at once');
  loop.stop();
  await run;
  loop.close();
  expect(contexts).toEqual([]);
});

test('calls and runs begin in the order in which they were made', async () => {
  const loop = new TaskLoop();
  const seen: string[] = [];
  const connection = connectLoop(
    loop.threadsafe.open({
      call: (n: number) => seen.push(`call ${n}`),
      run: async (n: number) => seen.push(`run ${n}`),
    }),
  );
  for (let i = 0; i < 3; i++) {
    connection.call('call', i);
    void connection.run('run', i);
  }
  const last = connection.run('run', 3).promise();
  const run = loop.runForever();
  await last;
  loop.stop();
  await run;
  loop.close();
  expect(seen.filter((line) => line.startsWith('call'))).toEqual(['call 0', 'call 1', 'call 2']);
  expect(seen.filter((line) => line.startsWith('run'))).toEqual(['run 0', 'run 1', 'run 2', 'run 3']);
});

test.each([
  ['is closed', 'close', 0],
  ['exits with its thread', 'exit', 3],
  ['dies of an error', 'throwOutside', 1],
  ['is terminated with its thread', null, 1],
] as const)(
  'RCTS-02 when the loop %s, what is pending fails, and later calls are a RuntimeError',
  async (_, way, code) => {
    const { worker, connection, exit, next } = await serve();
    const begins = next();
    const pending = [connection.run('hang'), connection.run('hang')];
    await begins;
    if (way === null) void worker.terminate();
    else
      void connection
        .run(way as 'hang')
        .promise()
        .catch(() => undefined);
    for (const future of pending) {
      const error = await errorOf(future.promise());
      expect([error.name, error.message]).toEqual([
        'RuntimeError',
        'the loop was closed, or its thread has ended, before the task was done',
      ]);
    }
    expect(await exit).toBe(code);
    expect(() => connection.call('end')).toThrow('Event loop is closed');
    expect(() => connection.run('add', 1, 2)).toThrow('Event loop is closed');
  },
);

test('a connection that is closed fails what is pending; wrong names and arguments are refused at the call', async () => {
  const loop = new TaskLoop();
  const connection = connectLoop(loop.threadsafe.open({ hang: () => sleep(3600) }));
  expect((await errorOf(() => connection.run('other'))).message).toBe("run: the loop has no callback named 'other'");
  expect((await errorOf(() => connection.run('hang', () => 1))).name).toBe('DataCloneError');
  const pending = connection.run('hang');
  connection.close();
  expect((await errorOf(pending.promise())).name).toBe('RuntimeError');
  expect(() => connection.run('hang')).toThrow('Event loop is closed');
  connection.close();
  await quiet();
  loop.close();
});

test('a thread waits for what it has had run, and ends by itself afterwards', async () => {
  const loop = new TaskLoop();
  const port = loop.threadsafe.open({ ask: (n: number) => sleep(0.02, n * 2) });
  const { worker, exit } = start(
    `core.connectLoop(workerData.port).run('ask', 4).promise().then((n) => parentPort.postMessage(n));`,
    { port },
    [port],
  );
  const answer = new Promise((resolve) => worker.once('message', resolve));
  const run = loop.runForever();
  expect([await answer, await exit]).toEqual([8, 0]);
  loop.stop();
  await run;
  loop.close();
});

test('a thread that ends leaves the tasks that it has begun to the loop', async () => {
  const loop = new TaskLoop();
  let done!: (n: number) => void;
  const outcome = new Promise<number>((resolve) => (done = resolve));
  const release = loop.createFuture<void>();
  const port = loop.threadsafe.open({
    work: async (n: number) => {
      await release;
      done(n);
      return n;
    },
  });
  const { exit } = start(
    `const connection = core.connectLoop(workerData.port); connection.run('work', 7); setTimeout(() => process.exit(5), 5);`,
    { port },
    [port],
  );
  const run = loop.runForever();
  expect(await exit).toBe(5);
  release.setResult();
  expect(await outcome).toBe(7);
  await quiet();
  loop.stop();
  await run;
  loop.close();
});

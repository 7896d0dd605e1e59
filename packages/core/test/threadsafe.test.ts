import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { connectLoop, Scheduler, type ThreadsafeCallbacks } from '@tsyncio/core';
import { compilePackages, leakAudit, quiet, recordExceptions, type CompiledPackages } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

// They start processes and threads, on machines that may be busy.
jest.setTimeout(60_000);

let packages: CompiledPackages;
beforeAll(() => {
  packages = compilePackages('core');
  writeFileSync(
    path.join(packages.folder, 'worker.cjs'),
    `const { parentPort, workerData } = require('node:worker_threads');
     const core = require('@tsyncio/core');
     const door = workerData.port ? core.connectLoop(workerData.port) : null;
     const attempt = (call) => { try { return call(); } catch (error) { return error.name; } };
     new Function('door', 'core', 'parentPort', 'workerData', 'attempt', workerData.body)(door, core, parentPort, workerData, attempt);`,
  );
});
afterAll(() => packages.remove());

leakAudit();

let loop: Scheduler;
beforeEach(() => {
  loop = new Scheduler();
});
afterEach(() => loop.close());

interface Started {
  readonly worker: Worker;
  readonly exit: Promise<number>;
}

/** Runs `body` in a thread that has taken up a door with these callbacks. */
function start(body: string, callbacks: ThreadsafeCallbacks | null, data: object = {}): Started {
  const port = callbacks === null ? null : loop.threadsafe.open(callbacks);
  const worker = new Worker(path.join(packages.folder, 'worker.cjs'), {
    workerData: { ...data, body, port },
    transferList: port === null ? [] : [port],
  });
  const exit = new Promise<number>((resolve, reject) => {
    worker.on('exit', resolve).on('error', reject);
  });
  return { worker, exit };
}

test('SCHED-THREAD-01 a call from another thread wakes a loop that sleeps until a far timer', async () => {
  let called = 0;
  loop.callLater(3600, () => undefined);
  const { worker, exit } = start(`parentPort.once('message', () => door.call('onJob', 42));`, {
    onJob: (n: number) => {
      called = n;
      loop.stop();
    },
  });
  const run = loop.runForever();
  await quiet(); // it sleeps
  worker.postMessage('go');
  await run;
  expect([called, await exit]).toEqual([42, 0]);
});

test('SCHED-THREAD-01 the calls of one thread keep their order, those of several all arrive', async () => {
  const seen = new Map<number, number[]>();
  let left = 3 * 1000;
  const callbacks = {
    onJob: (thread: number, n: number) => {
      seen.set(thread, [...(seen.get(thread) ?? []), n]);
      if (--left === 0) loop.stop();
    },
  };
  const body = `for (let i = 0; i < 1000; i++) door.call('onJob', workerData.thread, i);`;
  const threads = [0, 1, 2].map((thread) => start(body, callbacks, { thread }));
  await loop.runForever();
  expect(await Promise.all(threads.map(({ exit }) => exit))).toEqual([0, 0, 0]);
  const all = Array.from({ length: 1000 }, (_, n) => n);
  expect([...seen].sort(([a], [b]) => a - b)).toEqual([0, 1, 2].map((thread) => [thread, all]));
});

test('SCHED-THREAD-03 calls made while the loop does not run are kept for the first iteration', async () => {
  const seen: number[] = [];
  const { exit } = start(`door.call('onJob', 1); door.call('onJob', 2);`, { onJob: (n: number) => seen.push(n) });
  await exit;
  await quiet();
  expect(seen).toEqual([]);
  await runOnce(loop);
  expect(seen).toEqual([1, 2]);
});

test('LOOP-CLOSE-04 when the loop is closed, a call from another thread is a RuntimeError at the call', async () => {
  const results: unknown[] = [];
  const { worker, exit } = start(
    `const call = () => parentPort.postMessage(attempt(() => door.call('onJob')) ?? 'called');
     parentPort.on('message', () => { call(); parentPort.close(); });
     call();`,
    { onJob: () => undefined },
  );
  worker.on('message', (result) => {
    results.push(result);
    if (results.length > 1) return;
    loop.close();
    worker.postMessage('again');
  });
  await exit;
  expect(results).toEqual(['called', 'RuntimeError']);
});

test('an unknown name is a ValueError, what cannot be cloned a DataCloneError, at the call', async () => {
  const results = new Promise((resolve) => {
    const { worker } = start(
      `parentPort.postMessage([
         attempt(() => door.call('other')),
         attempt(() => door.call('toString')),
         attempt(() => door.call('onJob', () => {})),
       ]);`,
      { onJob: () => undefined },
    );
    worker.on('message', (result) => {
      worker.once('exit', () => resolve(result));
    });
  });
  expect(await results).toEqual(['ValueError', 'ValueError', 'DataCloneError']);
});

test('a thread with a door ends by itself, and so does one that closes it or throws', async () => {
  const callbacks = { onJob: () => undefined };
  expect(await start(`door.call('onJob')`, callbacks).exit).toBe(0);
  expect(await start(`door.close(); attempt(() => door.close())`, callbacks).exit).toBe(0);
  await expect(start(`throw new Error('mine')`, callbacks).exit).rejects.toThrow('mine');
  const endless = start(`setInterval(() => {}, 1000); parentPort.postMessage('up')`, callbacks);
  await new Promise((resolve) => endless.worker.once('message', resolve));
  await endless.worker.terminate();
  await runOnce(loop);
});

test('an error in a callback called from a thread is reported by its name', async () => {
  const contexts = recordExceptions(loop);
  const { exit } = start(`door.call('onJob', 7)`, {
    onJob: function onJob() {
      throw new Error('mine');
    },
  });
  await exit;
  await quiet();
  await runOnce(loop);
  expect(contexts).toMatchObject([{ message: 'Exception in callback onJob(7)', exception: { message: 'mine' } }]);
});

test('a loop of a worker is called from the main thread, and ends when told to', async () => {
  const { worker, exit } = start(
    `const loop = new core.Scheduler();
     const seen = [];
     const port = loop.threadsafe.open({ onJob: (n) => seen.push(n), onEnd: () => loop.stop() });
     parentPort.postMessage(port, [port]);
     loop.runForever().then(() => { loop.close(); parentPort.postMessage(seen); });`,
    null,
  );
  const port = await new Promise<MessagePort>((resolve) => worker.once('message', resolve));
  const door = connectLoop(port);
  const seen = new Promise((resolve) => worker.once('message', resolve));
  for (let i = 0; i < 100; i++) door.call('onJob', i);
  door.call('onEnd');
  expect(await seen).toEqual(Array.from({ length: 100 }, (_, i) => i));
  expect(await exit).toBe(0);
  expect(() => door.call('onJob', 1)).toThrow('Event loop is closed');
});

test.each([[null], [undefined], [1], [{ a: 1 }], [[() => undefined, 5]]])('open(%p) is a TypeError', (wrong) => {
  expect(() => loop.threadsafe.open(wrong as never)).toThrow(TypeError);
});

test('connectLoop refuses what is no door, and a door that is taken', () => {
  const { port1, port2 } = new MessageChannel();
  for (const wrong of [null, undefined, 1, {}, { postMessage: () => undefined }, port1]) {
    expect(() => connectLoop(wrong as never)).toThrow(/^connectLoop: port /);
  }
  port1.close();
  port2.close();
  const port = loop.threadsafe.open({ onJob: () => undefined });
  connectLoop(port);
  expect(() => connectLoop(port)).toThrow('was not made by loop.threadsafe.open()');
});

test('what arrives after the close is dropped', async () => {
  const port = loop.threadsafe.open({ onJob: () => undefined });
  const door = connectLoop(port);
  const { threadsafe } = loop;
  door.call('onJob');
  loop.close();
  await quiet();
  await quiet();
  expect(() => threadsafe.open({})).toThrow('Event loop is closed');
  expect(receiveMessageOnPort(port)).toBeUndefined();
});

test('a context of the door: callbacks run in the async context in which it was opened', async () => {
  const { AsyncLocalStorage } = await import('node:async_hooks');
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const port = storage.run('opener', () => loop.threadsafe.open({ onJob: () => seen.push(storage.getStore()) }));
  const door = connectLoop(port);
  storage.run('caller', () => door.call('onJob'));
  const run = loop.runForever();
  while (seen.length === 0) await quiet();
  loop.stop();
  await run;
  door.close();
  expect(seen).toEqual(['opener']);
});

import { compilePackages, runProgram } from '@tsyncio/test-support';

import { selectors } from '@tsyncio/test-support/loops/selectors';

const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
afterAll(() => packages.remove());

/** How a worker ends. On Windows `terminate` at the moment of an event ends the process: koffi calls into a thread that is being ended. */
const ways = ['end', 'exit', 'throw', ...(process.platform === 'win32' ? [] : ['terminate'])];
const exits: Record<string, string> = { end: 'end 0', exit: 'exit 7', throw: 'throw 1', terminate: 'terminate 1' };

/**
 * A worker that ends with a running loop, a reader on it and an open poll. Without the pinned addon and the exit hook this takes the
 * process down: SIGSEGV, or an assertion of libuv.
 */
const worker = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { TaskLoop } = require('@tsyncio/futures-tasks');
  const { [workerData.selector]: Selector, SelectorIo, addReader } = require('@tsyncio/selector-io');
  const { socketpair } = require('@tsyncio/socket');
  const loop = new TaskLoop({ backend: new SelectorIo(new Selector()) });
  const [a, b] = socketpair();
  globalThis.keep = { loop, a, b };
  let reads = 0;
  addReader(loop, a, () => {
    a.recv(10);
    if (++reads < 3) return void loop.callLater(0.001, () => b.send(Buffer.from('x')));
    if (workerData.way === 'end') loop.stop();
    if (workerData.way === 'exit') process.exit(7);
    if (workerData.way === 'throw') setImmediate(() => { throw new Error('on purpose'); });
    if (workerData.way === 'terminate') parentPort.postMessage('ready');
  });
  loop.callLater(0.001, () => b.send(Buffer.from('x')));
  void loop.runForever();`;

const program = `
  const { Worker } = require('node:worker_threads');
  const source = ${JSON.stringify(worker)};
  const selectors = ${JSON.stringify(selectors.map(([name]) => name))};
  const run = (selector, way) => new Promise((resolve) => {
    const worker = new Worker(source, { eval: true, workerData: { selector, way } });
    worker.on('message', () => worker.terminate());
    worker.on('error', (error) => { if (error.message !== 'on purpose') console.log(error); });
    worker.on('exit', (code) => resolve(way + ' ' + code));
  });
  (async () => {
    const ends = [];
    for (let round = 0; round < 6; round++) {
      const selector = selectors[round % selectors.length];
      ends.push(...await Promise.all(${JSON.stringify(ways)}.map((way) => run(selector, way))));
    }
    console.log([...new Set(ends)].join(', ') + ', ' + ends.length);
  })();`;

test('a worker may end in any way, again and again, with a loop that polls, over any selector', async () => {
  const options = { cwd: packages.folder, type: 'commonjs', timeout: 60 } as const;
  const { stdout, stderr, status, signal } = await runProgram(program, options);
  expect({ stdout, stderr, status, signal }).toEqual({
    stdout: `${ways.map((way) => exits[way]).join(', ')}, ${6 * ways.length}\n`,
    stderr: '',
    status: 0,
    signal: null,
  });
}, 120_000);

test('WAKE-02 another thread wakes a loop that sleeps in any selector, without a descriptor for it', async () => {
  const waking = `
    const { workerData } = require('node:worker_threads');
    const { connectLoop } = require('@tsyncio/core');
    connectLoop(workerData.port).call('wake', 'from the worker');`;
  const text = `
    const { readdirSync } = require('node:fs');
    const { Worker } = require('node:worker_threads');
    const { TaskLoop } = require('@tsyncio/futures-tasks');
    const { addReader, SelectorIo, ...selectors } = require('@tsyncio/selector-io');
    const { socketpair } = require('@tsyncio/socket');
    const descriptors = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
    (async () => {
      for (const name of ${JSON.stringify(selectors.map(([name]) => name))}) {
        const loop = new TaskLoop({ backend: new SelectorIo(new selectors[name]()) });
        const [a] = socketpair();
        addReader(loop, a, () => console.log('never'));
        const before = descriptors();
        const port = loop.threadsafe.open({ wake: (text) => { console.log(name, text); loop.stop(); } });
        console.log(descriptors() - before);
        const worker = new Worker(${JSON.stringify(waking)}, { eval: true, workerData: { port }, transferList: [port] });
        await loop.runForever();
        await worker.terminate();
        loop.close();
      }
    })();`;
  const { stdout, stderr, status } = await runProgram(text, { cwd: packages.folder, type: 'commonjs', timeout: 60 });
  const lines = selectors.map(([name]) => `0\n${name} from the worker\n`).join('');
  expect({ stdout, stderr, status }).toEqual({ stdout: lines, stderr: '', status: 0 });
}, 60_000);

/** A worker with a loop that watches a descriptor, is called from the main thread, and calls it. */
const companion = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { connectLoop } = require('@tsyncio/core');
  const { TaskLoop, sleep } = require('@tsyncio/futures-tasks');
  const { DefaultSelector, SelectorIo, addReader } = require('@tsyncio/selector-io');
  const { socketpair } = require('@tsyncio/socket');
  const loop = new TaskLoop({ backend: new SelectorIo(new DefaultSelector()) });
  const [a, b] = socketpair();
  globalThis.keep = { loop, a, b };
  addReader(loop, a, () => a.recv(10));
  const door = loop.threadsafe.open({
    add: async (x, y) => { b.send(Buffer.from('x')); await sleep(0.001); return x + y; },
    end: async () => {
      if (workerData.way === 'end') loop.stop();
      if (workerData.way === 'exit') process.exit(7);
      if (workerData.way === 'throw') setImmediate(() => { throw new Error('on purpose'); });
      if (workerData.way === 'terminate') connectLoop(workerData.port).call('terminate', workerData.n);
      await sleep(3600);
    },
  });
  parentPort.postMessage(door, [door]);
  void loop.runForever().then(() => loop.close());`;

test('loops in workers end in any way, twenty times each, and the loop of the main thread goes on', async () => {
  const text = `
    const { Worker } = require('node:worker_threads');
    const { connectLoop } = require('@tsyncio/core');
    const { TaskLoop, sleep } = require('@tsyncio/futures-tasks');
    const { DefaultSelector, SelectorIo, addReader, removeReader } = require('@tsyncio/selector-io');
    const { socketpair } = require('@tsyncio/socket');
    const loop = new TaskLoop({ backend: new SelectorIo(new DefaultSelector()) });
    const workers = new Map();
    let n = 0;
    async function once(way) {
      const id = n++;
      const port = loop.threadsafe.open({ terminate: (id) => workers.get(id).terminate() });
      const worker = new Worker(${JSON.stringify(companion)}, { eval: true, workerData: { way, n: id, port }, transferList: [port] });
      workers.set(id, worker);
      const exit = new Promise((resolve) => {
        worker.on('error', (error) => { if (error.message !== 'on purpose') console.log(error); });
        worker.on('exit', resolve);
      });
      const connection = connectLoop(await new Promise((resolve) => worker.once('message', resolve)));
      const sum = await connection.run('add', id, 1).promise();
      const pending = connection.run('end').promise().catch((error) => error.name);
      return [way, await exit, sum === id + 1, await pending].join(' ');
    }
    async function main() {
      const [a, b] = socketpair();
      let echoes = 0;
      addReader(loop, a, () => { a.recv(10); echoes++; b.send(Buffer.from('x')); });
      b.send(Buffer.from('x'));
      const ends = {};
      for (let round = 0; round < 20; round++) {
        const before = echoes;
        for (const end of await Promise.all(${JSON.stringify(ways)}.map(once))) ends[end] = (ends[end] ?? 0) + 1;
        if (echoes === before) console.log('stands still');
        await sleep(0.001);
      }
      console.log(JSON.stringify(ends));
      removeReader(loop, a);
      a.close();
      b.close();
    }
    loop.runUntilComplete(main).then(() => loop.close());`;
  const options = { cwd: packages.folder, type: 'commonjs', timeout: 90 } as const;
  const { stdout, stderr, status, signal } = await runProgram(text, options);
  const expected = ways.map((way) => [`${exits[way]!} true RuntimeError`, 20]);
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null });
  expect(JSON.parse(stdout)).toEqual(Object.fromEntries(expected));
}, 120_000);

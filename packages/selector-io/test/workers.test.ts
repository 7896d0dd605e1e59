import { compilePackages, runProgram } from '@tsyncio/test-support';

import { selectors } from './support/selectors.js';

const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
afterAll(() => packages.remove());

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
      ends.push(...await Promise.all(['end', 'exit', 'throw', 'terminate'].map((way) => run(selector, way))));
    }
    console.log([...new Set(ends)].join(', ') + ', ' + ends.length);
  })();`;

test('a worker may end in any way, again and again, with a loop that polls, over any selector', async () => {
  const options = { cwd: packages.folder, type: 'commonjs', timeout: 60 } as const;
  const { stdout, stderr, status, signal } = await runProgram(program, options);
  expect({ stdout, stderr, status, signal }).toEqual({
    stdout: 'end 0, exit 7, throw 1, terminate 1, 24\n',
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
    (async () => {
      for (const name of ${JSON.stringify(selectors.map(([name]) => name))}) {
        const loop = new TaskLoop({ backend: new SelectorIo(new selectors[name]()) });
        const [a] = socketpair();
        addReader(loop, a, () => console.log('never'));
        const before = readdirSync('/proc/self/fd').length;
        const port = loop.threadsafe.open({ wake: (text) => { console.log(name, text); loop.stop(); } });
        console.log(readdirSync('/proc/self/fd').length - before);
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

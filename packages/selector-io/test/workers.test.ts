import { compilePackages, runProgram } from '@tsyncio/test-support';

import { selectors } from './support/selectors.js';

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
  const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
  const options = { cwd: packages.folder, type: 'commonjs', timeout: 60 } as const;
  const { stdout, stderr, status, signal } = await runProgram(program, options);
  packages.remove();
  expect({ stdout, stderr, status, signal }).toEqual({
    stdout: 'end 0, exit 7, throw 1, terminate 1, 24\n',
    stderr: '',
    status: 0,
    signal: null,
  });
}, 120_000);

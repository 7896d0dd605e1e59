import { compilePackages, type CompiledPackages, leakAudit, runProgram } from '@tsyncio/test-support';

import { sleeping } from './support/sleeping.js';

leakAudit();
jest.setTimeout(90_000);

let packages: CompiledPackages;
beforeAll(() => (packages = compilePackages('core', 'futures-tasks', 'socket', 'proactor-io')));
afterAll(() => packages.remove());

/** A worker that ends while its loop sleeps, or while bytes go to and fro. */
const worker = sleeping(`
  const { workerData, parentPort } = require('node:worker_threads');
  parentPort.postMessage('now');
  if (workerData === 'end') { loop.stop(); void running.then(() => { loop.close(); b.close(); c.close(); d.close(); }); }
  if (workerData === 'exit') process.exit(7);
  if (workerData === 'throw') throw new Error('on purpose');
  if (workerData === 'busy') {
    sink.onData = (data) => void b.send(data);
    b.send(Buffer.alloc(100));
  }`);

test('a worker may end in any way while a thread waits in its port: the process goes on', async () => {
  const program = `
    const { Worker } = require('node:worker_threads');
    const source = ${JSON.stringify(worker)};
    const longest = {};
    const run = (way) => new Promise((resolve) => {
      const worker = new Worker(source, { eval: true, workerData: way });
      let began;
      const end = () => { began = performance.now(); void worker.terminate(); };
      worker.on('message', () => {
        began = performance.now();
        if (way === 'terminate') end();
        if (way === 'busy') setTimeout(end, 20);
      });
      worker.on('error', (error) => { if (error.message !== 'on purpose') console.log(error); });
      worker.on('exit', (code) => {
        longest[way] = Math.max(longest[way] ?? 0, Math.round(performance.now() - began));
        resolve(way + ' ' + code);
      });
    });
    (async () => {
      const ends = {};
      for (let round = 0; round < 2; round++) {
        for (const way of ['end', 'exit', 'throw', 'terminate', 'busy']) {
          const end = await run(way);
          ends[end] = (ends[end] ?? 0) + 1;
        }
      }
      console.log(JSON.stringify({ ends, longest }));
    })();`;
  const { stdout, stderr, status, signal } = await runProgram(program, {
    cwd: packages.folder,
    type: 'commonjs',
    timeout: 80,
  });
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null });
  const { ends, longest } = JSON.parse(stdout) as { ends: object; longest: Record<string, number> };
  expect(ends).toEqual({ 'end 0': 2, 'exit 7': 2, 'throw 1': 2, 'terminate 1': 2, 'busy 1': 2 });
  // `terminate` runs no code that could wake the thread: it waits for a second at most.
  for (const took of Object.values(longest)) expect(took).toBeLessThan(3000);
});

import { compilePackages, type CompiledPackages, leakAudit, runProgram } from '@tsyncio/test-support';

leakAudit();

let packages: CompiledPackages;
beforeAll(() => (packages = compilePackages('core', 'futures-tasks', 'socket', 'proactor-io')));
afterAll(() => packages.remove());

/** A worker that ends with a running loop, pending requests and data on its way. */
const worker = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { TaskLoop } = require('@tsyncio/futures-tasks');
  const { IoUringProactor } = require('@tsyncio/proactor-io');
  const { addReader, socketpair } = require('@tsyncio/socket');
  const loop = new TaskLoop({ backend: new IoUringProactor({ debug: true }) });
  const [a, b] = socketpair();
  const [c, d] = socketpair();
  globalThis.keep = { loop, a, b, d };
  const channel = loop.backend.openStream(c, { buffered: false, onData() { d.send(Buffer.alloc(5000)); }, isClosing: () => false }, loop);
  channel.startReading();
  d.send(Buffer.from('x'));
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
  void loop.runForever().then(() => { loop.close(); for (const socket of [a, b, d]) socket.close(); });`;

test('a worker may end in any way, twenty times each, with requests pending on its ring', async () => {
  const program = `
    const { Worker } = require('node:worker_threads');
    const source = ${JSON.stringify(worker)};
    const run = (way) => new Promise((resolve) => {
      const worker = new Worker(source, { eval: true, workerData: { way } });
      worker.on('message', () => worker.terminate());
      worker.on('error', (error) => { if (error.message !== 'on purpose') console.log(error); });
      worker.on('exit', (code) => resolve(way + ' ' + code));
    });
    (async () => {
      const ends = {};
      for (let round = 0; round < 20; round++) {
        for (const end of await Promise.all(['end', 'exit', 'throw', 'terminate'].map(run))) ends[end] = (ends[end] ?? 0) + 1;
      }
      console.log(JSON.stringify(ends));
    })();`;
  const options = { cwd: packages.folder, type: 'commonjs', timeout: 90 } as const;
  const { stdout, stderr, status, signal } = await runProgram(program, options);
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null });
  expect(JSON.parse(stdout)).toEqual({ 'end 0': 20, 'exit 7': 20, 'throw 1': 20, 'terminate 1': 20 });
}, 120_000);

test('a program may end with requests pending, and its children inherit no descriptor of a ring', async () => {
  const program = `
    import { execFileSync } from 'node:child_process';
    import { TaskLoop } from '@tsyncio/futures-tasks';
    import { IoUringProactor } from '@tsyncio/proactor-io';
    import { addReader, socketpair } from '@tsyncio/socket';
    const loop = new TaskLoop({ backend: new IoUringProactor() });
    const [a] = socketpair();
    addReader(loop, a, () => undefined);
    loop.callLater(0.001, () => {
      console.log(execFileSync('sh', ['-c', 'ls -l /proc/self/fd'], { encoding: 'utf8' }).includes('anon_inode'));
      process.exit(3);
    });
    await loop.runForever();`;
  const { stdout, stderr, status, signal } = await runProgram(program, { cwd: packages.folder, timeout: 60 });
  expect({ stdout, stderr, status, signal }).toEqual({ stdout: 'false\n', stderr: '', status: 3, signal: null });
}, 60_000);

import { compilePackages, runProgram } from '@tsyncio/test-support';

import { ca, identity } from '@tsyncio/test-support/loops/certificates';

const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io', 'transports-protocols');
afterAll(() => packages.remove());

/** A worker that ends while it speaks TLS with itself: open connections, and handshakes (with ALPN: the one call from C into JavaScript). */
const worker = `
  const { workerData, parentPort } = require('node:worker_threads');
  const { TaskLoop } = require('@tsyncio/futures-tasks');
  const { SelectorIo } = require('@tsyncio/selector-io');
  const { socketpair } = require('@tsyncio/socket');
  const { createConnection, connectAcceptedSocket } = require('@tsyncio/transports-protocols');
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const server = { ...workerData.server, ALPNProtocols: ['x'] };
  const client = { ca: workerData.ca, ALPNProtocols: ['x'] };
  const echo = () => ({ connectionMade(t) { this.t = t; }, dataReceived(data) { this.t.write(data); } });
  let rounds = 0;
  let told = false;
  const end = () => {
    if (workerData.way === 'exit') process.exit(7);
    if (workerData.way === 'throw') setImmediate(() => { throw new Error('on purpose'); });
    if (workerData.way === 'terminate' && !told) { told = true; parentPort.postMessage('ready'); }
  };
  const open = async () => {
    const [a, b] = socketpair();
    const accepted = connectAcceptedSocket(loop, echo, a, { ssl: server });
    const [transport] = await createConnection(loop, echo, { sock: b, ssl: client, serverHostname: 'localhost' });
    await accepted;
    transport.write(Buffer.alloc(1000));
    return transport;
  };
  globalThis.keep = [];
  void loop.runUntilComplete(async () => {
    for (;;) {
      const task = loop.createTask(open); // one is in the middle of its handshake when the end comes
      keep.push(await open());
      keep.push(await task);
      if (++rounds === 3) {
        if (workerData.way === 'end') return;
        end();
      }
      if (keep.length > 40) for (const t of keep.splice(0, 20)) t.abort();
    }
  });`;

const program = `
  const { Worker } = require('node:worker_threads');
  const run = (way) => new Promise((resolve) => {
    const worker = new Worker(${JSON.stringify(worker)}, { eval: true, workerData: { way, ca: ${JSON.stringify(ca)}, server: ${JSON.stringify(identity('server'))} } });
    worker.on('message', () => setTimeout(() => worker.terminate(), Math.random() * 20));
    worker.on('error', (error) => { if (error.message !== 'on purpose') console.log(error); });
    worker.on('exit', (code) => resolve(way + ' ' + code));
  });
  (async () => {
    const ends = [];
    for (let round = 0; round < 5; round++) {
      ends.push(...await Promise.all(['end', 'exit', 'throw', 'terminate'].map(run)));
    }
    console.log([...new Set(ends)].join(', ') + ', ' + ends.length);
  })();`;

test('a worker may end in any way, again and again, with connections and handshakes', async () => {
  const options = { cwd: packages.folder, type: 'commonjs', timeout: 60 } as const;
  const { stdout, stderr, status, signal } = await runProgram(program, options);
  expect({ stdout, stderr, status, signal }).toEqual({
    stdout: 'end 0, exit 7, throw 1, terminate 1, 20\n',
    stderr: '',
    status: 0,
    signal: null,
  });
}, 120_000);

test('TLS-33 sessions come and go by the hundred, and memory stays', async () => {
  const text = `
    const { TaskLoop } = require('@tsyncio/futures-tasks');
    const { SelectorIo } = require('@tsyncio/selector-io');
    const { socketpair } = require('@tsyncio/socket');
    const { liveCount } = require('@tsyncio/socket/native');
    const { createConnection, connectAcceptedSocket } = require('@tsyncio/transports-protocols');
    const tls = require('node:tls');
    const koffi = require('koffi');
    // What the C library's allocator has given out; the resident set moves with V8's own pages.
    const words = Array.from({ length: 10 }, (_, i) => ['word' + i, 'size_t']);
    let inUse = () => process.memoryUsage().rss / 20;
    try {
      koffi.struct('Mallinfo', Object.fromEntries(words));
      const mallinfo = koffi.load(null).func('Mallinfo mallinfo2()');
      inUse = () => mallinfo().word7;
    } catch {} // another C library
    const loop = new TaskLoop({ backend: new SelectorIo() });
    const ssl = tls.createSecureContext(${JSON.stringify(identity('server'))});
    const trusted = tls.createSecureContext({ ca: ${JSON.stringify(ca)} });
    const make = (lost) => () => ({ connectionMade(t) { t.write(Buffer.alloc(100)); }, connectionLost() { lost.setResult(); } });
    const one = async (i) => {
      const [a, b] = socketpair();
      const [lost, lostToo] = [loop.createFuture(), loop.createFuture()];
      const accepted = connectAcceptedSocket(loop, make(lost), a, { ssl });
      const [transport] = await createConnection(loop, make(lostToo), { sock: b, ssl: trusted, serverHostname: 'localhost' });
      const [other] = await accepted;
      if (i % 3 === 0) transport.abort(); else if (i % 3 === 1) other.close(); else transport.close();
      await lost;
      await lostToo;
    };
    const many = (count) => loop.runUntilComplete(async () => { for (let i = 0; i < count; i++) await one(i); });
    const settle = async () => {
      for (let i = 0; i < 3; i++) {
        gc();
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    (async () => {
      await many(100);
      await settle();
      const before = inUse();
      await many(300);
      await settle();
      const grown = inUse() - before;
      console.log(liveCount(), grown < 3e5 ? 'flat' : grown);
    })();`;
  const options = { cwd: packages.folder, type: 'commonjs', timeout: 100, nodeOptions: ['--expose-gc'] } as never;
  const { stdout, stderr } = await runProgram(text, options);
  expect({ stdout, stderr }).toEqual({ stdout: '0 flat\n', stderr: '' });
}, 120_000);

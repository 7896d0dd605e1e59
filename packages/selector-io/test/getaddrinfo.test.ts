/** Lookups that take long: what a loop does meanwhile, and what becomes of those that nobody waits for any more. */
import { compilePackages, type ChildOptions, runProgram } from '@tsyncio/test-support';

import { selectors } from '@tsyncio/test-support/loops/selectors';
import { slowResolver } from './support/slow-resolver.js';

const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
const slow = slowResolver();
afterAll(() => {
  packages.remove();
  slow?.remove();
});

type Body = () => Promise<void>;
const testSlow: (title: string, body: Body, timeout?: number) => void =
  slow === null ? (title, body) => test.skip(`${title} (no compiler for a slow resolver here)`, body) : test;

const PRELUDE = `
  const { Worker } = require('node:worker_threads');
  const { readFile } = require('node:fs/promises');
  const { gather, sleep, TaskLoop } = require('@tsyncio/futures-tasks');
  const { SelectorIo, ...all } = require('@tsyncio/selector-io');
  const { getaddrinfo, getnameinfo, Socket, sockConnect } = require('@tsyncio/socket');
  const names = ${JSON.stringify(selectors.map(([name]) => name))};
  const newLoop = (name = names[0]) => new TaskLoop({ backend: new SelectorIo(new all[name]()) });
  const shown = (error) => [error.name, error.code, error.syscall].join(' ');
`;

/** Runs a program in a process whose resolver is slow. @returns Its lines, and what the resolver has seen. */
async function withSlow(body: string, options: Partial<ChildOptions> = {}): Promise<[lines: string[], seen: string[]]> {
  const program = `${PRELUDE} (async () => { ${body} })().catch((error) => { console.log('failed', error); process.exit(99); });`;
  const { stdout, stderr, status, signal } = await runProgram(program, {
    cwd: packages.folder,
    type: 'commonjs',
    timeout: 60,
    env: slow!.env,
    ...options,
  });
  expect({ stderr, status, signal }).toEqual({ stderr: '', status: 0, signal: null });
  return [stdout.trimEnd().split('\n'), slow!.take()];
}

testSlow(
  'DNS-02 NDNS-01 timers fire during a lookup, over every selector, and the process stays alive for it',
  async () => {
    const [lines, seen] = await withSlow(`
    for (const name of names) {
      const loop = newLoop(name);
      await loop.runUntilComplete(async () => {
        const order = [];
        loop.callLater(0.01, () => order.push('timer'));
        await getaddrinfo(loop, 'slow-200', 80);
        console.log([...order, 'answer'].join(' '));
      });
      loop.close();
    }`);
    expect(lines).toEqual(selectors.map(() => 'timer answer'));
    expect(seen).toEqual(selectors.flatMap(() => ['begin slow-200', 'end slow-200', 'free']));
  },
);

testSlow('two lookups at a time, in the order of the calls; files are read meanwhile', async () => {
  const [lines, seen] = await withSlow(`
    const loop = newLoop();
    await loop.runUntilComplete(async () => {
      const order = [];
      const lookups = [150, 151, 152, 153, 154].map((ms) =>
        loop.createTask(async () => { await getaddrinfo(loop, 'slow-' + ms, 80); order.push(ms); }));
      await sleep(0);
      await readFile('/etc/hosts');
      order.push('file');
      await gather(...lookups);
      console.log(order.join(' '));
    });
    loop.close();`);
  expect(lines[0]).toMatch(/^file /);
  const begun = seen.filter((line) => line.startsWith('begin')).map((line) => line.slice(11));
  // Which of two threads is the first is up to the system.
  expect([begun.slice(0, 2).sort(), begun.slice(2, 4).sort(), begun.slice(4)]).toEqual([
    ['150', '151'],
    ['152', '153'],
    ['154'],
  ]);
  let running = 0;
  let most = 0;
  for (const line of seen) {
    running += line.startsWith('begin') ? 1 : line.startsWith('end') ? -1 : 0;
    most = Math.max(most, running);
  }
  expect([running, most, seen.filter((line) => line === 'free').length]).toEqual([0, 2, 5]);
});

testSlow('a cancelled wait ends at once; what has begun is freed when it ends, what waits never begins', async () => {
  const [lines, seen] = await withSlow(`
    const loop = newLoop();
    await loop.runUntilComplete(async () => {
      const tasks = [300, 301, 302, 303].map((ms) => loop.createTask(() => getaddrinfo(loop, 'slow-' + ms, 80)));
      await sleep(0.02);
      const start = loop.time();
      for (const task of tasks.slice(0, 3)) task.cancel();
      await gather(...tasks.slice(0, 3), { returnExceptions: true });
      console.log(tasks.map((task) => task.cancelled()).join(' '), loop.time() - start < 0.1);
      console.log((await tasks[3]).length);
    });
    loop.close();`);
  expect(lines).toEqual(['true true true false true', '3']);
  // Which of two threads is the first is up to the system.
  expect(seen.filter((line) => line.startsWith('begin')).sort()).toEqual([
    'begin slow-300',
    'begin slow-301',
    'begin slow-303',
  ]);
  expect(seen.filter((line) => line === 'free')).toHaveLength(3);
});

testSlow(
  'a loop that was closed hears nothing; what waited for its turn is not looked up, and other loops go on',
  async () => {
    const [lines, seen] = await withSlow(`
    const loop = newLoop();
    let answers = 0;
    await loop.runUntilComplete(async () => {
      for (const ms of [200, 201, 202, 203]) getaddrinfo(loop, 'slow-' + ms, 80).then(() => answers++, () => answers++);
      await sleep(0.01);
    });
    loop.close();
    const other = newLoop();
    console.log((await other.runUntilComplete(() => getaddrinfo(other, 'slow-1', 80))).length, answers);
    other.close();`);
    expect(lines).toEqual(['3 0']);
    const begun = seen.filter((line) => line.startsWith('begin'));
    expect(begun).toEqual(['begin slow-200', 'begin slow-201', 'begin slow-1']);
    expect(seen.filter((line) => line === 'free')).toHaveLength(3);
  },
);

testSlow('what is looked up stays where it is while the garbage is collected', async () => {
  const body = `
    const loop = newLoop();
    await loop.runUntilComplete(async () => {
      const name = (i) => 'slow-' + (100 + i) + '-' + 'x'.repeat(10 * i);
      const all = gather(...[0, 1, 2, 3, 4, 5].map((i) => getaddrinfo(loop, name(i), 80 + i)));
      for (let i = 0; i < 30; i++) {
        globalThis.gc();
        globalThis.filler = Array.from({ length: 2000 }, () => Buffer.alloc(100, 1));
        await sleep(0.005);
      }
      console.log((await all).map((found) => found[0][4].join(':')).join(' '));
    });
    loop.close();`;
  const [lines, seen] = await withSlow(body, { nodeOptions: ['--expose-gc'] });
  expect(lines).toEqual([[80, 81, 82, 83, 84, 85].map((port) => `127.0.0.1:${port}`).join(' ')]);
  const names = (what: string) => seen.filter((line) => line.startsWith(what)).map((line) => line.slice(what.length));
  expect(names('end')).toHaveLength(6);
  expect(names('end').sort()).toEqual(names('begin').sort());
});

testSlow('if the resolver blames the system it is the OSError of errno, which was another thread’s', async () => {
  const [lines] = await withSlow(`
    const loop = newLoop();
    await loop.runUntilComplete(async () => {
      for (let i = 0; i < 3; i++) await getaddrinfo(loop, 'broken', 80).catch((error) => console.log(shown(error), error.errno));
    });
    loop.close();`);
  expect(lines).toEqual(Array(3).fill('OSError EMFILE getaddrinfo -24'));
});

testSlow('sockConnect looks up names, and cancelled meanwhile leaves the socket open', async () => {
  const [lines, seen] = await withSlow(
    `
    const loop = newLoop();
    await loop.runUntilComplete(async () => {
      using listener = new Socket(2, 1); listener.bind(['127.0.0.1', 0]); listener.listen(5);
      const [, port] = listener.getsockname();
      using sock = new Socket(2, 1, 0, { nonblocking: true });
      await sockConnect(loop, sock, ['slow-10', port]);
      console.log(sock.getpeername()[0]);
      using late = new Socket(2, 1, 0, { nonblocking: true });
      const task = loop.createTask(() => sockConnect(loop, late, ['slow-100', port]));
      await sleep(0.01);
      task.cancel();
      console.log(await task.catch((error) => error.name), late.fileno() >= 0);
    });
    loop.close();`.replace(/using /g, 'const '),
  );
  expect(lines).toEqual(['127.0.0.1', 'CancelledError true']);
  expect(seen.filter((line) => line.startsWith('begin'))).toEqual(['begin slow-10', 'begin slow-100']);
});

/** Each has two lookups in progress and one that waits. */
const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const { TaskLoop } = require('@tsyncio/futures-tasks');
  const { [workerData.selector]: Selector, SelectorIo } = require('@tsyncio/selector-io');
  const { getaddrinfo } = require('@tsyncio/socket');
  // Without a backend nothing but the lookup has loaded koffi.
  const loop = workerData.selector === null ? new TaskLoop() : new TaskLoop({ backend: new SelectorIo(new Selector()) });
  globalThis.loop = loop;
  void loop.runUntilComplete(async () => {
    for (const ms of [100, 101, 102]) getaddrinfo(loop, 'slow-' + ms, 80).then(() => undefined, () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (workerData.way === 'exit') process.exit(7);
    if (workerData.way === 'throw') setImmediate(() => { throw new Error('on purpose'); });
    if (workerData.way === 'terminate') parentPort.postMessage('now');
    if (workerData.way !== 'end') await new Promise(() => undefined);
  }).then(() => loop.close());
`;

testSlow(
  'a worker may end in any way during a lookup: the process goes on, and the end waits for the resolver only',
  async () => {
    const [lines] = await withSlow(`
      const source = ${JSON.stringify(WORKER)};
      const ends = new Set();
      let longest = 0;
      const run = (selector, way) => new Promise((resolve) => {
        let start = 0;
        const worker = new Worker(source, { eval: true, workerData: { selector, way } });
        worker.on('message', () => { start = performance.now(); worker.terminate(); });
        worker.on('error', (error) => { if (error.message !== 'on purpose') console.log(error); });
        worker.on('exit', (code) => {
          if (start > 0) longest = Math.max(longest, performance.now() - start);
          ends.add(way + ' ' + code);
          resolve();
        });
      });
      let count = 0;
      for (const selector of [null, ...names]) {
        for (const way of ['end', 'exit', 'throw', 'terminate']) { await run(selector, way); count++; }
        await Promise.all(['end', 'exit', 'throw', 'terminate'].map((way) => (count++, run(selector, way))));
      }
      console.log([...ends].join(', '), count);
      console.log(longest < 3000 || longest);
      const loop = newLoop();
      console.log((await loop.runUntilComplete(() => getaddrinfo(loop, 'slow-1', 80))).length);
      loop.close();`);
    expect(lines).toEqual([expect.stringMatching(/^end 0, exit 7, throw 1, terminate 1 32$/), 'true', '3']);
  },
  60_000,
);

testSlow('a process may end during a lookup', async () => {
  for (const [way, code] of [
    ['process.exit(7)', 7],
    ['setImmediate(() => { throw 1; })', 1],
    ['process.kill(process.pid, "SIGTERM")', null],
  ] as const) {
    const program = `${PRELUDE}
      const loop = newLoop();
      void loop.runUntilComplete(async () => { getaddrinfo(loop, 'slow-200', 80); await sleep(0.03); ${way}; await sleep(9); });`;
    const { status, signal } = await runProgram(program, { cwd: packages.folder, type: 'commonjs', env: slow!.env });
    expect([way, status, signal]).toEqual([way, code, code === null ? 'SIGTERM' : null]);
  }
  slow!.take();
});

import { compilePackages, runProgram, type ChildResult } from '@tsyncio/test-support';

const packages = compilePackages('core', 'futures-tasks', 'executors');
afterAll(() => packages.remove());

const run = (program: string, type: 'module' | 'commonjs' = 'module'): Promise<ChildResult> =>
  runProgram(program, { cwd: packages.folder, type, timeout: 30 });
const prints = (...lines: string[]): Partial<ChildResult> => ({
  stdout: lines.map((line) => `${line}\n`).join(''),
  stderr: '',
  status: 0,
  signal: null,
});
const POOLS = ['ThreadPoolExecutor', 'ProcessPoolExecutor'] as const;

test.each(POOLS)(
  '%s: idle workers do not hold the process, and end with it',
  async (name) => {
    const { stdout, ...rest } = await run(`
    import { ${name} } from '@tsyncio/executors';
    const pool = new ${name}(2);
    const work = () => Promise.all([1, 2].map((n) => pool.submit((n) => [n, process.pid], n).promise()));
    await work();
    // A second round, after a pause in which the pool was idle.
    setTimeout(async () => console.log(JSON.stringify(await work())), 20);`);
    expect(rest).toEqual({ stderr: '', status: 0, signal: null });
    const pids = (JSON.parse(stdout) as [number, number][]).map(([, pid]) => pid);
    const deadline = Date.now() + 5000;
    while (pids.some(alive) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(pids.filter(alive)).toEqual([]);
  },
  40_000,
);

test.each(POOLS)(
  '%s: running and queued work holds the process',
  async (name) => {
    const result = await run(`
    import { ${name} } from '@tsyncio/executors';
    const pool = new ${name}(1);
    const nap = async (n) => { await new Promise((resolve) => setTimeout(resolve, 60)); return n; };
    for (const n of [1, 2, 3]) pool.submit(nap, n).addDoneCallback((future) => console.log(future.result()));`);
    expect(result).toEqual(prints('1', '2', '3'));
  },
  40_000,
);

test.each(POOLS)(
  '%s: what a callback of a future throws is uncaught, and no matter of the pool',
  async (name) => {
    const result = await run(
      `
    const { ${name} } = require('@tsyncio/executors');
    const pool = new ${name}(1);
    process.on('uncaughtException', (error) => {
      console.log(error.message);
      pool.submit(() => 2).addDoneCallback((future) => console.log(future.result()));
    });
    pool.submit(() => 1).addDoneCallback(() => { throw new Error('mine'); });`,
      'commonjs',
    );
    expect(result).toEqual(prints('mine', '2'));
  },
  40_000,
);

test('what is thrown outside of the function ends a process, and is printed by it', async () => {
  const { stdout, stderr, status } = await run(`
    import { ProcessPoolExecutor } from '@tsyncio/executors';
    const pool = new ProcessPoolExecutor(1);
    const work = () => { setTimeout(() => { throw new Error('outside'); }, 1); return new Promise(() => {}); };
    const error = await pool.submit(work).promise().catch((e) => e);
    console.log(error.name, error.message);`);
  expect([stdout, status]).toEqual([
    'BrokenExecutor a worker of the executor ended while it worked with exit code 1\n',
    0,
  ]);
  expect(stderr).toContain('Error: outside');
}, 40_000);

test.each([
  ['exits', 'process.exit(0)'],
  ['is killed', "process.kill(process.pid, 'SIGKILL')"],
])(
  'a program that %s takes its worker processes along',
  async (_, end) => {
    const { stdout } = await run(`
    import { ProcessPoolExecutor } from '@tsyncio/executors';
    const pool = new ProcessPoolExecutor(2);
    const pids = await Promise.all([1, 2].map(() => pool.submit(() => process.pid).promise()));
    process.stdout.write(JSON.stringify(pids), () => { ${end}; });`);
    const pids = JSON.parse(stdout) as number[];
    const deadline = Date.now() + 5000;
    while (pids.some(alive) && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(pids.filter(alive)).toEqual([]);
  },
  40_000,
);

test('threads carry the names of their pool, where Node tells them', async () => {
  const { stdout } = await run(`
    import { ThreadPoolExecutor } from '@tsyncio/executors';
    const name = () => process.getBuiltinModule('worker_threads').threadName ?? 'unknown';
    const pool = new ThreadPoolExecutor({ maxWorkers: 1, threadNamePrefix: 'mine' });
    console.log(await pool.submit(name).promise(), await new ThreadPoolExecutor(1).submit(name).promise());`);
  expect(['unknown unknown\n', 'mine_0 ThreadPoolExecutor-0_0\n']).toContain(stdout);
}, 40_000);

test('processes that cannot be started', async () => {
  const result = await run(`
    import { ProcessPoolExecutor } from '@tsyncio/executors';
    process.execPath = '/no/where';
    const pool = new ProcessPoolExecutor(2);
    for (const future of [pool.submit(() => 1), pool.submit(() => 2), pool.submit(() => 3)]) {
      const error = await future.promise().catch((error) => error);
      console.log(error.name, error.message, error.cause.code);
    }
    await pool.shutdown();`);
  const line = 'BrokenExecutor a worker of the executor could not be started: spawn /no/where ENOENT ENOENT';
  expect(result).toEqual(prints(line, line, line));
}, 40_000);

test('options of Node for the processes', async () => {
  const result = await run(`
    import { ProcessPoolExecutor } from '@tsyncio/executors';
    const pool = new ProcessPoolExecutor({ maxWorkers: 1, execArgv: ['--title=mine'] });
    console.log(await pool.submit(() => process.execArgv.join()).promise());`);
  expect(result).toEqual(prints('--title=mine'));
}, 40_000);

test('a worker thread may end in any way, again and again, with a pool of its own that works', async () => {
  const worker = `
    const { workerData, parentPort } = require('node:worker_threads');
    const { ThreadPoolExecutor } = require('@tsyncio/executors');
    const pool = new ThreadPoolExecutor(1);
    const busy = pool.submit(() => new Promise(() => setTimeout(() => {}, 1e9)));
    new ThreadPoolExecutor(1).submit(() => 1).promise().then(() => {
      if (workerData === 'exit') process.exit(7);
      if (workerData === 'throw') throw new Error('on purpose');
      if (workerData === 'terminate') parentPort.postMessage('ready');
    });`;
  const result = await run(
    `
    const { Worker } = require('node:worker_threads');
    const source = ${JSON.stringify(worker)};
    const once = (way) => new Promise((resolve) => {
      const worker = new Worker(source, { eval: true, workerData: way });
      worker.on('message', () => worker.terminate());
      worker.on('error', (error) => { if (error.message !== 'on purpose') console.log(error); });
      worker.on('exit', (code) => resolve(way + ' ' + code));
    });
    (async () => {
      const ends = [];
      for (let round = 0; round < 7; round++) ends.push(...await Promise.all(['exit', 'throw', 'terminate'].map(once)));
      console.log([...new Set(ends)].join(), ends.length);
    })();`,
    'commonjs',
  );
  expect(result).toEqual(prints('exit 7,throw 1,terminate 1 21'));
}, 60_000);

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

import { MessageChannel } from 'node:worker_threads';
import { ProcessPoolExecutor, ThreadPoolExecutor, transfer } from '@tsyncio/executors';
import { compilePackages, leakAudit, runProgram } from '@tsyncio/test-support';
import { errorOf } from './support/errors.js';

// They start threads and processes, on machines that may be busy.
jest.setTimeout(60_000);

leakAudit();

test('memory given with transfer moves to a thread, and is empty here', async () => {
  await using pool = new ThreadPoolExecutor(1);
  const bytes = new Uint8Array(1000).fill(1);
  const sum = pool.submit((data: Uint8Array) => data.reduce((a, b) => a + b, 0), transfer(bytes, [bytes.buffer]));
  expect(bytes.byteLength).toBe(0);
  expect(await sum.promise()).toBe(1000);
  const kept = new Uint8Array(1000).fill(1);
  expect(await pool.submit((data: Uint8Array) => data.length, kept).promise()).toBe(1000);
  expect(kept.byteLength).toBe(1000);
});

test('views of one memory, and of shared memory, arrive as such', async () => {
  await using pool = new ThreadPoolExecutor(1);
  const memory = new ArrayBuffer(8);
  const shared = new Int32Array(new SharedArrayBuffer(4));
  const [low, high] = [new Uint8Array(memory, 0, 4).fill(1), new Uint8Array(memory, 4).fill(2)];
  const answer = pool.submit(
    (one: Uint8Array, two: Uint8Array, counter: Int32Array, view: DataView) => {
      Atomics.add(counter, 0, 5);
      return [one.buffer === two.buffer && view.buffer === one.buffer, one[0], two[0], view.getUint8(7)];
    },
    low,
    high,
    shared,
    new DataView(memory),
  );
  expect([await answer.promise(), shared[0], memory.byteLength]).toEqual([[true, 1, 2, 2], 5, 8]);
});

test('a port moves to a thread, and works there', async () => {
  await using pool = new ThreadPoolExecutor(1);
  const { port1, port2 } = new MessageChannel();
  const answer = new Promise((resolve) => port1.once('message', resolve));
  await pool
    .submit(
      (port: typeof port2) => {
        port.postMessage('from the worker');
        port.close();
      },
      transfer(port2, [port2]),
    )
    .promise();
  expect(await answer).toBe('from the worker');
  port1.close();
});

test('memory that moved is refused the second time, what is no object or list at once', async () => {
  await using pool = new ThreadPoolExecutor(1);
  const bytes = new Uint8Array(10);
  const give = (): unknown => pool.submit((data: Uint8Array) => data.length, transfer(bytes, [bytes.buffer]));
  give();
  expect((await errorOf(give)).name).toBe('DataCloneError');
  expect(() => transfer(5 as never, [])).toThrow('transfer: value must be an object');
  expect(() => transfer({}, 5 as never)).toThrow('transfer: list must be an array');
});

test('to a process memory is copied', async () => {
  await using pool = new ProcessPoolExecutor(1);
  const bytes = new Uint8Array(10).fill(2);
  const sum = pool.submit((data: Uint8Array) => data.reduce((a, b) => a + b, 0), transfer(bytes, [bytes.buffer]));
  expect([await sum.promise(), bytes.byteLength]).toEqual([20, 10]);
});

test('results move when the function says so: the name is known in the worker, and shared with modules', async () => {
  const packages = compilePackages('core', 'futures-tasks', 'executors');
  const program = `
    import { ProcessPoolExecutor, ThreadPoolExecutor, transfer, workerFunction } from '@tsyncio/executors';
    const source = "import { transfer } from '@tsyncio/executors'; export const make = (n) => { const b = new Uint8Array(n); globalThis.left = b; return transfer(b, [b.buffer]); }; export const left = () => globalThis.left.byteLength;";
    const { writeFileSync } = await import('node:fs');
    writeFileSync('make.mjs', source);
    const url = new URL('make.mjs', 'file://' + process.cwd() + '/');
    for (const Pool of [ThreadPoolExecutor, ProcessPoolExecutor]) {
      const pool = new Pool(1);
      const made = await pool.submit((n) => { const b = new Uint8Array(n); globalThis.left = b; return transfer(b, [b.buffer]); }, 100).promise();
      const left = await pool.submit(() => globalThis.left.byteLength).promise();
      const other = await pool.submit(workerFunction(url, 'make'), 50).promise();
      console.log(made.length, left, other.length, await pool.submit(workerFunction(url, 'left')).promise());
      const bad = await pool.submit(() => { const b = {}; return transfer(b, [b]); }).promise().catch((e) => e);
      console.log(bad.name, /^the result cannot come back: Found invalid .* in transferList/.test(bad.message));
      await pool.shutdown();
    }`;
  const { stdout, stderr, status } = await runProgram(program, { cwd: packages.folder });
  packages.remove();
  expect({ stdout, stderr, status }).toEqual({
    stdout: ['100 0 50 0', 'DataCloneError true', '100 100 50 50', 'undefined false', ''].join('\n'),
    stderr: '',
    status: 0,
  });
}, 30_000);

import { AsyncLocalStorage } from 'node:async_hooks';
import { availableParallelism } from 'node:os';
import { ConcurrentFuture, ContextVar, RuntimeError, type Executor, type NoIo } from '@tsyncio/core';
import { Future, gather, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import {
  ProcessPoolExecutor,
  runInExecutor,
  setDefaultExecutor,
  shutdownDefaultExecutor,
  ThreadPoolExecutor,
  toThread,
  workerFunction,
} from '@tsyncio/executors';
import { compilePackages, leakAudit, quiet, recordExceptions } from '@tsyncio/test-support';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { errorOf } from './support/errors.js';
import { Gate, wait } from './support/gate.js';
import { eachPool, work } from './support/pools.js';

// They start threads and processes, on machines that may be busy.
jest.setTimeout(60_000);

let loop: TaskLoop;
beforeEach(() => {
  loop = new TaskLoop();
});
// Before the audit: the loop's own default executor has ended then.
afterEach(async () => {
  if (loop.isClosed()) return;
  await loop.runUntilComplete(() => shutdownDefaultExecutor(loop));
  loop.close();
});

const audit = leakAudit();

/** An executor of another make: it does the work itself, when it is told to. */
class Desk implements Executor {
  readonly log: string[] = [];
  readonly waiting: (() => void)[] = [];

  submit<A extends unknown[], R>(fn: (...args: A) => R | PromiseLike<R>, ...args: A): ConcurrentFuture<R> {
    this.log.push(`submit ${args.join()}`);
    const future = new ConcurrentFuture<R>();
    this.waiting.push(() => {
      if (!future.setRunningOrNotifyCancel()) return;
      try {
        future.setResult(fn(...args) as R);
      } catch (error) {
        future.setException(error);
      }
    });
    return future;
  }

  async shutdown({ wait: waits = true } = {}): Promise<void> {
    this.log.push(`shutdown ${waits}`);
  }

  serve(): void {
    for (const one of this.waiting.splice(0)) one();
  }
}

test('EXEC-01 it submits at once, and gives a future of the loop', async () => {
  const desk = new Desk();
  const future = runInExecutor(loop, desk, (a: number, b: string) => `${b}${a}`, 1, 'x');
  expect([future instanceof Future, future.getLoop() === loop, future.done(), desk.log]).toEqual([
    true,
    true,
    false,
    ['submit 1,x'],
  ]);
  desk.serve();
  expect(await loop.runUntilComplete(future)).toBe('x1');
});

test.each(eachPool)('EXEC-01 EXEC-17 a pool of %s gives the result', async (_, makePool) => {
  const pool = makePool(1);
  const add = workerFunction<(a: number, b: number) => number>(work, 'add');
  const both = (): Future<number[]> =>
    gather(
      runInExecutor(loop, pool, (n: number) => n + 1, 1),
      runInExecutor(loop, pool, add, 3, 4),
      { loop },
    );
  expect(await loop.runUntilComplete(both())).toEqual([2, 7]);
  await pool.shutdown();
});

test('EXEC-02 EXEC-07 the loop serves timers meanwhile; the end wakes it, and is delivered in an iteration of its own', async () => {
  const gate = new Gate();
  const trace: string[] = [];
  const future = runInExecutor(loop, null, wait, gate.shared, 'result');
  future.addDoneCallback(() => trace.push('done'));
  await loop.runUntilComplete(async () => {
    await gate.begun();
    for (let i = 0; i < 3; i++) await sleep(0.001);
    trace.push('three timers');
    gate.open();
    // Nothing else is due in this loop: only the pool can wake it.
    trace.push(await future);
  });
  expect(trace).toEqual(['three timers', 'done', 'result']);
  const desk = new Desk();
  const later = runInExecutor(loop, desk, () => 1);
  desk.serve();
  expect(later.done()).toBe(false);
  expect(await loop.runUntilComplete(later)).toBe(1);
});

test('EXEC-03 the error of the function is raised from the future', async () => {
  const future = runInExecutor(loop, null, workerFunction<(text: string) => never>(work, 'fail'), 'mine');
  const error = await errorOf(loop.runUntilComplete(future));
  expect(error).toBeInstanceOf(RangeError);
  expect(error).toMatchObject({ message: 'mine', code: 'E_MINE' });
  const desk = new Desk();
  const own = new Error('the very one');
  const failing = runInExecutor(loop, desk, () => {
    throw own;
  });
  desk.serve();
  expect(await errorOf(loop.runUntilComplete(failing))).toBe(own);
});

test('EXEC-04 null is a pool of threads of its own, made at the first use and used again', async () => {
  const submit = jest.spyOn(ThreadPoolExecutor.prototype, 'submit');
  try {
    const pid = (): number => process.pid;
    const answers = await loop.runUntilComplete(() =>
      gather(runInExecutor(loop, null, pid), runInExecutor(loop, null, pid)),
    );
    expect(answers).toEqual([process.pid, process.pid]);
    const pools = new Set(submit.mock.contexts);
    expect(pools.size).toBe(1);
    const [pool] = pools;
    expect(String(pool)).toContain(`workers=${Math.min(32, availableParallelism() + 4)}`);
  } finally {
    submit.mockRestore();
  }
});

test('EXEC-05 EXEC-12 an executor of any make: given, or as the default, which replaces the one before', async () => {
  const [first, second] = [new Desk(), new Desk()];
  setDefaultExecutor(loop, first);
  void runInExecutor(loop, null, () => 1);
  setDefaultExecutor(loop, second);
  const future = runInExecutor(loop, null, (n: number) => n, 2);
  expect([first.log, second.log]).toEqual([['submit '], ['submit 2']]);
  first.serve();
  second.serve();
  expect(await loop.runUntilComplete(future)).toBe(2);
  await loop.runUntilComplete(() => shutdownDefaultExecutor(loop));
  expect([first.log, second.log]).toEqual([['submit '], ['submit 2', 'shutdown true']]);
});

test('EXEC-06 an executor that is shut down: RuntimeError at the call', async () => {
  const pool = new ThreadPoolExecutor(1);
  await pool.shutdown();
  expect(() => runInExecutor(loop, pool, () => 1)).toThrow('cannot schedule new futures after shutdown');
});

test('EXEC-08 cancelled before it began, the work is not done', async () => {
  const pool = new ThreadPoolExecutor(1);
  const gate = new Gate();
  const [first, second] = [
    runInExecutor(loop, pool, wait, gate.shared, 1),
    runInExecutor(loop, pool, wait, gate.shared, 2),
  ];
  await loop.runUntilComplete(async () => {
    await gate.begun();
    second.cancel();
    await sleep(0);
    gate.open();
    expect(await first).toBe(1);
  });
  await pool.shutdown();
  expect([second.cancelled(), Atomics.load(gate.shared, 1)]).toEqual([true, 1]);
});

test('EXEC-09 cancelled while it runs, the future is cancelled at once, and the work goes on to its end', async () => {
  const pool = new ThreadPoolExecutor(1);
  const gate = new Gate();
  const contexts = recordExceptions(loop);
  const after = new Int32Array(new SharedArrayBuffer(4));
  const running = runInExecutor(
    loop,
    pool,
    (shared: Int32Array, end: Int32Array) => {
      Atomics.add(shared, 1, 1);
      Atomics.wait(shared, 0, 0);
      Atomics.store(end, 0, 1);
      throw new Error('dropped');
    },
    gate.shared,
    after,
  );
  await loop.runUntilComplete(async () => {
    await gate.begun();
    running.cancel();
    expect(running.cancelled()).toBe(true);
    await sleep(0);
    gate.open();
    await pool.shutdown();
  });
  expect([after[0], contexts]).toEqual([1, []]);
});

test.each([[true], [false]])(
  'EXEC-10 EXEC-11 the loop is closed while the work runs (future cancelled: %p): its end is silent',
  async (cancelled) => {
    const pool = new ThreadPoolExecutor(1);
    const gate = new Gate();
    const future = runInExecutor(loop, pool, wait, gate.shared, 'late');
    const contexts = recordExceptions(loop);
    await loop.runUntilComplete(async () => {
      await gate.begun();
      if (cancelled) future.cancel();
      await sleep(0);
    });
    loop.close();
    gate.open();
    await pool.shutdown();
    await quiet();
    expect([contexts, audit.takeRecords(), future.done()]).toEqual([[], [], cancelled]);
  },
);

test('EXEC-12 EXEC-13 setDefaultExecutor takes any executor without a warning, null for a new pool; others are a TypeError', async () => {
  const warnings: unknown[] = [];
  const emit = jest.spyOn(process, 'emitWarning').mockImplementation((warning) => void warnings.push(warning));
  const pool = new ProcessPoolExecutor(1);
  setDefaultExecutor(loop, pool);
  expect(await loop.runUntilComplete(runInExecutor(loop, null, () => process.pid))).not.toBe(process.pid);
  setDefaultExecutor(loop, null);
  expect(await loop.runUntilComplete(runInExecutor(loop, null, () => process.pid))).toBe(process.pid);
  for (const wrong of [undefined, 5, {}, { submit: () => undefined }, () => undefined]) {
    expect(() => setDefaultExecutor(loop, wrong as never)).toThrow(TypeError);
  }
  emit.mockRestore();
  expect(warnings).toEqual([]);
  expect(await pool.submit(() => 'not shut down').promise()).toBe('not shut down');
  await pool.shutdown();
});

test('EXEC-14 an async function is called, and its promise waited for; a generator function is refused', async () => {
  const future = runInExecutor(loop, null, async (n: number) => n + 1, 1);
  expect(await loop.runUntilComplete(future)).toBe(2);
  const wrong = function* (): Generator {
    yield 1;
  };
  expect(() => runInExecutor(loop, null, wrong as never)).toThrow(/a generator cannot come back/);
});

test('EXEC-15 context variables and async contexts stay here', async () => {
  const variable = new ContextVar('v', { default: 'default' });
  const storage = new AsyncLocalStorage<string>();
  variable.set('here');
  // What a worker sees of this context is nothing; what comes after the wait is in it again.
  await loop.runUntilComplete(() =>
    storage.run('inside', async () => {
      const there = await runInExecutor(loop, null, () => Object.keys(globalThis).filter((key) => key === 'v'));
      expect([there, storage.getStore(), variable.get()]).toEqual([[], 'inside', 'here']);
    }),
  );
});

test.each(['CancelledError', 'TimeoutError', 'InvalidStateError'])(
  'EXEC-16 work that fails with a %s: the future fails with ours, and is not cancelled',
  async (name) => {
    const future = runInExecutor(
      loop,
      null,
      (text: string) => {
        throw Object.assign(new Error('as it was'), { name: text });
      },
      name,
    );
    const error = await errorOf(loop.runUntilComplete(future));
    expect([error.name, error.message, future.cancelled(), Object.getPrototypeOf(error) === Error.prototype]).toEqual([
      name,
      'as it was',
      false,
      false,
    ]);
  },
);

test('LOOP-CLOSE-07 close shuts the default executor down without waiting', async () => {
  const gate = new Gate();
  const pool = new ThreadPoolExecutor(1);
  setDefaultExecutor(loop, pool);
  const future = runInExecutor(loop, null, wait, gate.shared, 1);
  await gate.begun();
  loop.close();
  expect([loop.isClosed(), future.done()]).toEqual([true, false]);
  expect(() => pool.submit(() => 1)).toThrow(RuntimeError);
  gate.open();
  await pool.shutdown();
});

test('LOOP-CLOSE-04 DEBUG-03 on a closed loop it is a RuntimeError, of what is no function a TypeError: at the call', () => {
  for (const wrong of [undefined, null, 5, 'f', {}]) {
    expect(() => runInExecutor(loop, null, wrong as never)).toThrow(/^runInExecutor: func must be a function/);
  }
  for (const wrong of [undefined, 5, {}, 'pool']) {
    expect(() => runInExecutor(loop, wrong as never, () => 1)).toThrow(TypeError);
  }
  loop.close();
  expect(() => runInExecutor(loop, null, () => 1)).toThrow('Event loop is closed');
  expect(() => setDefaultExecutor(loop, null)).toThrow('Event loop is closed');
});

test('shutdownDefaultExecutor waits for what runs; afterwards null is a RuntimeError, a given executor is not', async () => {
  const gate = new Gate();
  const future = runInExecutor(loop, null, wait, gate.shared, 'done');
  const trace: string[] = [];
  await loop.runUntilComplete(async () => {
    await gate.begun();
    const ended = shutdownDefaultExecutor(loop);
    expect(() => runInExecutor(loop, null, () => 1)).toThrow('Executor shutdown has been called');
    loop.callLater(0.005, () => {
      trace.push('open');
      gate.open();
    });
    await ended;
    trace.push('ended');
    expect(await future).toBe('done');
    const desk = new Desk();
    const own = runInExecutor(loop, desk, () => 1);
    desk.serve();
    expect(await own).toBe(1);
  });
  expect(trace).toEqual(['open', 'ended']);
});

test('shutdownDefaultExecutor with a timeout gives up with a warning; without an executor it is done at once', async () => {
  await loop.runUntilComplete(() => shutdownDefaultExecutor(loop));
  const other = new TaskLoop();
  const warnings: unknown[] = [];
  const emit = jest.spyOn(process, 'emitWarning').mockImplementation((...args) => void warnings.push(args));
  const gate = new Gate();
  const pool = new ThreadPoolExecutor(1);
  setDefaultExecutor(other, pool);
  void runInExecutor(other, null, wait, gate.shared, 1);
  await gate.begun();
  await other.runUntilComplete(() => shutdownDefaultExecutor(other, 0.01));
  emit.mockRestore();
  expect(warnings).toEqual([['The default executor has not ended within 0.01 seconds', 'RuntimeWarning']]);
  gate.open();
  await pool.shutdown();
  for (const wrong of ['1', NaN, {}]) {
    expect(await errorOf(other.runUntilComplete(() => shutdownDefaultExecutor(other, wrong as never)))).toBeInstanceOf(
      TypeError,
    );
  }
  other.close();
  expect(await errorOf(shutdownDefaultExecutor(other))).toBeInstanceOf(RuntimeError);
});

test('toThread uses the running loop, and its method where there is one', async () => {
  expect(await loop.runUntilComplete(() => toThread((a: number, b: number) => a * b, 6, 7))).toBe(42);
  expect((await errorOf(toThread(() => 1))).message).toBe('no running event loop');
  class Own extends TaskLoop<NoIo> {
    readonly calls: unknown[] = [];
    runInExecutor(...args: unknown[]): Future<unknown> {
      this.calls.push(args.slice(2));
      const future = this.createFuture();
      future.setResult('own');
      return future;
    }
  }
  const own = new Own();
  expect(await own.runUntilComplete(() => toThread((n: number) => n, 1))).toBe('own');
  expect(own.calls).toEqual([[1]]);
  own.close();
});

test('toThread cancelled before the work began calls it off', async () => {
  const gate = new Gate();
  const pool = new ThreadPoolExecutor(1);
  setDefaultExecutor(loop, pool);
  await loop.runUntilComplete(async () => {
    const first = runInExecutor(loop, null, wait, gate.shared, 1);
    await gate.begun();
    const task = loop.createTask(() => toThread(wait, gate.shared, 2));
    await sleep(0);
    task.cancel();
    expect((await errorOf(task)).name).toBe('CancelledError');
    await sleep(0);
    gate.open();
    expect(await first).toBe(1);
  });
  await loop.runUntilComplete(() => shutdownDefaultExecutor(loop));
  expect(Atomics.load(gate.shared, 1)).toBe(1);
});

describe('loops of the workers', () => {
  const packages = compilePackages('core', 'futures-tasks');
  afterAll(() => packages.remove());
  const file = path.join(packages.folder, 'own-loop.mjs');
  writeFileSync(
    file,
    `import { getRunningLoop } from '@tsyncio/core';
     import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
     export function running() { return String(getRunningLoop()); }
     export async function ownLoop(n) {
       const loop = new TaskLoop();
       try {
         return await loop.runUntilComplete(async () => { await sleep(0.001); return n + 1; });
       } finally { loop.close(); }
     }`,
  );

  test.each(eachPool)(
    'RUNLOOP-03 EXEC-17 a worker of a pool of %s has no running loop, and can run its own',
    async (_, makePool) => {
      const pool = makePool(1);
      const running = workerFunction<() => string>(pathToFileURL(file), 'running');
      const ownLoop = workerFunction<(n: number) => Promise<number>>(pathToFileURL(file), 'ownLoop');
      await loop.runUntilComplete(async () => {
        const error = await errorOf(runInExecutor(loop, pool, running));
        expect([error.name, error.message]).toEqual(['RuntimeError', 'no running event loop']);
        expect(await runInExecutor(loop, pool, ownLoop, 4)).toBe(5);
      });
      await pool.shutdown();
    },
  );
});

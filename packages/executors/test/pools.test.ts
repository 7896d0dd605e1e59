import { OSError } from '@tsyncio/core';
import { BrokenExecutor, workerFunction, type PoolExecutor } from '@tsyncio/executors';
import { leakAudit } from '@tsyncio/test-support';
import { errorOf } from './support/errors.js';
import { eachPool, work } from './support/pools.js';

// They start threads and processes, on machines that may be busy.
jest.setTimeout(60_000);

leakAudit();

type Add = (a: number, b: number) => number;
declare const outside: number;

describe.each(eachPool)('a pool of %s', (kind, makePool) => {
  let pool: PoolExecutor;
  beforeEach(() => {
    pool = makePool(2);
  });
  afterEach(() => pool.shutdown());

  test('calls functions, and waits for the promises that they return', async () => {
    const futures = [
      pool.submit((a: number, b: number) => a + b, 1, 2),
      pool.submit(async (text: string) => text.toUpperCase(), 'text'),
      pool.submit(function named(n: number) {
        return n * 2;
      }, 4),
      pool.submit((value) => value, undefined),
      pool.submit(async (_) => _, null),
    ];
    expect(await Promise.all(futures.map((future) => future.promise()))).toEqual([3, 'TEXT', 8, undefined, null]);
  });

  test('EXEC-17 the work is done elsewhere', async () => {
    const [here, there] = [process.pid, await pool.submit(() => process.pid).promise()];
    expect(there === here).toBe(kind === 'threads');
    const { isMainThread, pid } = await pool
      .submit(workerFunction<() => { isMainThread: boolean; pid: number }>(work, 'where'))
      .promise();
    expect([isMainThread, pid === here]).toEqual([kind === 'processes', kind === 'threads']);
  });

  test('exports of modules: by name, the default, with their module loaded once in each worker', async () => {
    const one = makePool(1);
    const add = workerFunction<Add>(work, 'add');
    const count = workerFunction<() => number>(work, 'count');
    expect(await one.submit(add, 2, 3).promise()).toBe(5);
    expect(await one.submit(workerFunction<(n: number) => number>(work), 4).promise()).toBe(8);
    expect([await one.submit(count).promise(), await one.submit(count).promise()]).toEqual([1, 2]);
    expect(await one.submit(workerFunction<(path: string) => string>('node:path', 'basename'), '/a/b').promise()).toBe(
      'b',
    );
    for (const [name, text] of [
      ['missing', "exports no function 'missing'"],
      ['notAFunction', "exports no function 'notAFunction'"],
    ] as const) {
      expect((await errorOf(one.submit(workerFunction(work, name)).promise())).message).toContain(text);
    }
    const nowhere = await errorOf(one.submit(workerFunction(new URL('./nowhere.mjs', work))).promise());
    expect(nowhere.code).toBe('ERR_MODULE_NOT_FOUND');
    await one.shutdown();
  });

  test('EXEC-03 an error arrives with class, message, stack, cause and fields', async () => {
    const error = await errorOf(pool.submit(workerFunction<(text: string) => never>(work, 'fail'), 'mine').promise());
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ name: 'RangeError', message: 'mine', code: 'E_MINE', cause: { message: 'below' } });
    expect(error.stack).toContain('work.mjs');
    expect(error.cause).toBeInstanceOf(TypeError);
    const missing = await errorOf(
      pool.submit(() => void process.getBuiltinModule('fs').readFileSync('/no/where')).promise(),
    );
    expect(missing).toMatchObject({ code: 'ENOENT', syscall: 'open', path: '/no/where' });
    const ours = await errorOf(
      pool
        .submit(() => {
          throw Object.assign(new Error('no'), { name: 'OSError', code: 'EIO' });
        })
        .promise(),
    );
    expect(ours).toBeInstanceOf(OSError);
    for (const thrown of [null, undefined, 'text', 5]) {
      const caught = pool.submit((value) => {
        throw value;
      }, thrown);
      await expect(caught.promise()).rejects.toBe(thrown);
    }
  });

  test('a variable of the place where a function was written is missing in the worker: the error says what to do', async () => {
    const error = await errorOf(pool.submit(() => outside + 1).promise());
    expect(error).toBeInstanceOf(ReferenceError);
    expect(error.message).toMatch(/^outside is not defined \(.*pass them as arguments.*workerFunction/);
  });

  test('arguments and results are clones', async () => {
    const values = [{ a: [1, { b: 2 }] }, new Map([['k', new Set([1])]]), new Date(5), 5n, -0, NaN, /x/g, []];
    const answer = await pool.submit((...args: unknown[]) => args, ...values).promise();
    expect(answer).toEqual(values);
    const bytes = await pool
      .submit((data: Uint8Array) => data.map((byte) => byte + 1), new Uint8Array([1, 2]))
      .promise();
    expect([...bytes]).toEqual([2, 3]);
    const circle: { self?: unknown } = {};
    circle.self = circle;
    const back = await pool.submit((value: { self?: unknown }) => value, circle).promise();
    expect(back.self).toBe(back);
  });

  test('arguments are taken as they are at the call, however long they wait', async () => {
    const one = makePool(1);
    const list = [1];
    const first = one.submit((value: number[]) => value, list);
    const second = one.submit((value: number[]) => value, list);
    list.push(2);
    expect([await first.promise(), await second.promise()]).toEqual([[1], [1]]);
    await one.shutdown();
  });

  test('what cannot cross is a DataCloneError: an argument at the call, a result from the future; the pool goes on', async () => {
    const one = makePool(1);
    const atCall = await errorOf(() =>
      one.submit(
        (value: unknown) => value,
        () => 1,
      ),
    );
    expect([atCall.name, atCall.message]).toEqual([
      'DataCloneError',
      expect.stringMatching(/^submit: an argument cannot cross to a worker: .*could not be cloned/),
    ]);
    for (const fn of [() => () => 1, async () => ({ deep: [Symbol('s')] })] as (() => unknown)[]) {
      const error = await errorOf(one.submit(fn).promise());
      expect([error.name, error.message]).toEqual([
        'DataCloneError',
        expect.stringMatching(/^the result cannot come back: .*could not be cloned/),
      ]);
    }
    expect(await one.submit(() => 'goes on').promise()).toBe('goes on');
    await one.shutdown();
  });

  test('queued work is cancelled and never begins; running work cannot be', async () => {
    const one = makePool(1);
    const calls = workerFunction<() => number>(work, 'count');
    const first = one.submit(calls);
    const queued = [one.submit(calls), one.submit(calls), one.submit(calls)];
    expect([first.running(), first.cancel(), queued[1]!.cancel(), queued[1]!.cancel()]).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(String(one)).toMatch(/PoolExecutor workers=1 running=1 queued=2>$/);
    expect([await first.promise(), await queued[0]!.promise(), await queued[2]!.promise()]).toEqual([1, 2, 3]);
    expect((await errorOf(queued[1]!.promise())).name).toBe('CancelledError');
    await one.shutdown();
  });

  test('EXEC-06 after shutdown a submit is a RuntimeError; what was queued is done first', async () => {
    const futures = [1, 2, 3, 4].map((n) => pool.submit((value: number) => value, n));
    const ended = pool.shutdown();
    expect(() => pool.submit(() => 1)).toThrow('cannot schedule new futures after shutdown');
    await ended;
    expect(futures.map((future) => future.result())).toEqual([1, 2, 3, 4]);
    await pool.shutdown();
  });

  test('shutdown with cancelFutures calls queued work off; without wait it does not wait', async () => {
    const one = makePool(1);
    const [first, second] = [one.submit(() => 1), one.submit(() => 2)];
    await one.shutdown({ wait: false, cancelFutures: true });
    expect([first.done(), second.cancelled()]).toEqual([false, true]);
    await one.shutdown();
    expect(first.result()).toBe(1);
    await makePool(1).shutdown();
  });

  test('an initializer runs once in each worker, before its work', async () => {
    const one = makePool({
      maxWorkers: 1,
      initializer: (n: number) => {
        (globalThis as { started?: number }).started = ((globalThis as { started?: number }).started ?? 0) + n;
      },
      initArgs: [5],
    });
    const started = (): unknown => (globalThis as { started?: number }).started;
    expect([await one.submit(started).promise(), await one.submit(started).promise()]).toEqual([5, 5]);
    await one.shutdown();
  });

  test('an initializer that fails breaks the pool: queued work and later submits fail with its error', async () => {
    const one = makePool({ maxWorkers: 1, initializer: workerFunction(work, 'fail'), initArgs: ['not today'] });
    const futures = [one.submit(() => 1), one.submit(() => 2), one.submit(() => 3)];
    futures[2]!.cancel();
    for (const future of futures.slice(0, 2)) {
      const error = await errorOf(future.promise());
      expect(error).toBeInstanceOf(BrokenExecutor);
      expect(error).toMatchObject({ name: 'BrokenExecutor', cause: { message: 'not today' } });
    }
    expect(() => one.submit(() => 4)).toThrow(BrokenExecutor);
    await one.shutdown();
  });

  test('no worker is started before the first submit, and no more than there is work for', async () => {
    const threads = (): number => process.getBuiltinModule('fs').readdirSync('/proc/self/task').length;
    const many = makePool(16);
    const before = threads();
    await many.shutdown();
    const other = makePool(16);
    expect(threads()).toBe(before);
    const where = workerFunction<() => { threadId: number; pid: number }>(work, 'where');
    const places = new Set<string>();
    for (let i = 0; i < 5; i++) {
      const { threadId, pid } = await other.submit(where).promise();
      places.add(`${pid} ${threadId}`);
    }
    // One after the other is work for one.
    expect(places.size).toBe(1);
    await other.shutdown();
  });
});

test.each(eachPool)('%s: wrong options are refused', (_, makePool) => {
  const initializer = (): void => undefined;
  expect(() => makePool({ initializer, initArgs: [() => 1] })).toThrow(/^initializer: an argument cannot cross/);
  expect(() => makePool({ initializer: Math.max })).toThrow(/^initializer: .* cannot cross to a worker/);
  for (const wrong of [0, -1, 1.5, NaN]) expect(() => makePool(wrong)).toThrow('maxWorkers must be greater than 0');
  for (const wrong of [null, 'two', { maxWorkers: '2' }, { initializer: 5 }, { initArgs: 5 }]) {
    expect(() => makePool(wrong as never)).toThrow(TypeError);
  }
});

import { readdirSync } from 'node:fs';
import { BrokenExecutor, type PoolExecutor } from '@tsyncio/executors';
import { leakAudit, quiet } from '@tsyncio/test-support';
import { errorOf } from './support/errors.js';
import { eachPool } from './support/pools.js';

// They start threads and processes, on machines that may be busy.
jest.setTimeout(60_000);

leakAudit();

const never = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 1e9));
const exit = (code: number): void => process.exit(code);
const exitLater = (code: number): void => void setTimeout(() => process.exit(code), 1);
const throwOutside = async (): Promise<void> => {
  setTimeout(() => {
    throw new Error('outside');
  }, 1);
  await new Promise((resolve) => void setTimeout(resolve, 1e9));
};
const rejectOutside = async (): Promise<void> => {
  void Promise.reject(new Error('nobody waits'));
  await new Promise((resolve) => void setTimeout(resolve, 1e9));
};
const signal = (name: NodeJS.Signals): Promise<void> => {
  process.kill(process.pid, name);
  return new Promise((resolve) => void setTimeout(resolve, 1e9));
};

type Fault = readonly [
  title: string,
  kinds: string,
  fn: (...args: never[]) => unknown,
  args: unknown[],
  message: RegExp,
];

/** What may befall a worker while it works. */
const faults: readonly Fault[] = [
  ['exits', 'threads processes', exit, [7], /ended while it worked with exit code 7$/],
  ['exits with success', 'threads processes', exit, [0], /ended while it worked with exit code 0$/],
  ['throws outside of the function', 'threads', throwOutside, [], /ended while it worked: outside$/],
  ['has a rejection that nobody waits for', 'threads', rejectOutside, [], /ended while it worked: nobody waits$/],
  ['is killed', 'processes', signal, ['SIGKILL'], /ended while it worked by SIGKILL$/],
  ['is asked to end', 'processes', signal, ['SIGTERM'], /ended while it worked by SIGTERM$/],
];

const table = eachPool.flatMap(([kind, makePool]) =>
  faults
    .filter(([, kinds]) => kinds.includes(kind))
    .map(([title, , ...rest]) => [kind, title, makePool, ...rest] as const),
);

test.each(table)(
  '%s: a worker that %s fails its own work, and no other',
  async (_, __, makePool, fn, args, message) => {
    const pool = makePool(2);
    const other = pool.submit(async () => {
      await new Promise((resolve) => void setTimeout(resolve, 50));
      return 'unharmed';
    });
    const struck = pool.submit(fn, ...(args as []));
    const queued = [1, 2, 3, 4].map((n) => pool.submit((value: number) => value, n));
    const error = await errorOf(struck.promise());
    expect(error).toBeInstanceOf(BrokenExecutor);
    expect(error.message).toMatch(message);
    expect(await Promise.all(queued.map((future) => future.promise()))).toEqual([1, 2, 3, 4]);
    expect(await other.promise()).toBe('unharmed');
    expect(await pool.submit(() => 'goes on').promise()).toBe('goes on');
    await pool.shutdown();
  },
);

describe.each(eachPool)('a pool of %s', (kind, makePool) => {
  let pool: PoolExecutor;
  afterEach(() => pool.shutdown());

  test('a worker that dies while it is idle is replaced, and no work is lost', async () => {
    pool = makePool(1);
    const pids = new Set<number>();
    for (let i = 0; i < 5; i++) {
      const before = threads();
      const there = await pool
        .submit((code: number) => {
          setImmediate(() => process.exit(code));
          return process.pid;
        }, 3)
        .promise();
      pids.add(there);
      while (there === process.pid ? threads() > before : alive(there)) await quiet();
      // It is gone, and its end is told in one of the next turns.
      for (let turn = 0; turn < 10; turn++) await quiet();
    }
    expect(pids.size).toBe(kind === 'threads' ? 1 : 5);
  });

  test('twenty deaths in a row leave nothing behind', async () => {
    pool = makePool(2);
    const ends = Array.from({ length: 20 }, (_, i) => pool.submit(exit, i));
    const errors = await Promise.all(ends.map((future) => errorOf(future.promise())));
    expect(errors.map(({ message }) => message)).toEqual(
      ends.map((_, i) => `a worker of the executor ended while it worked with exit code ${i}`),
    );
  });

  test('a shutdown while workers die ends', async () => {
    pool = makePool(2);
    const futures = [pool.submit(exitLater, 1), pool.submit(exit, 2), pool.submit(never), pool.submit(exit, 3)];
    for (const future of futures) void future.promise().catch(() => undefined);
    futures[2]!.cancel();
    await pool.shutdown();
    expect(futures[2]!.cancelled()).toBe(true);
  });
});

function threads(): number {
  return readdirSync('/proc/self/task').length;
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

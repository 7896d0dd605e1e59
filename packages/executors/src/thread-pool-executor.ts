import { availableParallelism } from 'node:os';
import { PoolExecutor, type PoolOptions } from './pool-executor.js';

/** How to make a {@link ThreadPoolExecutor}. */
export interface ThreadPoolOptions extends PoolOptions {
  /** Names of the threads begin with it. Default `ThreadPoolExecutor-N`. */
  readonly threadNamePrefix?: string | undefined;
}

/** asyncio's number. */
const MOST_THREADS = 32;
let pools = 0;

/**
 * Runs functions in worker threads: for work that blocks or computes. Python: `concurrent.futures.ThreadPoolExecutor`.
 *
 * JavaScript's threads share no objects: functions cross as text or as the name of an export, arguments and results as structured clones.
 *
 * @param options - The most workers, or options. Default min(32, CPUs + 4).
 * @throws TypeError or ValueError for an impossible option.
 *
 * @example
 * await using pool = new ThreadPoolExecutor(4);
 * const sum = await loop.runInExecutor(pool, (n: number) => { let s = 0; while (n > 0) s += n--; return s; }, 1e9);
 */
export class ThreadPoolExecutor extends PoolExecutor {
  constructor(options: number | ThreadPoolOptions = {}) {
    const given = typeof options === 'number' ? { maxWorkers: options } : options;
    const prefix = given?.threadNamePrefix ?? `ThreadPoolExecutor-${pools++}`;
    let threads = 0;
    super(given, {
      kind: 'thread',
      defaultWorkers: Math.min(MOST_THREADS, availableParallelism() + 4),
      nextName: () => `${prefix}_${threads++}`,
    });
  }
}

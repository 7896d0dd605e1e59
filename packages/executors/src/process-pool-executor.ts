import { availableParallelism } from 'node:os';
import { PoolExecutor, type PoolOptions } from './pool-executor.js';

/** How to make a {@link ProcessPoolExecutor}. */
export interface ProcessPoolOptions extends PoolOptions {
  /** Options of Node for the workers, such as `['--max-old-space-size=512']`. Default none; NODE_OPTIONS is inherited. */
  readonly execArgv?: readonly string[] | undefined;
}

/**
 * Runs functions in processes of their own: a crash or a leak there harms nobody here. Python: `concurrent.futures.ProcessPoolExecutor`.
 *
 * As {@link ThreadPoolExecutor}, but nothing can be transferred or shared: arguments and results are copied, as `v8.serialize` does.
 *
 * @param options - The most workers, or options. Default: one for each CPU.
 * @throws TypeError or ValueError for an impossible option.
 *
 * @example
 * await using pool = new ProcessPoolExecutor();
 * const digest = await loop.runInExecutor(pool, workerFunction<typeof hash>(url, 'hash'), text);
 */
export class ProcessPoolExecutor extends PoolExecutor {
  constructor(options: number | ProcessPoolOptions = {}) {
    const given = typeof options === 'number' ? { maxWorkers: options } : options;
    super(given, { kind: 'process', defaultWorkers: availableParallelism(), execArgv: given?.execArgv });
  }
}

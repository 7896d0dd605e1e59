import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ProcessPoolExecutor, ThreadPoolExecutor, type PoolExecutor, type PoolOptions } from '@tsyncio/executors';

export const work = pathToFileURL(path.join(__dirname, '../fixtures/work.mjs'));

/** The tests of what both kinds promise run on both. */
export const eachPool: readonly (readonly [string, (options?: number | PoolOptions) => PoolExecutor])[] = [
  ['threads', (options) => new ThreadPoolExecutor(options)],
  ['processes', (options) => new ProcessPoolExecutor(options)],
];

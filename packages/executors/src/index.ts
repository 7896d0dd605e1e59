/**
 * asyncio's executors for TypeScript: ThreadPoolExecutor, ProcessPoolExecutor and runInExecutor.
 *
 * @packageDocumentation
 */
export { BrokenExecutor } from './broken-executor.js';
export { setDefaultExecutor, shutdownDefaultExecutor } from './default-executor.js';
export { PoolExecutor, type PoolOptions } from './pool-executor.js';
export { ProcessPoolExecutor, type ProcessPoolOptions } from './process-pool-executor.js';
export { runInExecutor, toThread } from './run-in-executor.js';
export { ThreadPoolExecutor, type ThreadPoolOptions } from './thread-pool-executor.js';
export { transfer } from './transfer.js';
export { workerFunction, type WorkerFunction } from './worker-function.js';

/**
 * asyncio's executors for TypeScript: ThreadPoolExecutor, ProcessPoolExecutor and runInExecutor.
 *
 * @packageDocumentation
 */
export {};

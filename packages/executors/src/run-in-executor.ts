import { checkPort, getRunningLoop, repr, RuntimeError, type Executor } from '@tsyncio/core';
import {
  failedOperation,
  operation,
  wrapFuture,
  type Future,
  type FutureFactory,
  type Operation,
} from '@tsyncio/futures-tasks';
import { defaultExecutor } from './default-executor.js';

/**
 * Has an executor call `func(...args)`, at once. asyncio: `run_in_executor`.
 *
 * @param executor - null: the loop's default, a `ThreadPoolExecutor` made at its first use. Anything with `submit` will do.
 * @param func - For workers: a self-contained function or a `workerFunction`. A promise that it returns is waited for.
 * @param args - Structured clones arrive at a worker; see `transfer`.
 * @returns A future of the loop. Cancelling it calls the work off if it has not begun; what running work comes to is then dropped.
 * @throws RuntimeError if the loop or the executor is shut. TypeError for what is no function or cannot cross to a worker; what else the
 *   executor's `submit` throws.
 *
 * @example
 * const primes = await runInExecutor(loop, null, countPrimes, 1_000_000);
 */
export function runInExecutor<A extends unknown[], R>(
  loop: FutureFactory,
  executor: Pick<Executor, 'submit'> | null,
  func: (...args: A) => R | PromiseLike<R>,
  ...args: A
): Future<R> {
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  if (typeof func !== 'function') throw new TypeError(`runInExecutor: func must be a function, got ${repr(func)}`);
  if (executor !== null) checkPort('executor', executor, ['submit']);
  return wrapFuture((executor ?? defaultExecutor(loop)).submit(func, ...args), { loop });
}

/** A loop whose `runInExecutor` is a method, perhaps overridden. */
interface ExecutorLoop {
  runInExecutor?<A extends unknown[], R>(
    executor: null,
    func: (...args: A) => R | PromiseLike<R>,
    ...args: A
  ): Future<R>;
}

/**
 * Runs `func(...args)` in the running loop's default executor. asyncio: `to_thread`; context variables stay here, as JavaScript's threads
 * share no objects.
 *
 * @throws Through the operation: as {@link runInExecutor}; RuntimeError if no loop is running; CancelledError.
 *
 * @example
 * const text = await toThread((path: string) => process.getBuiltinModule('fs').readFileSync(path, 'utf8'), '/etc/hosts');
 */
export function toThread<A extends unknown[], R>(func: (...args: A) => R | PromiseLike<R>, ...args: A): Operation<R> {
  let loop: FutureFactory & ExecutorLoop;
  try {
    loop = getRunningLoop() as unknown as FutureFactory & ExecutorLoop;
  } catch (error) {
    return failedOperation(null, error);
  }
  return operation(loop, inThread(loop, func, args));
}

function* inThread<A extends unknown[], R>(
  loop: FutureFactory & ExecutorLoop,
  func: (...args: A) => R | PromiseLike<R>,
  args: A,
): Generator<unknown, R, unknown> {
  return yield* typeof loop.runInExecutor === 'function'
    ? loop.runInExecutor(null, func, ...args)
    : runInExecutor(loop, null, func, ...args);
}

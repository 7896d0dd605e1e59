import { hasBrand, repr, ValueError } from '@tsyncio/core';
import { isCoroutine, isForeignPromise, type Awaitable } from './coroutine.js';
import { currentFactory, type EnsureFutureOptions, type FutureFactory } from './current-factory.js';
import { isFuture, type Future } from './future.js';
import { coroutineOf } from './operation-coroutine.js';
import type { Operation } from './operation.js';
import type { Task } from './task.js';
import { wrapPromise } from './wrap-promise.js';

/**
 * Makes sure that something runs, and gives the future of it. asyncio: `ensure_future`.
 *
 * A future or task is given back as it is. A coroutine becomes a task. An operation goes on inside a new task. A promise is adopted:
 * cancelling the future does not stop what is behind the promise.
 *
 * @throws TypeError for anything else. ValueError for a future of another loop than `options.loop`.
 */
export function ensureFuture<T>(awaitable: Task<T>, options?: EnsureFutureOptions): Task<T>;
export function ensureFuture<T>(awaitable: Awaitable<T>, options?: EnsureFutureOptions): Future<T>;
export function ensureFuture<T>(awaitable: Awaitable<T>, options: EnsureFutureOptions = {}): Future<T> {
  if (isFuture(awaitable)) {
    const future = awaitable;
    if (options.loop !== undefined && future.getLoop() !== options.loop) {
      throw new ValueError('The future belongs to a different loop than the one specified as the loop argument');
    }
    return future;
  }
  if (hasBrand(awaitable, 'Operation')) {
    const operation = awaitable as Operation<T>;
    const loop = options.loop ?? (operation.scheduler as FutureFactory | null) ?? currentFactory();
    return loop.createTask(coroutineOf(operation));
  }
  if (isCoroutine(awaitable)) return (options.loop ?? currentFactory()).createTask(awaitable);
  if (isForeignPromise(awaitable)) return wrapPromise(awaitable as PromiseLike<T>, options);
  throw new TypeError(`An awaitable is required, got ${repr(awaitable)}`);
}

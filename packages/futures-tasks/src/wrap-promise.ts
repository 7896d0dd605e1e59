import { repr } from '@tsyncio/core';
import { isForeignPromise } from './coroutine.js';
import { currentFactory, type EnsureFutureOptions } from './current-factory.js';
import type { Future } from './future.js';

/**
 * A future that follows a foreign promise, so that a task can be cancelled while it waits: the wait ends at once, and what the promise
 * comes to later is dropped.
 *
 * @throws TypeError if `promise` is no promise. RuntimeError if there is no loop.
 *
 * @example
 * const response = await wrapPromise(fetch(url, { signal: task.signal }));
 */
export function wrapPromise<T>(promise: PromiseLike<T>, options: EnsureFutureOptions = {}): Future<T> {
  if (!isForeignPromise(promise)) throw new TypeError(`wrapPromise: a promise was expected, got ${repr(promise)}`);
  const future = (options.loop ?? currentFactory()).createFuture<T>();
  promise.then(
    (value) => {
      if (!future.done() && !future.getLoop().isClosed()) future.setResult(value);
    },
    (error: unknown) => {
      if (!future.done() && !future.getLoop().isClosed()) future.adoptError(error);
    },
  );
  return future;
}

import { hasBrand, repr, type ConcurrentFuture } from '@tsyncio/core';
import { currentFactory, type EnsureFutureOptions } from './current-factory.js';
import { isFuture, type Future } from './future.js';
import { copyOutcome } from './outcome.js';

/**
 * A future of the loop that follows a concurrent future. asyncio: `wrap_future`.
 *
 * It is done one iteration after the concurrent future. Cancelling it cancels the concurrent one in the next iteration, if its work has
 * not begun; what that one comes to later is dropped.
 *
 * @param future - A future of a loop is given back as it is.
 * @param options - `loop`: default the current loop.
 * @throws TypeError for anything else. RuntimeError if there is no loop.
 */
export function wrapFuture<T>(future: ConcurrentFuture<T> | Future<T>, options: EnsureFutureOptions = {}): Future<T> {
  if (isFuture(future)) return future;
  if (!hasBrand(future, 'ConcurrentFuture')) {
    throw new TypeError(`wrapFuture: a ConcurrentFuture was expected, got ${repr(future)}`);
  }
  const concurrent = future;
  const loop = options.loop ?? currentFactory();
  const wrapper = loop.createFuture<T>();
  wrapper.addDoneCallback(() => {
    if (wrapper.cancelled()) concurrent.cancel();
  });
  concurrent.addDoneCallback(() => {
    // Nobody is left to be told.
    if (!loop.isClosed()) loop.callSoonThreadsafe(copyOutcome, concurrent, wrapper);
  });
  return wrapper;
}

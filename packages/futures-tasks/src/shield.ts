import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.js';
import type { Awaitable } from './coroutine.js';
import { type EnsureFutureOptions, type FutureFactory } from './current-factory.js';
import { ensureFuture } from './ensure-future.js';
import type { Future } from './future.js';
import { copyOutcome } from './outcome.js';

/**
 * Protects an awaitable from being cancelled together with who awaits it. asyncio: `shield`.
 *
 * @returns A new future that follows the inner one; cancelling it leaves the inner one alone. A future that is done is given back as it is.
 * @throws As `ensureFuture`.
 */
export function shield<T>(awaitable: Awaitable<T>, options: EnsureFutureOptions = {}): Future<T> {
  const inner = ensureFuture(awaitable, options);
  if (inner.done()) return inner;
  const outer = (inner.getLoop() as FutureFactory).createFuture<T>();
  const innerDone = (): void => {
    futureDiscardFromAwaitedBy(inner, outer);
    if (outer.cancelled()) {
      // Nobody will ask the outer one for the inner one's error.
      if (!inner.cancelled()) inner.exception();
      return;
    }
    copyOutcome(inner, outer);
  };
  const outerDone = (): void => {
    futureDiscardFromAwaitedBy(inner, outer);
    if (!inner.done()) inner.removeDoneCallback(innerDone);
  };
  inner.addDoneCallback(innerDone);
  futureAddToAwaitedBy(inner, outer);
  outer.addDoneCallback(outerDone);
  return outer;
}

import { hasBrand, isCancelled, repr, TimeoutError } from '@tsyncio/core';
import { isCoroutine, isForeignPromise, type Awaitable, type Coroutine } from './coroutine.js';
import { runningFactory, type FutureFactory } from './current-factory.js';
import { ensureFuture } from './ensure-future.js';
import { isFuture, type Future } from './future.js';
import { runInside } from './inside.js';
import { checkTimeout } from './member-set.js';
import { failedOperation, Operation } from './operation.js';
import { liveOwner } from './promise-waiter.js';
import type { CoroutineGenerator } from './stepper.js';

/**
 * Waits for one awaitable, but not longer than `timeout`. asyncio: `wait_for`, as in CPython 3.12 and later.
 *
 * A coroutine runs inside the calling task. When the time is over, or when the task is cancelled, the awaitable is cancelled, and this
 * ends when it has ended: with its result if it gives one all the same. A promise that is not the loop's cannot be cancelled: the wait for
 * it ends at once, and code inside a coroutine learns of the end of its time by `currentTask().signal`.
 *
 * With a timeout of zero or less, what is done gives its outcome at once; anything else is cancelled, and a coroutine never begins.
 *
 * @param awaitable - A coroutine, future, task, operation or promise.
 * @param timeout - Seconds; null for no limit.
 * @throws Through the operation: TimeoutError, its cause the CancelledError; the error of the awaitable; CancelledError if the task or the
 *   awaitable was cancelled by somebody else; TypeError and ValueError for arguments; RuntimeError if no loop is running.
 *
 * @example
 * const response = await waitFor(() => fetch(url, { signal: currentTask()!.signal }), 5);
 * const item = await waitFor(queue.get(), 0.5);
 */
export function waitFor<T>(awaitable: Awaitable<T>, timeout?: number | null): Operation<T> {
  let loop: FutureFactory | null = null;
  try {
    loop = runningFactory();
    const limit = checkTimeout('waitFor', timeout);
    checkAwaitable(awaitable);
    if (limit !== null && limit <= 0) return new Operation<T>(loop).begin(waitNoLonger(loop, awaitable), {});
    return new TimedOperation<T>(loop).beginWith(awaitable, limit);
  } catch (error) {
    return failedOperation(loop, error);
  }
}

function checkAwaitable(value: unknown): void {
  if (isFuture(value) || hasBrand(value, 'Operation') || isCoroutine(value) || isForeignPromise(value)) return;
  throw new TypeError(`waitFor: an awaitable was expected, got ${repr(value)}`);
}

/** Waits with a deadline. It tells requests to cancel from its own, which is what `uncancel` is for in CPython. */
class TimedOperation<T> extends Operation<T> {
  private expired = false;
  /** Requests to cancel that came from outside since the operation began. */
  private requests = 0;

  beginWith(awaitable: Awaitable<T>, limit: number | null): this {
    const loop = this.scheduler as FutureFactory;
    const isUserCode = !hasBrand(awaitable, 'Future') && isCoroutine(awaitable);
    const body = isUserCode ? runInside(awaitable as Coroutine<T>) : waitInside(ensureWaitable(awaitable, loop));
    // One that was made before is delivered at the first wait, and does not count.
    if (cancelIsDue()) this.requests--;
    return this.begin(limit === null ? body : this.before(limit, body), { context: isUserCode });
  }

  private *before(limit: number, body: CoroutineGenerator<T>): CoroutineGenerator<T> {
    const loop = this.scheduler;
    const now = loop.time();
    const deadline = now + limit;
    const expire = (): void => this.expire();
    const timer = deadline <= now ? loop.callSoon(expire) : loop.callAt(deadline, expire);
    try {
      return yield* body;
    } catch (error) {
      if (!this.expired || this.requests > 0 || !isCancelled(error)) throw error;
      throw new TimeoutError(`waitFor: not done within ${limit} s`, { cause: error });
    } finally {
      timer.cancel();
    }
  }

  override requestCancel(): boolean {
    this.requests++;
    return super.requestCancel();
  }

  override withdrawCancel(): void {
    this.requests--;
    super.withdrawCancel();
  }

  private expire(): void {
    this.expired = true;
    this.interrupt();
  }
}

function cancelIsDue(): boolean {
  return liveOwner()?.cancelRequested() === true;
}

function ensureWaitable<T>(awaitable: Awaitable<T>, loop: FutureFactory): Future<T> | Operation<T> {
  if (isFuture(awaitable) || hasBrand(awaitable, 'Operation')) return awaitable as Future<T> | Operation<T>;
  return ensureFuture(awaitable, { loop });
}

function* waitInside<T>(awaitable: Future<T> | Operation<T>): CoroutineGenerator<T> {
  return yield* awaitable;
}

/** No time at all: what is not done is cancelled, and ends. */
function* waitNoLonger<T>(loop: FutureFactory, awaitable: Awaitable<T>): CoroutineGenerator<T> {
  const running = hasBrand(awaitable, 'Operation') ? (awaitable as Operation<T>) : null;
  if (running !== null && running.outcome() !== 'pending') return yield* running;
  const future = ensureFuture(awaitable, { loop });
  if (future.done()) return future.result();
  const waiter = loop.createFuture<void>();
  const ended = (): void => {
    if (!waiter.done()) waiter.setResult();
  };
  future.addDoneCallback(ended);
  try {
    // An operation has begun already; the task that waits for it goes on until it ends.
    if (running === null) future.cancel();
    else running.cancel();
    yield* waiter;
  } finally {
    future.removeDoneCallback(ended);
  }
  try {
    return future.result();
  } catch (error) {
    if (!isCancelled(error)) throw error;
    throw new TimeoutError('waitFor: not done, and no time to wait', { cause: error });
  }
}

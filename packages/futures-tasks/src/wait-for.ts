import { hasBrand, isCancelled, repr, TimeoutError } from '@tsyncio/core';
import { checkSignal } from './abort-listeners.js';
import { isCoroutine, isForeignPromise, type Awaitable, type Coroutine } from './coroutine.js';
import { runningFactory, type FutureFactory } from './current-factory.js';
import { ensureFuture } from './ensure-future.js';
import { isFuture, type Future } from './future.js';
import { runInside } from './inside.js';
import { checkTimeout } from './member-set.js';
import { failedOperation, Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';
import { TimedOperation, type AbortOptions } from './timeout.js';

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
 * @param options - `signal`: when it is aborted, the awaitable is cancelled as well, and the wait fails with the signal's `reason`. It leaves no
 *   listener behind. This is how to wait for anything of the loop until a signal is aborted: `waitFor(queue.get(), null, { signal })`.
 * @throws Through the operation: TimeoutError, its cause the CancelledError; the error of the awaitable; CancelledError if the task or the
 *   awaitable was cancelled by somebody else; TypeError and ValueError for arguments; RuntimeError if no loop is running.
 *
 * @example
 * const response = await waitFor(() => fetch(url, { signal: currentTask()!.signal }), 5);
 * const item = await waitFor(queue.get(), 0.5);
 */
export function waitFor<T>(awaitable: Awaitable<T>, timeout?: number | null, options: AbortOptions = {}): Operation<T> {
  let loop: FutureFactory | null = null;
  try {
    loop = runningFactory();
    const limit = checkTimeout('waitFor', timeout);
    checkAwaitable(awaitable);
    const { signal } = options;
    checkSignal('waitFor', signal);
    if (signal?.aborted === true) return abortedOperation(loop, awaitable, signal);
    if (limit !== null && limit <= 0) return new Operation<T>(loop).begin(waitNoLonger(loop, awaitable), {});
    const context = !hasBrand(awaitable, 'Future') && isCoroutine(awaitable);
    const body = context
      ? runInside('waitFor', awaitable as Coroutine<T>)
      : waitInside(ensureWaitable(awaitable, loop));
    if (limit === null && signal === undefined) return new Operation<T>(loop).begin(body, { context });
    const when = limit === null ? null : loop.time() + limit;
    const message = `waitFor: not done within ${limit} s`;
    return new TimedOperation<T>(loop).run(() => body, when, signal, { context, message });
  } catch (error) {
    return failedOperation(loop, error);
  }
}

/** Too late: what has not begun does not begin, and what has is cancelled. */
function abortedOperation<T>(loop: FutureFactory, awaitable: Awaitable<T>, signal: AbortSignal): Operation<T> {
  if (isFuture(awaitable) || hasBrand(awaitable, 'Operation')) (awaitable as Future<T> | Operation<T>).cancel();
  return failedOperation(loop, signal.reason);
}

function checkAwaitable(value: unknown): void {
  if (isFuture(value) || hasBrand(value, 'Operation') || isCoroutine(value) || isForeignPromise(value)) return;
  throw new TypeError(`waitFor: an awaitable was expected, got ${repr(value)}`);
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

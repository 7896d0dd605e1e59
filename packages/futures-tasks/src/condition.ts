import { brand, getRunningLoopOrNull, hasBrand, isCancelled, repr, RuntimeError, ValueError } from '@tsyncio/core';
import { isForeignPromise } from './coroutine.js';
import type { FutureFactory } from './current-factory.js';
import { Holdable } from './holdable.js';
import { Lock } from './lock.js';
import { describeState, failedNow } from './loop-bound.js';
import { finishedOperation, operation, type Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';
import { WaitingLine } from './waiting-line.js';

/**
 * A lock with a line of those who wait until its holder notifies them. asyncio: `asyncio.Condition`.
 *
 * A waiter that is cancelled when it was notified already notifies the next one in its place, as in asyncio since 3.13: no notification
 * is lost. Not for threads. It belongs to the loop in which somebody first has to wait.
 *
 * @example
 * await using _ = await condition.held();
 * await condition.waitFor(() => items.length > 0);
 * use(items.shift());
 */
export class Condition extends Holdable {
  static {
    brand(this.prototype, 'Condition');
  }
  private readonly lock: Lock;
  private readonly line = new WaitingLine();

  /**
   * @param lock - Default a new one of its own.
   * @throws TypeError if `lock` is none. ValueError if it is waited for in another loop than the running one.
   */
  constructor(lock: Lock | null = null) {
    super();
    if (lock !== null && !hasBrand(lock, 'Lock')) {
      throw new TypeError(`Condition: lock must be a Lock, got ${repr(lock)}`);
    }
    this.lock = lock ?? new Lock();
    const chosen = this.lock.chosenLoop;
    if (chosen === null) return;
    const running: object | null = getRunningLoopOrNull();
    if (running !== null && running !== chosen) throw new ValueError('Condition: the lock belongs to a different loop');
  }

  /** True while somebody holds its lock. asyncio: `Condition.locked`. */
  locked(): boolean {
    return this.lock.locked();
  }

  /** As {@link Lock.acquire} of its lock. asyncio: `Condition.acquire`. */
  acquire(): Operation<true> {
    return this.lock.acquire();
  }

  /** As {@link Lock.release} of its lock. asyncio: `Condition.release`. */
  release(): void {
    this.lock.release();
  }

  /**
   * Releases the lock, waits to be notified, and takes the lock again. asyncio: `Condition.wait`.
   *
   * @returns True. What the caller waits for may be gone by then: see {@link waitFor}.
   * @throws Through the operation: RuntimeError if nobody holds the lock, or as {@link Lock.acquire}. CancelledError, which arrives when
   *   the lock has been taken again.
   */
  wait(): Operation<true> {
    try {
      return operation(this.loopToWaitIn(), this.waitForNotification());
    } catch (error) {
      return failedNow(error);
    }
  }

  /**
   * Waits until `predicate` gives something true; asked at once, and after each notification with the lock held.
   * asyncio: `Condition.wait_for`.
   *
   * @param predicate - Not async. It runs in the caller's async context.
   * @returns What it gave. If that is true at first, there is no wait, and the lock need not be held.
   * @throws Through the operation: an error of `predicate`; TypeError if it is no function or gives a promise; as {@link wait}.
   */
  waitFor<T>(predicate: () => T): Operation<T> {
    try {
      if (typeof predicate !== 'function') {
        throw new TypeError(`waitFor: predicate must be a function, got ${repr(predicate)}`);
      }
      const value = ask(predicate);
      if (value) return finishedOperation(null, value);
      return operation(this.loopToWaitIn(), this.waitForPredicate(predicate), { context: true });
    } catch (error) {
      return failedNow(error);
    }
  }

  /**
   * Wakes waiters in the order in which they came; each goes on when it gets the lock, which this does not release. asyncio: `Condition.notify`.
   *
   * @param n - At most so many; more than there are is no error.
   * @throws RuntimeError if nobody holds the lock.
   */
  notify(n = 1): void {
    if (!this.locked()) throw new RuntimeError('cannot notify on un-acquired lock');
    this.line.wake(n);
  }

  /** Wakes all waiters. asyncio: `Condition.notify_all`. Errors as {@link notify}. */
  notifyAll(): void {
    this.notify(Infinity);
  }

  /** Those who wait for the lock and for a notification wait in one loop. Internal. */
  override loopToWaitIn(): FutureFactory {
    return this.lock.loopToWaitIn();
  }

  private *waitForNotification(): CoroutineGenerator<true> {
    if (!this.locked()) throw new RuntimeError('cannot wait on un-acquired lock');
    const future = this.loopToWaitIn().createFuture<void>();
    this.release();
    const place = this.line.add(future);
    let failure: { readonly error: unknown } | null = null;
    try {
      yield* future;
    } catch (error) {
      failure = { error };
    }
    this.line.remove(place);
    const notified = !future.cancelled();
    try {
      failure = (yield* this.acquireInAnyCase()) ?? failure;
      if (failure !== null) throw failure.error;
    } catch (error) {
      // The notification was meant for somebody who can act on it.
      if (notified) this.line.wake(1);
      throw error;
    }
    return true;
  }

  /** @returns The last cancellation that came while it waited for the lock. */
  private *acquireInAnyCase(): CoroutineGenerator<{ readonly error: unknown } | null> {
    let cancellation: { readonly error: unknown } | null = null;
    for (;;) {
      try {
        yield* this.acquire();
        return cancellation;
      } catch (error) {
        if (!isCancelled(error)) throw error;
        cancellation = { error };
      }
    }
  }

  private *waitForPredicate<T>(predicate: () => T): CoroutineGenerator<T> {
    for (;;) {
      yield* this.waitForNotification();
      const value = ask(predicate);
      if (value) return value;
    }
  }

  protected describe(): string {
    return describeState(this.locked() ? 'locked' : 'unlocked', this.line.length);
  }
}

/** A promise would be true whatever comes of it. */
function ask<T>(predicate: () => T): T {
  const value = predicate();
  if (isForeignPromise(value) || hasBrand(value, 'Future') || hasBrand(value, 'Operation')) {
    throw new TypeError(`waitFor: predicate must not be async, it gave ${repr(value)}`);
  }
  return value;
}

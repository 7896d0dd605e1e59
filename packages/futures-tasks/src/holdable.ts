import { LoopBound, failedNow } from './loop-bound.js';
import { finishedOperation, operation, type Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';

/**
 * What can be acquired and released: locks, conditions, semaphores. asyncio: the `async with` of these classes.
 *
 * @example
 * await using _ = await lock.held();
 * await writeFile();   // released when the block ends, however it ends
 */
export abstract class Holdable extends LoopBound implements AsyncDisposable {
  /** Waits until it is acquired. */
  abstract acquire(): Operation<true>;
  /** Gives back what was acquired. */
  abstract release(): void;

  /**
   * Acquires it, and gives it for `await using`, which releases it at the end of the block. asyncio: `async with lock`.
   *
   * @throws As {@link acquire}.
   */
  held(): Operation<this> {
    const acquired = this.acquire();
    switch (acquired.outcome()) {
      case 'result':
        return finishedOperation(null, this);
      case 'pending':
        return operation(acquired.scheduler, this.holdAfter(acquired));
      default:
        return acquired as Operation<never>;
    }
  }

  /** Releases it: for `await using`, after {@link held} or {@link acquire}. */
  [Symbol.asyncDispose](): Operation<void> {
    try {
      this.release();
    } catch (error) {
      return failedNow(error);
    }
    return finishedOperation(null, undefined);
  }

  private *holdAfter(acquired: Operation<true>): CoroutineGenerator<this> {
    yield* acquired;
    return this;
  }
}

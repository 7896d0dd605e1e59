import { brand, RuntimeError } from '@tsyncio/core';
import { Holdable } from './holdable.js';
import { describeState, failedNow } from './loop-bound.js';
import { finishedOperation, operation, type Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';
import { WaitingLine, type Place } from './waiting-line.js';

/**
 * One holder at a time; the others wait in line. asyncio: `asyncio.Lock`.
 *
 * Not for threads, and without an owner: any task may release it. It belongs to the loop in which somebody first has to wait.
 *
 * @example
 * const lock = new Lock();
 * async function update() {
 *   await using _ = await lock.held();   // or: await lock.acquire(); try { ... } finally { lock.release(); }
 *   await save(await load());
 * }
 */
export class Lock extends Holdable {
  static {
    brand(this.prototype, 'Lock');
  }
  private isLocked = false;
  private readonly line = new WaitingLine();

  /** True while somebody holds it; not between a release and the moment when the one that it has woken goes on. asyncio: `Lock.locked`. */
  locked(): boolean {
    return this.isLocked;
  }

  /**
   * Waits for its turn and takes the lock. Whoever comes while others wait stands behind them, even if the lock is free at that moment.
   * asyncio: `Lock.acquire`.
   *
   * @returns True.
   * @throws Through the operation: CancelledError (the lock is not held then); RuntimeError if it must wait in another loop than others
   *   before, or there is none.
   */
  acquire(): Operation<true> {
    if (!this.isLocked && this.line.allCancelled()) {
      this.isLocked = true;
      return finishedOperation(null, true);
    }
    try {
      const loop = this.loopToWaitIn();
      return operation(loop, this.waitForTurn(this.line.add(loop.createFuture<void>())));
    } catch (error) {
      return failedNow(error);
    }
  }

  /**
   * Sets the lock free and wakes the first in line. asyncio: `Lock.release`.
   *
   * @throws RuntimeError if it is free.
   */
  release(): void {
    if (!this.isLocked) throw new RuntimeError('Lock is not acquired.');
    this.isLocked = false;
    this.wakeFirst();
  }

  private *waitForTurn(place: Place): CoroutineGenerator<true> {
    try {
      yield* place.future;
    } catch (error) {
      this.line.remove(place);
      // It may have been woken, or have stood in the way of a wake-up: a free lock must not be left with a line nobody moves.
      if (!this.isLocked) this.wakeFirst();
      throw error;
    }
    this.line.remove(place);
    this.isLocked = true;
    return true;
  }

  /** Only the very first: if it was woken already, or is leaving, the next one's turn comes when it goes. */
  private wakeFirst(): void {
    const { first } = this.line;
    if (first !== null && !first.future.done()) first.future.setResult();
  }

  protected describe(): string {
    return describeState(this.isLocked ? 'locked' : 'unlocked', this.line.length);
  }
}

import { brand } from '@tsyncio/core';
import { describeState, failedNow, LoopBound } from './loop-bound.js';
import { finishedOperation, operation, type Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';
import { WaitingLine, type Place } from './waiting-line.js';

/**
 * A flag that can be waited for. asyncio: `asyncio.Event`; no relation to the DOM's `Event`.
 *
 * Not for threads. It belongs to the loop in which somebody first has to wait.
 *
 * @example
 * const ready = new Event();
 * loop.callLater(1, () => ready.set());
 * await ready.wait();
 */
export class Event extends LoopBound {
  static {
    brand(this.prototype, 'Event');
  }
  private flag = false;
  private readonly line = new WaitingLine();

  /** asyncio: `Event.is_set`. */
  isSet(): boolean {
    return this.flag;
  }

  /** Sets the flag; all who wait go on, in the order in which they came. asyncio: `Event.set`. */
  set(): void {
    this.flag = true;
    this.line.wake(Infinity);
  }

  /** Clears the flag. Those who were woken by a {@link set} before go on all the same. asyncio: `Event.clear`. */
  clear(): void {
    this.flag = false;
  }

  /**
   * Waits until the flag is set. asyncio: `Event.wait`.
   *
   * @returns True.
   * @throws Through the operation: CancelledError; RuntimeError if it must wait in another loop than others before, or there is none.
   */
  wait(): Operation<true> {
    if (this.flag) return finishedOperation(null, true);
    try {
      const loop = this.loopToWaitIn();
      return operation(loop, this.waitForSet(this.line.add(loop.createFuture<void>())));
    } catch (error) {
      return failedNow(error);
    }
  }

  private *waitForSet(place: Place): CoroutineGenerator<true> {
    try {
      yield* place.future;
      return true;
    } finally {
      this.line.remove(place);
    }
  }

  protected describe(): string {
    return describeState(this.flag ? 'set' : 'unset', this.line.length);
  }
}

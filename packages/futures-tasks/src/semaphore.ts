import { brand, repr, ValueError } from '@tsyncio/core';
import { Holdable } from './holdable.js';
import { describeState, failedNow } from './loop-bound.js';
import { finishedOperation, operation, type Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';
import { WaitingLine, type Place } from './waiting-line.js';

/**
 * Admits so many at a time; the others wait in line. asyncio: `asyncio.Semaphore`, with the fairness that it has since 3.11: first come,
 * first served. A release with somebody in line hands the unit over there and then; a newcomer cannot take it.
 *
 * Not for threads. It belongs to the loop in which somebody first has to wait.
 *
 * @example
 * const slots = new Semaphore(10);
 * async function download(url: string) {
 *   await using _ = await slots.held();   // or: await slots.acquire(); try { ... } finally { slots.release(); }
 *   return fetch(url);
 * }
 */
export class Semaphore extends Holdable {
  static {
    brand(this.prototype, 'Semaphore');
  }
  /** Units that nobody has: neither a holder nor somebody in line who was woken. */
  private free: number;
  private readonly line = new WaitingLine();

  /**
   * @param value - Units at the beginning; a whole number, or Infinity.
   * @throws TypeError if it is no number. ValueError if it is negative or has a fraction.
   */
  constructor(value = 1) {
    super();
    if (typeof value !== 'number') throw new TypeError(`Semaphore: value must be a number, got ${repr(value)}`);
    if (!(value >= 0)) throw new ValueError(`Semaphore: value must be at least 0, got ${value}`);
    if (value !== Infinity && !Number.isInteger(value)) {
      throw new ValueError(`Semaphore: value must be a whole number, got ${value}`);
    }
    this.free = value;
  }

  /** True if an {@link acquire} would have to wait: no unit is free, or somebody is in line for them. asyncio: `Semaphore.locked`. */
  locked(): boolean {
    return this.free === 0 || !this.line.allCancelled();
  }

  /**
   * Waits for its turn and takes a unit. asyncio: `Semaphore.acquire`.
   *
   * @returns True.
   * @throws Through the operation: CancelledError (no unit is taken then); RuntimeError if it must wait in another loop than others
   *   before, or there is none.
   */
  acquire(): Operation<true> {
    if (!this.locked()) {
      this.free--;
      return finishedOperation(null, true);
    }
    try {
      const loop = this.loopToWaitIn();
      return operation(loop, this.waitForUnit(this.line.add(loop.createFuture<void>())));
    } catch (error) {
      return failedNow(error);
    }
  }

  /** Gives a unit back, or a new one: there is no upper bound. The first in line gets it. asyncio: `Semaphore.release`. */
  release(): void {
    this.free++;
    this.handOver(1);
  }

  /** True if there are as many free units as `bound`. */
  protected isFull(bound: number): boolean {
    return this.free >= bound;
  }

  private *waitForUnit(place: Place): CoroutineGenerator<true> {
    try {
      yield* place.future;
    } catch (error) {
      // Handed over, and not wanted any more.
      if (place.future.done() && !place.future.cancelled()) this.free++;
      throw error;
    } finally {
      this.line.remove(place);
      // Units may have become free while all in line were woken or leaving, and newcomers may have had to join since.
      this.handOver(this.free);
    }
    return true;
  }

  /** Gives so many free units to the first in line; they count as taken from then on. */
  private handOver(count: number): void {
    this.free -= this.line.wake(count);
  }

  protected describe(): string {
    return describeState(this.locked() ? 'locked' : `unlocked, value:${this.free}`, this.line.length);
  }
}

/** A semaphore that cannot have more units than at the beginning. asyncio: `asyncio.BoundedSemaphore`. */
export class BoundedSemaphore extends Semaphore {
  static {
    brand(this.prototype, 'BoundedSemaphore');
  }
  private readonly bound: number;

  /** @throws As {@link Semaphore}. */
  constructor(value = 1) {
    super(value);
    this.bound = value;
  }

  /**
   * Gives a unit back. asyncio: `BoundedSemaphore.release`.
   *
   * @throws ValueError if none is taken; nothing changes then.
   */
  override release(): void {
    if (this.isFull(this.bound)) throw new ValueError('BoundedSemaphore released too many times');
    super.release();
  }
}

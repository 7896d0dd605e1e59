import { brand, repr, ValueError } from '@tsyncio/core';
import { Condition } from './condition.js';
import { operationInRun } from './operation-in-run.js';
import type { Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';

/** A {@link Barrier} was aborted or reset while somebody waited, or is broken. asyncio: `asyncio.BrokenBarrierError`. */
export class BrokenBarrierError extends Error {
  static {
    brand(this.prototype, 'BrokenBarrierError');
    Object.defineProperty(this.prototype, 'name', { value: 'BrokenBarrierError', writable: true, configurable: true });
  }
}

/**
 * Lets tasks pass once a number of them wait. asyncio: `asyncio.Barrier`, since 3.11.
 *
 * It can be used again: those who come while others are leaving wait for the next round. Not for threads. It belongs to the loop in which somebody
 * first has to wait.
 *
 * @example
 * const barrier = new Barrier(3);
 * const place = await barrier.wait();
 * if (place === 0) report('all three are here');
 */
export class Barrier {
  static {
    brand(this.prototype, 'Barrier');
  }
  /** Waiters come; they leave; they leave with an error; nobody can wait any more. */
  private state: 'filling' | 'draining' | 'resetting' | 'broken' = 'filling';
  /** Notified when the state changes. */
  private readonly changed = new Condition();
  /** How many are inside: waiting or leaving. */
  private inside = 0;
  private readonly size: number;

  /**
   * @param parties - How many must wait.
   * @throws TypeError if it is no integer, ValueError if it is less than one.
   */
  constructor(parties: number) {
    if (!Number.isInteger(parties)) throw new TypeError(`Barrier: parties must be an integer, got ${repr(parties)}`);
    if (parties < 1) throw new ValueError('Barrier: parties must be > 0');
    this.size = parties;
  }

  /** How many must wait. asyncio: `Barrier.parties`. */
  get parties(): number {
    return this.size;
  }

  /** How many wait now. asyncio: `Barrier.n_waiting`. */
  get nWaiting(): number {
    return this.state === 'filling' ? this.inside : 0;
  }

  /** True after {@link abort}, until {@link reset}. asyncio: `Barrier.broken`. */
  get broken(): boolean {
    return this.state === 'broken';
  }

  /**
   * Waits until {@link parties} tasks wait. asyncio: `Barrier.wait`, and `async with barrier`.
   *
   * @returns A number from 0 to `parties` - 1, to each task of a round its own, in the order in which they came.
   * @throws Through the operation: BrokenBarrierError if the barrier is broken, or is aborted or reset meanwhile; CancelledError (it does not
   *   wait then, and the others go on waiting); RuntimeError if no loop is running, or it must wait in another loop than others before.
   */
  wait(): Operation<number> {
    return operationInRun(() => this.locked(this.takePart()));
  }

  /**
   * Empties the barrier: those who wait get a BrokenBarrierError; then it can be used again, also if it was broken. asyncio: `Barrier.reset`.
   */
  reset(): Operation<void> {
    return operationInRun(() => this.locked(this.change(() => (this.inside > 0 ? 'resetting' : 'filling'))));
  }

  /** Breaks the barrier: those who wait, and who come later, get a BrokenBarrierError. asyncio: `Barrier.abort`. */
  abort(): Operation<void> {
    return operationInRun(() => this.locked(this.change(() => 'broken')));
  }

  /** `<Barrier [filling, waiters:1/3]>`, `<Barrier [broken]>`. */
  toString(): string {
    const waiters = this.broken ? '' : `, waiters:${this.nWaiting}/${this.parties}`;
    return `<${this.constructor.name} [${this.state}${waiters}]>`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  private *locked<T>(body: CoroutineGenerator<T>): CoroutineGenerator<T> {
    yield* this.changed.acquire();
    try {
      return yield* body;
    } finally {
      this.changed.release();
    }
  }

  private *change(state: () => Barrier['state']): CoroutineGenerator<void> {
    this.state = state();
    this.changed.notifyAll();
  }

  private *takePart(): CoroutineGenerator<number> {
    yield* this.changed.waitFor(() => this.state !== 'draining' && this.state !== 'resetting');
    if (this.broken) throw new BrokenBarrierError('Barrier aborted');
    const index = this.inside++;
    try {
      if (index + 1 === this.size) yield* this.change(() => 'draining');
      else yield* this.waitUntilFull();
      return index;
    } finally {
      this.inside--;
      if (this.inside === 0) this.lastLeaves();
    }
  }

  private *waitUntilFull(): CoroutineGenerator<void> {
    yield* this.changed.waitFor(() => this.state !== 'filling');
    if (this.state !== 'draining') throw new BrokenBarrierError('Abort or reset of barrier');
  }

  private lastLeaves(): void {
    if (!this.broken) this.state = 'filling';
    this.changed.notifyAll();
  }
}

import { type Completions, IORING_CQE_F_MORE } from '@tsyncio/socket/native';

import type { Operation } from '../operation.js';

/**
 * The pending requests, by slot. A slot is used again only after the last completion of its request; its generation tells requests of one
 * slot apart, so that a late cancellation never meets the wrong one.
 *
 * Completions of cancellations come with the complement of the slot that was to be cancelled.
 */
export class OperationTable implements Completions {
  /** Requests whose last completion has not come. */
  pending = 0;
  private readonly operations: (Operation | null)[] = [];
  private readonly generations: number[] = [];
  private readonly free: number[] = [];

  /** Gives the operation a slot, for a request that is submitted next. */
  begin(operation: Operation): void {
    let slot = this.free.pop();
    if (slot === undefined) {
      slot = this.operations.length;
      this.operations.push(null);
      this.generations.push(0);
    }
    this.operations[slot] = operation;
    operation.slot = slot;
    operation.generation = this.generations[slot]!;
    this.pending++;
  }

  completed(slot: number, generation: number, result: number, flags: number): void {
    // A cancellation that came too late, or too early: the request ends by itself.
    if (slot < 0) return;
    const operation = this.operations[slot];
    if (operation === null || operation === undefined || this.generations[slot] !== generation) {
      throw new Error(`io_uring: a completion of no request (slot ${slot}, generation ${generation})`);
    }
    if ((flags & IORING_CQE_F_MORE) === 0) {
      this.operations[slot] = null;
      this.generations[slot] = (generation + 1) | 0;
      this.free.push(slot);
      this.pending--;
      operation.slot = -1;
      operation.cancelling = false;
    }
    operation.completed(result, flags);
  }
}

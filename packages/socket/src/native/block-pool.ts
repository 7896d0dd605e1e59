import { markAsUntransferable } from 'node:worker_threads';

import { allocateBlock } from './allocate-block.js';
import { addressOf } from './koffi.js';

/**
 * Memory to receive into, handed out in consecutive slices whose receiver owns them.
 *
 * Facts: a Buffer of its own for each message costs more than the message (150 ns and garbage), a receive buffer for each
 * connection costs memory while it idles, and a buffer that is used again must be copied out of. So all connections of a loop receive
 * into one block; what arrived becomes a slice (45 ns), the next message goes behind it, and when the rest is too small a
 * new block is taken. No byte is written twice, so a receiver may keep its slice for ever.
 *
 * The price: a slice that is kept, however small, keeps its whole block. And a slice cannot be transferred to a worker (it is copied),
 * because the memory of its neighbours would go with it; Node does the same to the buffers of its pool.
 */
export class BlockPool {
  /** Where the next message goes, for the system call. */
  address = 0;
  private block: Buffer | null = null;
  private offset = 0;

  /**
   * @param size - Bytes in a block.
   * @param minimum - The least room that a receive is offered.
   */
  constructor(
    private readonly size: number,
    private readonly minimum: number,
  ) {}

  /** Bytes that may be written at {@link address}; takes a new block if too few are left. */
  room(): number {
    // A block of length 0 was detached by `slice.buffer.transfer()`: its address is no longer ours.
    if (this.block === null || this.block.length === 0 || this.size - this.offset < this.minimum) {
      // Its memory is off the heap, so the address stays.
      this.block = allocateBlock(this.size);
      markAsUntransferable(this.block.buffer);
      this.offset = 0;
      this.address = addressOf(this.block.buffer);
    }
    return this.size - this.offset;
  }

  /** The `length` bytes that were just written at {@link address}. */
  take(length: number): Buffer {
    const { offset } = this;
    const end = offset + length;
    // Slices begin at multiples of eight, for receivers that look at them as numbers.
    const next = (end + 7) & ~7;
    this.offset = next;
    this.address += next - offset;
    return this.block!.subarray(offset, end);
  }

  /** Lets go of the block. */
  release(): void {
    this.block = null;
  }
}

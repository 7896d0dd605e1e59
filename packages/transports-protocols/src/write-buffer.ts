import { allocateBlock } from '@tsyncio/socket/native';

/** Blocks grow with what waits, so that a short queue is cheap and a long one is few pieces for the kernel. */
const BLOCK_MIN = 4 * 1024;
const BLOCK_MAX = 64 * 1024;

/** Pieces offered to the kernel at once. */
const VIEWS_MAX = 64;

/**
 * Data that the kernel did not take yet, copied: what is given to `write` belongs to the caller again when `write` returns.
 *
 * Small writes are gathered in blocks; one that is larger than what is left of a block gets a block of its own size.
 */
export class WriteBuffer {
  /** Bytes that wait. */
  size = 0;
  private blocks: Buffer[] = [];
  /** Bytes of the first block that were consumed. */
  private start = 0;
  /** Bytes of the last block that are in use. */
  private end = 0;

  /** Copies `data` from index `from` on. */
  append(data: Uint8Array, from = 0): void {
    const { blocks } = this;
    let at = from;
    const last = blocks[blocks.length - 1];
    if (last !== undefined) {
      const n = Math.min(last.length - this.end, data.length - at);
      if (n > 0) last.set(data.subarray(at, at + n), this.end);
      this.end += n;
      at += n;
    }
    const rest = data.length - at;
    if (rest > 0) {
      const room = Math.max(rest, Math.min(Math.max(this.size, BLOCK_MIN), BLOCK_MAX));
      const block = allocateBlock(room);
      block.set(at === 0 ? data : data.subarray(at));
      blocks.push(block);
      this.end = rest;
    }
    this.size += data.length - from;
  }

  /** The oldest bytes, as pieces for one system call: all of them, or the first {@link VIEWS_MAX} pieces. */
  views(): Buffer[] {
    const { blocks } = this;
    const count = Math.min(blocks.length, VIEWS_MAX);
    const views: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const start = i === 0 ? this.start : 0;
      const block = blocks[i]!;
      views.push(block.subarray(start, i === blocks.length - 1 ? this.end : block.length));
    }
    return views;
  }

  /** The oldest `nbytes` bytes were taken. */
  consume(nbytes: number): void {
    this.size -= nbytes;
    if (this.size === 0) {
      this.blocks = [];
      this.start = 0;
      this.end = 0;
      return;
    }
    let passed = this.start + nbytes;
    let done = 0;
    while (passed >= this.blocks[done]!.length) passed -= this.blocks[done++]!.length;
    if (done > 0) this.blocks.splice(0, done);
    this.start = passed;
  }
}

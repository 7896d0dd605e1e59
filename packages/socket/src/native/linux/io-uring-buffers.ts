import * as abi from './io-uring-abi.js';
import { ioUringCalls } from './io-uring-calls.js';
import type { Failure, IoUring } from './io-uring.js';
import { MappedMemory } from './io-uring-memory.js';

const HIGH = 2 ** 32;

/**
 * Buffers that the kernel picks from when data arrives: a connection that waits holds none.
 *
 * A buffer belongs to the kernel from {@link give} until the completion that carries its id, and to us from then on until it is given
 * back. Where the kernel can (Linux 6.12), a buffer is filled by one message behind the other and given back when it is full.
 */
export class BufferRing {
  /** Buffers are filled bit by bit. */
  readonly incremental: boolean;
  private readonly ring: MappedMemory;
  private readonly memory: MappedMemory;
  private readonly words: Int32Array;
  private readonly tails: Uint16Array;
  private readonly mask: number;
  /** How much of each buffer has been filled. */
  private readonly filled: Int32Array;
  private tail = 0;

  /**
   * @param group - A number for the buffers, for requests.
   * @param count - How many; a power of two.
   * @param size - Bytes of each.
   * @param incremental - Whether buffers may be filled bit by bit, if the kernel can.
   */
  constructor(
    private readonly uring: IoUring,
    readonly group: number,
    readonly count: number,
    readonly size: number,
    incremental: boolean,
    fail: Failure,
  ) {
    this.mask = count - 1;
    this.filled = new Int32Array(count);
    this.ring = new MappedMemory(count * abi.BUF_BYTES, fail);
    try {
      this.memory = new MappedMemory(count * size, fail);
    } catch (error) {
      this.ring.unmap();
      throw error;
    }
    this.words = new Int32Array(this.ring.buffer);
    this.tails = new Uint16Array(this.ring.buffer);
    let failed = incremental ? this.register(abi.IOU_PBUF_RING_INC) : -1;
    this.incremental = failed >= 0;
    if (failed < 0) failed = this.register(0);
    if (failed < 0) {
      this.ring.unmap();
      this.memory.unmap();
      throw fail(failed, 'io_uring_register');
    }
    for (let id = 0; id < count; id++) this.add(id);
    this.publish();
  }

  private register(flags: number): number {
    // struct io_uring_buf_reg: u64 ring_addr, u32 ring_entries, u16 bgid, u16 flags, u64 resv[3]
    const argument = new Int32Array(10);
    argument[0] = this.ring.address | 0;
    argument[1] = (this.ring.address / HIGH) | 0;
    argument[2] = this.count;
    argument[3] = this.group | (flags << 16);
    return ioUringCalls().register(this.uring.fd, abi.IORING_REGISTER_PBUF_RING, argument, 1);
  }

  /** The address of the data of a completion that carries a buffer. */
  addressIn(flags: number): number {
    const id = flags >>> abi.IORING_CQE_BUFFER_SHIFT;
    return this.memory.address + id * this.size + this.filled[id]!;
  }

  /** The same, as an index into {@link bytes}. */
  offsetIn(flags: number): number {
    const id = flags >>> abi.IORING_CQE_BUFFER_SHIFT;
    return id * this.size + this.filled[id]!;
  }

  /** All buffers, one behind the other. */
  get bytes(): ArrayBuffer {
    return this.memory.buffer;
  }

  /** The `length` bytes that came with a completion have been copied: gives the buffer back once it is used up. */
  give(flags: number, length: number): void {
    const id = flags >>> abi.IORING_CQE_BUFFER_SHIFT;
    if ((flags & abi.IORING_CQE_F_BUF_MORE) !== 0) {
      this.filled[id] = this.filled[id]! + length;
      return;
    }
    this.filled[id] = 0;
    this.add(id);
    this.publish();
  }

  private add(id: number): void {
    const { words } = this;
    const at = ((this.tail & this.mask) * abi.BUF_BYTES) / 4;
    const address = this.memory.address + id * this.size;
    words[at] = address | 0;
    words[at + 1] = (address / HIGH) | 0;
    words[at + 2] = this.size;
    // Its upper half belongs to the tail in the first entry.
    this.tails[at * 2 + 6] = id;
    this.tail++;
  }

  private publish(): void {
    Atomics.store(this.tails, abi.BUF_TAIL / 2, this.tail & 0xffff);
  }

  /** Once, after everything that could use the buffers is over and the ring is closed. */
  unmap(): void {
    this.ring.unmap();
    this.memory.unmap();
  }
}

import * as abi from './io-uring-abi.js';
import { ioUringCalls } from './io-uring-calls.js';
import type { Failure, IoUring } from './io-uring.js';
import { MappedMemory } from './io-uring-memory.js';

const HIGH = 2 ** 32;

/** Bytes behind each checked buffer, and what they hold. */
const GUARD = 64;
const CANARY = 0xa5;

/** How many buffers of what kind. */
export interface BufferRingOptions {
  /** A number for the buffers, for requests. */
  readonly group: number;
  /** How many; a power of two. */
  readonly count: number;
  /** Bytes of each. */
  readonly size: number;
  /** Whether buffers may be filled bit by bit, if the kernel can. */
  readonly incremental: boolean;
  /** For debugging: checks at each completion that nothing was written behind a buffer, and that none is given back twice. */
  readonly checked: boolean;
}

/**
 * Buffers that the kernel picks from when data arrives: a connection that waits holds none.
 *
 * A buffer belongs to the kernel from {@link give} until the completion that carries its id, and to us from then on until it is given
 * back. Where the kernel can (Linux 6.12), a buffer is filled by one message behind the other and given back when it is full.
 */
export class BufferRing {
  /** Buffers are filled bit by bit. */
  readonly incremental: boolean;
  readonly group: number;
  private readonly count: number;
  private readonly size: number;
  /** From one buffer to the next. */
  private readonly stride: number;
  private readonly ring: MappedMemory;
  private readonly memory: MappedMemory;
  private readonly words: Int32Array;
  private readonly tails: Uint16Array;
  private readonly mask: number;
  /** How much of each buffer has been filled. */
  private readonly filled: Int32Array;
  private readonly check: BufferCheck | null;
  private tail = 0;

  constructor(
    private readonly uring: IoUring,
    { group, count, size, incremental, checked }: BufferRingOptions,
    fail: Failure,
  ) {
    this.group = group;
    this.count = count;
    this.size = size;
    this.stride = checked ? size + GUARD : size;
    this.mask = count - 1;
    this.filled = new Int32Array(count);
    this.ring = new MappedMemory(count * abi.BUF_BYTES, fail);
    try {
      this.memory = new MappedMemory(count * this.stride, fail);
    } catch (error) {
      this.ring.unmap();
      throw error;
    }
    this.check = checked ? new BufferCheck(this.memory.buffer, size) : null;
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
    return this.memory.address + id * this.stride + this.filled[id]!;
  }

  /** The `length` bytes that came with a completion have been copied: gives the buffer back once it is used up. */
  give(flags: number, length: number): void {
    const id = flags >>> abi.IORING_CQE_BUFFER_SHIFT;
    this.check?.completed(id, this.filled[id]! + length, (flags & abi.IORING_CQE_F_BUF_MORE) !== 0);
    if ((flags & abi.IORING_CQE_F_BUF_MORE) !== 0) {
      this.filled[id] = this.filled[id]! + length;
      return;
    }
    this.filled[id] = 0;
    this.add(id);
    this.publish();
  }

  private add(id: number): void {
    this.check?.given(id);
    const { words } = this;
    const at = ((this.tail & this.mask) * abi.BUF_BYTES) / 4;
    const address = this.memory.address + id * this.stride;
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

/**
 * What debugging knows of the buffers. The kernel uses them in the order in which it was given them: one that comes back out of turn was given
 * back twice, or never.
 */
class BufferCheck {
  private readonly bytes: Uint8Array;
  /** Those that the kernel has, oldest first. */
  private readonly withKernel: number[] = [];

  constructor(
    memory: ArrayBuffer,
    private readonly size: number,
  ) {
    this.bytes = new Uint8Array(memory).fill(CANARY);
  }

  /** A completion has used the buffer up to `end`. @param more - The kernel keeps the rest. */
  completed(id: number, end: number, more: boolean): void {
    const due = this.withKernel[0];
    if (id !== due) throw new Error(`io_uring: buffer ${id} came back, and ${due} was due`);
    if (end > this.size) throw new Error(`io_uring: ${end} bytes in buffer ${id} of ${this.size}`);
    const guard = id * (this.size + GUARD) + this.size;
    if (this.bytes.subarray(guard, guard + GUARD).some((byte) => byte !== CANARY)) {
      throw new Error(`io_uring: something was written behind buffer ${id}`);
    }
    if (!more) this.withKernel.shift();
  }

  /** The kernel gets it. */
  given(id: number): void {
    this.withKernel.push(id);
  }
}

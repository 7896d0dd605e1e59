import { CommittedMemory, systemError } from '@tsyncio/socket/native';

/** Bytes that one receive of a stream takes at most. */
export const RECEIVE_SIZE = 16 * 1024;

/** More than the longest datagram of UDP: none is cut off. */
export const DATAGRAM_SIZE = 64 * 1024;

/** Buffers are made so many bytes at a time. */
const BATCH_BYTES = 1024 * 1024;

/** Memory for one receive, which the kernel owns while it is pending. */
export interface ReceiveBuffer {
  readonly address: number;
  readonly bytes: Buffer;
}

/** The buffers that pending receives of a loop use: one for each socket that reads. */
export class ReceiveMemory {
  private readonly blocks: CommittedMemory[] = [];
  private readonly free: ReceiveBuffer[] = [];

  /** @param size - Bytes of a buffer. */
  constructor(private readonly size: number) {}

  /** @throws OSError if there is no memory. */
  take(): ReceiveBuffer {
    return this.free.pop() ?? this.grow();
  }

  /** Only once nothing is pending on it. */
  give(buffer: ReceiveBuffer): void {
    this.free.push(buffer);
  }

  private grow(): ReceiveBuffer {
    const block = new CommittedMemory(BATCH_BYTES, systemError);
    this.blocks.push(block);
    for (let at = 0; at < BATCH_BYTES; at += this.size) {
      this.free.push({ address: block.address + at, bytes: Buffer.from(block.buffer, at, this.size) });
    }
    return this.free.pop()!;
  }

  /** If nothing is pending any more; otherwise it stays. */
  release(): void {
    if (this.free.length * this.size < this.blocks.length * BATCH_BYTES) return;
    for (const block of this.blocks) block.free();
    this.blocks.length = 0;
    this.free.length = 0;
  }
}

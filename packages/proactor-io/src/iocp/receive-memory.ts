import { CommittedMemory, systemError } from '@tsyncio/socket/native';

/** Bytes that one receive takes at most. */
export const RECEIVE_SIZE = 16 * 1024;

/** Buffers are made so many at a time. */
const BATCH = 64;

/** Memory for one receive, which the kernel owns while it is pending. */
export interface ReceiveBuffer {
  readonly address: number;
  readonly bytes: Buffer;
}

/** The buffers that pending receives of a loop use: one for each connection that reads. */
export class ReceiveMemory {
  private readonly blocks: CommittedMemory[] = [];
  private readonly free: ReceiveBuffer[] = [];

  /** @throws OSError if there is no memory. */
  take(): ReceiveBuffer {
    return this.free.pop() ?? this.grow();
  }

  /** Only once nothing is pending on it. */
  give(buffer: ReceiveBuffer): void {
    this.free.push(buffer);
  }

  private grow(): ReceiveBuffer {
    const block = new CommittedMemory(BATCH * RECEIVE_SIZE, systemError);
    this.blocks.push(block);
    for (let at = 0; at < BATCH * RECEIVE_SIZE; at += RECEIVE_SIZE) {
      this.free.push({ address: block.address + at, bytes: Buffer.from(block.buffer, at, RECEIVE_SIZE) });
    }
    return this.free.pop()!;
  }

  /** If nothing is pending any more; otherwise it stays. */
  release(): void {
    if (this.free.length < this.blocks.length * BATCH) return;
    for (const block of this.blocks) block.free();
    this.blocks.length = 0;
    this.free.length = 0;
  }
}

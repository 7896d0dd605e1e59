import { debugFromEnvironment, type HandleOwner } from '@tsyncio/core';
import {
  fileDescriptor,
  type OwnedDescriptor,
  type Socket,
  type StreamChannel,
  type StreamSink,
} from '@tsyncio/socket';
import { BlockPool, BufferRing, hasSince, type KernelVersion, ioUringCalls, systemError } from '@tsyncio/socket/native';

import { CompletionProactor } from '../completion-proactor.js';
import { UringPipeReader, UringPipeWriter } from './pipe-channel.js';
import { withIoUring } from './probe.js';
import { Ring } from './ring.js';
import { UringStreamChannel } from './stream-channel.js';

/** Buffers that all connections of a loop receive into, and the size of each. Small enough to stay in the processor's cache. */
const BUFFERS = { group: 1, count: 64, size: 16 * 1024 };

/** How an {@link IoUringProactor} is made. */
export interface IoUringProactorOptions {
  /**
   * Checks the use of memory that is shared with the kernel: an error ends the run. Default: as the debug mode of loops, by the environment
   * variable `TSYNCIO_DEBUG`.
   */
  readonly debug?: boolean | undefined;
  /** Uses nothing of Linux that is newer, for tests of what older kernels get. */
  readonly upTo?: KernelVersion | undefined;
}

/**
 * io_uring as the backend of a loop: one ring for each loop, and no system call for what has arrived.
 *
 * Every iteration enters the kernel at most once, and only if there is a reason: requests to hand over, or completions to fetch, both of
 * which are seen in shared memory. While the loop sleeps, libuv watches an eventfd on which the kernel counts completions.
 *
 * @example
 * const loop = new TaskLoop({ backend: new IoUringProactor() });
 */
export class IoUringProactor extends CompletionProactor<Ring> {
  /** Internal: where small messages land. */
  readonly buffers: BufferRing;
  /** Internal: memory that receivers will own. */
  readonly blocks = new BlockPool(64 * 1024, 16 * 1024);
  readonly largeBlocks = new BlockPool(256 * 1024, 64 * 1024);

  private readonly copy = ioUringCalls().copy;

  /**
   * @throws RuntimeError with the reason if there can be no ring here: see {@link probeIoUring}.
   */
  constructor(options: IoUringProactorOptions = {}) {
    const checked = options.debug ?? debugFromEnvironment();
    const [ring, buffers] = withIoUring((): [Ring, BufferRing] => {
      const ring = new Ring(options.upTo);
      try {
        const incremental = hasSince(options.upTo ?? '6.12', '6.12');
        return [ring, new BufferRing(ring.native, { ...BUFFERS, incremental, checked }, systemError)];
      } catch (error) {
        ring.close();
        throw error;
      }
    });
    super(ring);
    this.buffers = buffers;
  }

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.prepare(socket);
    return this.opened(new UringStreamChannel(this, socket, sink, loop));
  }

  openPipe(pipe: OwnedDescriptor, end: 'read' | 'write', sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.checkOpen();
    const fd = fileDescriptor(pipe);
    this.checkUnused(fd);
    const failed = this.calls.setNonblocking(fd, true);
    if (failed < 0) throw systemError(failed, 'fcntl');
    return this.opened(new (end === 'read' ? UringPipeReader : UringPipeWriter)(this, pipe, sink, loop));
  }

  protected releaseMemory(over: boolean): void {
    if (over) this.buffers.unmap();
    this.blocks.release();
    this.largeBlocks.release();
  }

  /** Copies what stands in a buffer of the kernel's, behind `before`, to memory that its receiver will own. Internal. */
  keep(before: Buffer | null, from: number, length: number): Buffer {
    const total = before === null ? length : before.length + length;
    const blocks = total > this.blocks.room() ? this.largeBlocks : this.blocks;
    blocks.room();
    const to = blocks.address;
    const piece = blocks.take(total);
    if (before !== null) piece.set(before);
    this.copy(to + total - length, from, length);
    return piece;
  }
}

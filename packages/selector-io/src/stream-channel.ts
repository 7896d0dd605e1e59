import type { HandleOwner } from '@tsyncio/core';
import {
  type CallNames,
  gatherNow,
  type OwnedDescriptor,
  sendFileNow,
  sendNow,
  SHUT_WR,
  SOCKET_CALLS,
  type StreamChannel,
  type StreamSink,
} from '@tsyncio/socket';
import { type StreamCalls, systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

import { SelectorChannel } from './selector-channel.js';
import type { SelectorIo } from './selector-io.js';

/** From this many bytes in one receive on, the next one is offered the larger block. */
const LARGE_READ = 16 * 1024;

/** A byte stream on a non-blocking socket, or on what is read and written by other calls. */
export class SelectorStreamChannel extends SelectorChannel implements StreamChannel {
  private large = false;

  constructor(
    io: SelectorIo,
    descriptor: OwnedDescriptor,
    protected readonly sink: StreamSink,
    loop: HandleOwner,
    private readonly calls: StreamCalls = io.calls,
  ) {
    super(io, descriptor, sink, loop);
  }

  protected get names(): CallNames {
    return SOCKET_CALLS;
  }

  get unsent(): number {
    return 0;
  }

  write(data: Uint8Array): number {
    return sendNow(this.calls, this.names, this.fd, data);
  }

  writev(chunks: readonly Uint8Array[]): number {
    return gatherNow(this.calls, this.names, this.fd, chunks);
  }

  sendFile(file: number, offset: number, length: number): number | null {
    return sendFileNow(this.fd, file, offset, length);
  }

  shutdownWrite(): void {
    this.socket.shutdown(SHUT_WR);
  }

  protected override receive(): unknown {
    return this.sink.buffered ? this.readIntoSink() : this.readBlock();
  }

  protected override writable(): unknown {
    return this.sink.onWritable();
  }

  private readBlock(): unknown {
    const { io } = this;
    const blocks = this.large ? io.largeBlocks : io.blocks;
    const room = blocks.room();
    const n = this.calls.recv(this.fd, blocks.address, room, 0);
    if (n <= 0) return this.ended(n);
    this.large = n >= LARGE_READ;
    return this.sink.onData(blocks.take(n));
  }

  private readIntoSink(): unknown {
    const { sink } = this;
    const buffer = sink.getBuffer(-1);
    if (buffer === null || this.fd < 0) return undefined;
    const n = this.calls.recvInto(this.fd, buffer, buffer.length, 0);
    return n > 0 ? sink.onBuffer(n) : this.ended(n);
  }

  /** Nothing was received: the end of the stream, an error, or a false alarm. */
  private ended(n: number): unknown {
    if (n === WOULD_BLOCK) return undefined;
    this.stopReading();
    if (n === 0) return this.sink.onEof();
    this.unwatchWritable();
    return this.sink.onError(systemError(n, this.names.read));
  }
}

import type { HandleOwner } from '@tsyncio/core';
import { type OwnedDescriptor, SHUT_WR, type StreamChannel, type StreamSink } from '@tsyncio/socket';
import { fileCalls, GATHER_MAX, type StreamCalls, systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

import { SelectorChannel } from './selector-channel.js';
import type { SelectorIo } from './selector-io.js';

/** From this many bytes in one receive on, the next one is offered the larger block. */
const LARGE_READ = 16 * 1024;

/** The names of the calls, for errors. */
export interface CallNames {
  readonly read: string;
  readonly write: string;
  readonly writev: string;
}

const SOCKET_NAMES: CallNames = { read: 'recv', write: 'send', writev: 'sendmsg' };

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
    return SOCKET_NAMES;
  }

  get unsent(): number {
    return 0;
  }

  write(data: Uint8Array): number {
    if (data.length === 0) return 0;
    const n = this.calls.send(this.fd, data, 0);
    return n >= 0 ? n : this.refused(n, this.names.write);
  }

  writev(chunks: readonly Uint8Array[]): number {
    let total = 0;
    for (let from = 0; from < chunks.length; from += GATHER_MAX) {
      const n = this.calls.gather(this.fd, chunks, from);
      if (n < 0) return total + this.refused(n, this.names.writev);
      total += n;
      if (n < lengthOf(chunks, from)) break;
    }
    return total;
  }

  sendFile(file: number, offset: number, length: number): number | null {
    const n = fileCalls().sendfile(this.fd, file, offset, length);
    return n >= 0 ? n : n === WOULD_BLOCK ? null : this.refused(n, 'sendfile');
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

  /** Nothing was sent: it would block (0), or an error. */
  private refused(n: number, syscall: string): 0 {
    if (n === WOULD_BLOCK) return 0;
    throw systemError(n, syscall);
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

/** Bytes in the chunks that one `gather` takes. */
function lengthOf(chunks: readonly Uint8Array[], from: number): number {
  let length = 0;
  const end = Math.min(from + GATHER_MAX, chunks.length);
  for (let i = from; i < end; i++) length += chunks[i]!.length;
  return length;
}

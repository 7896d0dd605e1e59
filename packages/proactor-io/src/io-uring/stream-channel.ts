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
import {
  E,
  IORING_CQE_F_BUFFER,
  IORING_CQE_F_MORE,
  type StreamCalls,
  systemError,
  WOULD_BLOCK,
} from '@tsyncio/socket/native';

import { CompletionChannel } from '../channel.js';
import type { IoUringProactor } from './io-uring-proactor.js';
import { READ } from '../readiness.js';

/**
 * From this many bytes at once on, a connection receives by calls into memory that its owner keeps, when a request says that there is
 * something: for large messages the one copy that completions need costs more than the call they save.
 */
const LARGE_READ = 16 * 1024;

/** Pieces are joined up to this size. */
const JOINED_MAX = 32 * 1024;

/** After so many smaller ones in a row, a connection is no longer one of large messages. (A message often comes in pieces.) */
const LARGE_CREDIT = 16;

/** Nothing has ended the stream. */
const OPEN = 1;

/**
 * A byte stream on a non-blocking socket.
 *
 * Small messages come as completions of one request that goes on for as long as the channel reads: no system call for each. They land in
 * the buffers that all channels share and are copied out at once, into memory that the receiver owns. One piece is delivered in an
 * iteration; while pieces wait, no new request is made, so that the kernel slows the sender down.
 *
 * Data is sent by a call, there and then. (A request would need a copy of it, and tell only later that the connection is broken; the
 * README has the figures.)
 */
export class UringStreamChannel extends CompletionChannel<IoUringProactor> implements StreamChannel {
  /** Above 0 while large reads are expected: how many small ones that survives. */
  private large = 0;
  /** The pending request is a poll, not a receive. */
  private polled = false;
  /** What was received and not yet delivered, oldest first. */
  private arrived: Buffer[] | null = null;
  private first: Buffer | null = null;
  /** Bytes that were received since the last delivery. */
  private burst = 0;
  /** What has ended the stream behind that: 0 its end, or a negated error number. */
  private ending = OPEN;

  constructor(
    io: IoUringProactor,
    descriptor: OwnedDescriptor,
    protected readonly sink: StreamSink,
    loop: HandleOwner,
    private readonly calls: StreamCalls = io.calls,
    /** Whether the descriptor is a socket, which can be received from by requests. */
    private readonly byRequests = true,
  ) {
    super(io, descriptor, sink, loop);
  }

  protected get names(): CallNames {
    return SOCKET_CALLS;
  }

  // ---- Sending ----------------------------------------------------------------------------------------------------------------------

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

  protected override writable(): unknown {
    return this.sink.onWritable();
  }

  // ---- Receiving --------------------------------------------------------------------------------------------------------------------

  override reconcile(): void {
    if (this.fd < 0) return;
    if (this.slot >= 0) {
      if (!this.wanted || (this.large > 0 && !this.polled)) this.io.queue.cancel(this);
    }
    if (!this.wanted) return;
    if (this.first !== null || this.ending !== OPEN) this.isDue(READ, this);
    else if (this.slot < 0) this.request();
  }

  private request(): void {
    this.polled = this.large > 0 || !this.byRequests;
    if (this.polled) super.reconcile();
    else this.io.queue.receive(this, this.fd, this.io.buffers.group);
  }

  override completed(result: number, flags: number): void {
    if (this.polled) {
      super.completed(result, flags);
      return;
    }
    const { buffers } = this.io;
    if ((flags & IORING_CQE_F_BUFFER) !== 0) {
      if (result > 0 && this.fd >= 0) this.keep(buffers.addressIn(flags), result);
      buffers.give(flags, Math.max(result, 0));
    }
    if (this.fd < 0) return;
    // Out of buffers, or cancelled: asked again if it is still wanted.
    if (result <= 0 && result !== -E.ENOBUFS && result !== -E.ECANCELED) this.ending = result;
    if (this.wanted && (this.first !== null || this.ending !== OPEN)) this.isDue(READ, this);
    if ((flags & IORING_CQE_F_MORE) === 0 && this.wanted) this.io.queue.touch(this);
  }

  /** Copies what has arrived to memory that its receiver will own. */
  private keep(from: number, length: number): void {
    const { io } = this;
    const before = this.arrived === null ? this.first : null;
    if (before !== null && before.length + length <= JOINED_MAX) {
      // A message that went over the end of a buffer.
      this.first = io.keep(before, from, length);
    } else {
      const piece = io.keep(null, from, length);
      if (this.first === null) this.first = piece;
      else (this.arrived ??= []).push(piece);
    }
    this.burst += length;
    if (this.burst < LARGE_READ || this.large > 0) return;
    this.large = LARGE_CREDIT;
    io.queue.touch(this);
  }

  protected override receive(): unknown {
    if (this.first !== null) return this.deliver(this.first);
    if (this.ending !== OPEN) {
      // A call would have needed memory to find the end.
      if (this.sink.buffered && this.sink.getBuffer(-1) === null) this.io.queue.touch(this);
      else if (this.fd >= 0) return this.ended(this.ending);
      return undefined;
    }
    // Reported for something that was taken back since, or by a poll.
    if (!this.polled) return undefined;
    return this.sink.buffered ? this.readIntoSink() : this.readBlock();
  }

  /** Hands on a piece that has arrived; what remains is due in the next iteration. */
  private deliver(piece: Buffer): unknown {
    const { sink } = this;
    this.burst = 0;
    if (!sink.buffered) {
      this.advance(null);
      return sink.onData(piece);
    }
    const buffer = sink.getBuffer(-1);
    if (buffer === null || this.fd < 0) {
      this.io.queue.touch(this);
      return undefined;
    }
    const n = Math.min(buffer.length, piece.length);
    buffer.set(n < piece.length ? piece.subarray(0, n) : piece);
    this.advance(n < piece.length ? piece.subarray(n) : null);
    return sink.onBuffer(n);
  }

  /** @param rest - What is left of the first piece. */
  private advance(rest: Buffer | null): void {
    this.first = rest ?? this.arrived?.shift() ?? null;
    if (this.arrived?.length === 0) this.arrived = null;
    if (this.first !== null || this.ending !== OPEN || this.slot < 0) this.io.queue.touch(this);
  }

  private readBlock(): unknown {
    const { io } = this;
    const blocks = this.large > 0 ? io.largeBlocks : io.blocks;
    const room = blocks.room();
    const n = this.calls.recv(this.fd, blocks.address, room, 0);
    if (n <= 0) return this.ended(n);
    this.expect(n);
    return this.sink.onData(blocks.take(n));
  }

  private readIntoSink(): unknown {
    const { sink } = this;
    const buffer = sink.getBuffer(-1);
    if (buffer === null || this.fd < 0) return undefined;
    const n = this.calls.recvInto(this.fd, buffer, buffer.length, 0);
    if (n <= 0) return this.ended(n);
    this.expect(n);
    return sink.onBuffer(n);
  }

  /** What the size of a read says of the next ones. */
  private expect(n: number): void {
    if (n >= LARGE_READ) this.large = LARGE_CREDIT;
    else if (this.large > 0) this.large--;
  }

  /** Nothing was received: the end of the stream, an error, or a false alarm. */
  private ended(n: number): unknown {
    if (n === WOULD_BLOCK) return undefined;
    this.ending = OPEN; // reading once more would report it again
    this.stopReading();
    if (n === 0) return this.sink.onEof();
    this.unwatchWritable();
    return this.sink.onError(systemError(n, this.names.read));
  }

  protected override closed(): void {
    this.first = null;
    this.arrived = null;
  }
}

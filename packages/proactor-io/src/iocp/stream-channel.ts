import { type HandleOwner, osError } from '@tsyncio/core';
import {
  gatherNow,
  sendNow,
  SHUT_WR,
  type Socket,
  SOCKET_CALLS,
  type StreamChannel,
  type StreamSink,
} from '@tsyncio/socket';
import { E, systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

import { CompletionChannel } from '../channel.js';
import { READ, WRITE } from '../readiness.js';
import type { IocpProactor } from './iocp-proactor.js';
import { RECEIVE_SIZE, type ReceiveBuffer } from './receive-memory.js';
import { Transmission } from './transmission.js';

/** Nothing has ended the stream. */
const OPEN = 1;

/**
 * A byte stream on a socket.
 *
 * One receive is pending while the channel reads. What it brings is copied to memory that the receiver will own. One that has filled its buffer is
 * followed by calls that receive straight into such memory, as long as there is much to receive. A pause leaves the pending receive alone: what it
 * brings is delivered when reading goes on (asyncio: the same).
 *
 * Data is sent by a call, there and then; for room to send more the driver of sockets is asked.
 */
export class IocpStreamChannel extends CompletionChannel<IocpProactor> implements StreamChannel {
  /** The socket belongs to another port: the driver is asked when there is something to receive, and a call receives it. */
  private readonly isForeign: boolean;
  private readonly skips: boolean;
  /** Of the pending receive. */
  private buffer: ReceiveBuffer | null = null;
  /** What was received and not yet delivered. */
  private arrived: Buffer | null = null;
  /** What has ended the stream behind that: 0 its end, or a negated error number. */
  private ending = OPEN;
  /** There is much to receive: a call is next. */
  private calling = false;
  /** Of files; made when first needed. */
  private transmission: Transmission | null = null;
  /** What it has failed with. */
  private broken = 0;
  private watching = false;

  constructor(
    io: IocpProactor,
    socket: Socket,
    private readonly sink: StreamSink,
    loop: HandleOwner,
  ) {
    super(io, socket, sink, loop);
    const attached = io.queue.attach(this.fd);
    this.isForeign = attached < 0;
    this.skips = attached === 1;
  }

  // ---- Sending ----------------------------------------------------------------------------------------------------------------------

  get unsent(): number {
    return this.transmission === null ? 0 : this.transmission.length;
  }

  write(data: Uint8Array): number {
    if (this.unsent > 0) return 0;
    return sendNow(this.io.calls, SOCKET_CALLS, this.fd, data);
  }

  writev(chunks: readonly Uint8Array[]): number {
    if (this.unsent > 0) return 0;
    return gatherNow(this.io.calls, SOCKET_CALLS, this.fd, chunks);
  }

  sendFile(file: number, offset: number, length: number): number | null {
    if (this.isForeign) throw osError({ code: 'ENOSYS', syscall: 'TransmitFile' });
    if (this.unsent > 0) return null;
    this.transmission ??= new Transmission(this.io.queue, this.fd, this.skips, (error) => this.transmitted(error));
    const taken = this.transmission.start(file, offset, length);
    // While that is pending, the driver would say again and again that there is room.
    if (this.unsent > 0) super.unwatchWritable();
    return taken;
  }

  private transmitted(error: number): void {
    if (this.fd < 0) return;
    this.broken = error;
    if (error < 0) this.isDue(WRITE, this.transmission!);
    else if (this.watching) super.watchWritable();
  }

  override watchWritable(): void {
    this.watching = true;
    if (this.unsent === 0) super.watchWritable();
  }

  override unwatchWritable(): void {
    this.watching = false;
    super.unwatchWritable();
  }

  override close(): void {
    // Closing ends it too, unless the socket has a duplicate.
    if (this.fd >= 0) this.transmission?.stop();
    super.close();
  }

  shutdownWrite(): void {
    this.socket.shutdown(SHUT_WR);
  }

  protected override writable(): unknown {
    if (this.broken < 0) {
      this.stopReading();
      this.unwatchWritable();
      return this.sink.onError(systemError(this.broken, 'TransmitFile'));
    }
    return this.sink.onWritable();
  }

  // ---- Receiving --------------------------------------------------------------------------------------------------------------------

  override reconcile(): void {
    if (this.fd < 0 || !this.wanted) return;
    if (this.arrived !== null || this.ending !== OPEN || this.calling) this.isDue(READ, this);
    else if (this.slot >= 0) return;
    else if (this.isForeign) super.reconcile();
    else this.request();
  }

  private request(): void {
    const { io } = this;
    this.buffer ??= io.received.take();
    io.queue.receive(this, this.fd, this.buffer.address, RECEIVE_SIZE, this.skips);
  }

  override completed(result: number, flags: number): void {
    if (this.isForeign) {
      this.calling = result >= 0;
      super.completed(result, flags);
      return;
    }
    const { io } = this;
    const buffer = this.buffer!;
    this.buffer = null;
    if (this.fd >= 0) {
      if (result > 0) {
        this.arrived = io.keep(buffer.bytes, result);
        this.calling = result === RECEIVE_SIZE;
      } else this.ending = result === -E.ECANCELED ? -E.ECONNRESET : result; // somebody else has cancelled it
      if (this.wanted) {
        if (this.arrived !== null || this.ending !== OPEN) this.isDue(READ, this);
        else io.queue.touch(this);
      }
    }
    io.received.give(buffer);
  }

  protected override receive(): unknown {
    if (this.arrived !== null) return this.deliver(this.arrived);
    if (this.ending !== OPEN) {
      // A call would have needed memory to find the end.
      if (this.sink.buffered && this.sink.getBuffer(-1) === null) this.io.queue.touch(this);
      else if (this.fd >= 0) return this.ended(this.ending);
      return undefined;
    }
    if (!this.calling) return undefined; // taken back since
    this.io.queue.touch(this);
    return this.sink.buffered ? this.callIntoSink() : this.callForBlock();
  }

  /** Hands on what has arrived; what remains is due in the next iteration. */
  private deliver(piece: Buffer): unknown {
    const { sink } = this;
    this.io.queue.touch(this);
    if (!sink.buffered) {
      this.arrived = null;
      return sink.onData(piece);
    }
    const buffer = sink.getBuffer(-1);
    if (buffer === null || this.fd < 0) return undefined;
    const n = Math.min(buffer.length, piece.length);
    buffer.set(n < piece.length ? piece.subarray(0, n) : piece);
    this.arrived = n < piece.length ? piece.subarray(n) : null;
    return sink.onBuffer(n);
  }

  private callForBlock(): unknown {
    const { blocks, calls } = this.io;
    const room = blocks.room();
    const n = calls.recv(this.fd, blocks.address, room, 0);
    this.calling = n >= RECEIVE_SIZE;
    return n > 0 ? this.sink.onData(blocks.take(n)) : this.ended(n);
  }

  private callIntoSink(): unknown {
    const { sink } = this;
    const buffer = sink.getBuffer(-1);
    if (buffer === null || this.fd < 0) return undefined;
    const n = this.io.calls.recvInto(this.fd, buffer, buffer.length, 0);
    this.calling = n >= RECEIVE_SIZE;
    return n > 0 ? sink.onBuffer(n) : this.ended(n);
  }

  /** Nothing was received: the end of the stream, an error, or a false alarm. */
  private ended(n: number): unknown {
    if (n === WOULD_BLOCK) return undefined;
    this.ending = OPEN; // reading once more would report it again
    this.stopReading();
    if (n === 0) return this.sink.onEof();
    this.unwatchWritable();
    return this.sink.onError(systemError(n, SOCKET_CALLS.read));
  }

  protected override closed(): void {
    this.arrived = null;
    if (this.slot >= 0 || this.buffer === null) return;
    // It was still waiting for a slot.
    this.io.received.give(this.buffer);
    this.buffer = null;
  }
}

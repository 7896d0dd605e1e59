import { type HandleOwner, osError, type OSError } from '@tsyncio/core';
import type { OwnedDescriptor, StreamChannel, StreamSink } from '@tsyncio/socket';
import { E, systemError } from '@tsyncio/socket/native';

import { CompletionChannel } from '../channel.js';
import { Operation } from '../operation.js';
import { READ, WRITE } from '../readiness.js';
import type { IocpProactor } from './iocp-proactor.js';
import { RECEIVE_SIZE, type ReceiveBuffer } from './receive-memory.js';

/** Nothing has ended the stream. */
const OPEN = 1;

/** One end of a pipe. A read is pending while the channel reads; one write at a time is, out of memory of its own. */
export class NamedPipeChannel extends CompletionChannel<IocpProactor> implements StreamChannel {
  /** Of the pending read. */
  private buffer: ReceiveBuffer | null = null;
  /** What was read and not yet delivered. */
  private arrived: Buffer | null = null;
  /** What has ended the stream behind that: 0 its end, or a negated error number. */
  private ending = OPEN;
  private readonly output: PendingWrite;
  private watching = false;
  /** What a write has failed with. */
  private broken = 0;

  constructor(
    io: IocpProactor,
    pipe: OwnedDescriptor,
    private readonly sink: StreamSink,
    loop: HandleOwner,
  ) {
    super(io, pipe, sink, loop);
    this.output = new PendingWrite(io, this.fd, (result) => this.written(result));
  }

  // ---- Sending ----------------------------------------------------------------------------------------------------------------------

  get unsent(): number {
    return this.output.length;
  }

  write(data: Uint8Array): number {
    return this.writev([data]);
  }

  writev(chunks: readonly Uint8Array[]): number {
    if (this.broken < 0) throw systemError(this.broken, 'WriteFile');
    return this.output.length > 0 ? 0 : this.output.start(chunks);
  }

  sendFile(): never {
    throw osError({ code: 'EINVAL', syscall: 'TransmitFile', message: 'TransmitFile EINVAL: this is a pipe' });
  }

  shutdownWrite(): never {
    throw osError({ code: 'EINVAL', syscall: 'shutdown', message: 'shutdown EINVAL: a pipe has no end of stream' });
  }

  override watchWritable(): void {
    this.watching = true;
    if (this.fd >= 0 && this.output.length === 0) this.isWritable();
  }

  override unwatchWritable(): void {
    this.watching = false;
  }

  private written(result: number): void {
    if (this.fd < 0) return;
    if (result < 0) this.broken = result;
    if (this.watching || result < 0) this.isDue(WRITE, this.output);
  }

  /** Outside of a poll. */
  private isWritable(): void {
    this.isDue(WRITE, this.output);
    this.io.queue.wake();
  }

  protected override writable(): unknown {
    if (this.broken < 0) return this.failed(systemError(this.broken, 'WriteFile'));
    if (!this.watching) return undefined;
    const step = this.sink.onWritable();
    if (this.watching && this.fd >= 0 && this.output.length === 0) this.isWritable();
    return step;
  }

  // ---- Receiving --------------------------------------------------------------------------------------------------------------------

  override reconcile(): void {
    if (this.fd < 0 || !this.wanted) return;
    if (this.arrived !== null || this.ending !== OPEN) this.isDue(READ, this);
    else if (this.slot < 0) {
      this.buffer = this.io.received.take();
      this.io.queue.readFile(this, this.fd, this.buffer.address, RECEIVE_SIZE);
    }
  }

  override completed(result: number): void {
    const { io } = this;
    const buffer = this.buffer!;
    this.buffer = null;
    if (this.fd >= 0) {
      if (result > 0) this.arrival(buffer.bytes, result);
      // An empty message is no end: that is an error here.
      else if (result === -E.EPIPE) this.ending = 0;
      else if (result < 0 && result !== -E.ECANCELED) this.readFailed(result);
      if (this.wanted) {
        if (this.arrived !== null || this.ending !== OPEN) this.isDue(READ, this);
        else io.queue.touch(this);
      }
    }
    io.received.give(buffer);
  }

  /** Of `length` bytes. */
  protected arrival(bytes: Buffer, length: number): void {
    this.arrived = this.io.keep(bytes, length);
  }

  /** With a negated error number. */
  protected readFailed(result: number): void {
    this.ending = result;
  }

  protected override receive(): unknown {
    const { sink, arrived } = this;
    if (arrived === null) return this.ending === OPEN ? undefined : this.ended(this.ending);
    this.io.queue.touch(this);
    if (!sink.buffered) {
      this.arrived = null;
      return sink.onData(arrived);
    }
    const buffer = sink.getBuffer(-1);
    if (buffer === null || this.fd < 0) return undefined;
    const n = Math.min(buffer.length, arrived.length);
    buffer.set(arrived.subarray(0, n));
    this.arrived = n < arrived.length ? arrived.subarray(n) : null;
    return sink.onBuffer(n);
  }

  private ended(n: number): unknown {
    if (n < 0) return this.failed(systemError(n, 'ReadFile'));
    this.stopReading();
    return this.sink.onEof();
  }

  private failed(error: OSError): unknown {
    this.stopReading();
    this.unwatchWritable();
    return this.sink.onError(error);
  }

  override close(): void {
    if (this.fd >= 0) this.output.stop();
    super.close();
  }

  protected override closed(): void {
    this.arrived = null;
  }
}

/** The write that is pending, at most one. */
class PendingWrite extends Operation {
  /** Bytes of it. */
  length = 0;
  private buffer: ReceiveBuffer | null = null;

  constructor(
    private readonly io: IocpProactor,
    private readonly fd: number,
    private readonly done: (result: number) => void,
  ) {
    super();
  }

  /** Copies what there is room for. @returns Bytes. */
  start(chunks: readonly Uint8Array[]): number {
    this.buffer ??= this.io.received.take();
    let length = 0;
    for (const chunk of chunks) {
      const n = Math.min(chunk.length, RECEIVE_SIZE - length);
      this.buffer.bytes.set(n < chunk.length ? chunk.subarray(0, n) : chunk, length);
      length += n;
      if (n < chunk.length) break;
    }
    this.length = length;
    this.io.queue.want(this);
    return length;
  }

  stop(): void {
    this.io.queue.cancelNow(this);
    if (this.slot < 0) this.giveBack();
  }

  override reconcile(): void {
    if (this.wanted && this.slot < 0) this.io.queue.writeFile(this, this.fd, this.buffer!.address, this.length);
  }

  override completed(result: number): void {
    const wasWanted = this.wanted;
    this.io.queue.unwant(this);
    this.giveBack();
    // Broken: what was not written stays unsent.
    if (result >= 0) this.length = 0;
    if (wasWanted) this.done(result);
  }

  private giveBack(): void {
    if (this.buffer !== null) this.io.received.give(this.buffer);
    this.buffer = null;
  }
}

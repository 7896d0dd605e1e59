import { readSync } from 'node:fs';

import { Handle, type HandleOwner, type ReadySink } from '@tsyncio/core';
import type { Socket, StreamChannel, StreamIo, StreamSink } from '@tsyncio/socket';

/** A channel whose kernel does what the test says. It keeps what was written. */
export class ScriptedChannel implements StreamChannel {
  fd = 99;
  /** Bytes that the kernel takes until further notice. */
  room = Infinity;
  /** As a completion backend: bytes taken stay unsent until {@link sent}. */
  completes = false;
  unsent = 0;
  /** Thrown by the next write. */
  failure: unknown = null;
  readonly written: Buffer[] = [];
  readonly calls: string[] = [];
  reading = false;
  watching = false;
  private readonly writable: Handle;

  constructor(
    readonly sink: StreamSink,
    private readonly ready: ReadySink,
    loop: HandleOwner,
  ) {
    this.writable = new Handle(() => this.watching && sink.onWritable(), [], loop);
  }

  /** The kernel has room again. */
  becomesWritable(room = Infinity): void {
    this.room = room;
    this.ready.addReady(this.writable);
  }

  /** What was written is on its way. */
  sent(): void {
    this.unsent = 0;
    this.ready.addReady(this.writable);
  }

  startReading(): void {
    this.reading = true;
  }

  stopReading(): void {
    this.reading = false;
  }

  write(data: Uint8Array): number {
    this.calls.push(`write ${data.length}`);
    return this.take([data]);
  }

  writev(chunks: readonly Uint8Array[]): number {
    this.calls.push(`writev ${chunks.length}`);
    return this.take(chunks);
  }

  watchWritable(): void {
    this.watching = true;
  }

  unwatchWritable(): void {
    this.watching = false;
  }

  sendFile(file: number, offset: number, length: number): number | null {
    const data = Buffer.alloc(Math.min(length, this.room));
    if (data.length === 0) return null;
    return this.write(data.subarray(0, readSync(file, data, 0, data.length, offset)));
  }

  shutdownWrite(): void {
    this.calls.push('shutdown');
  }

  close(): void {
    this.calls.push('close');
    this.reading = false;
    this.watching = false;
    this.fd = -1;
    this.unsent = 0;
  }

  private take(chunks: readonly Uint8Array[]): number {
    if (this.failure !== null) {
      const { failure } = this;
      this.failure = null;
      throw failure;
    }
    let taken = 0;
    for (const chunk of chunks) {
      const n = Math.min(chunk.length, this.room);
      this.written.push(Buffer.from(chunk.subarray(0, n)));
      this.room -= n;
      taken += n;
      if (n < chunk.length) break;
    }
    if (this.completes) this.unsent += taken;
    return taken;
  }
}

/** Streams without a kernel. */
export class ScriptedIo implements StreamIo {
  readonly active = false;
  channel!: ScriptedChannel;
  private ready!: ReadySink;

  attach(ready: ReadySink): void {
    this.ready = ready;
  }

  openStream(_socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    return (this.channel = new ScriptedChannel(sink, this.ready, loop));
  }

  poll(): void {}
  arm(): void {}
  disarm(): void {}
  wake(): void {}
  close(): void {}
}

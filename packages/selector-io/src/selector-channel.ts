import { Handle, type HandleOwner } from '@tsyncio/core';
import type { Socket, StreamChannel, StreamSink } from '@tsyncio/socket';
import { SHUT_WR } from '@tsyncio/socket';
import { GATHER_MAX, systemCalls, systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

import { EVENT_READ, EVENT_WRITE } from './selector.js';
import type { SelectorIo } from './selector-io.js';
import { Watch } from './watch.js';

/** From this many bytes in one receive on, the next one is offered the larger block. */
const LARGE_READ = 16 * 1024;

/**
 * A stream on a non-blocking socket.
 *
 * One receive for each time that the selector reports data: a level-triggered selector reports what is left in the next iteration,
 * so that one busy connection cannot starve the others, and callbacks come in asyncio's order.
 *
 * The two handles live as long as the channel and are put on the ready queue again and again. Where asyncio cancels a handle, here
 * the event that is queued is marked stale.
 */
export class SelectorChannel extends Watch implements StreamChannel {
  override readonly stays = true;
  readonly unsent = 0;
  private readonly calls = systemCalls();
  private readonly readHandle: Handle;
  private readonly writeHandle: Handle;
  /** Queued events that must not have an effect any more. */
  private stale = 0;
  private large = false;

  constructor(
    private readonly io: SelectorIo,
    private readonly socket: Socket,
    private readonly sink: StreamSink,
    loop: HandleOwner,
  ) {
    super(socket.fileno(), socket);
    this.readHandle = new Handle(() => this.read(), [], loop);
    this.writeHandle = new Handle(() => this.becameWritable(), [], loop);
  }

  startReading(): void {
    if (this.fd < 0 || this.reader !== null) return;
    this.io.ask(this, this.events | EVENT_READ);
    this.reader = this.readHandle;
  }

  stopReading(): void {
    if (this.reader === null) return;
    this.reader = null;
    this.stale |= this.queued & EVENT_READ;
    this.io.ask(this, this.events & ~EVENT_READ);
  }

  write(data: Uint8Array): number {
    if (data.length === 0) return 0;
    return this.written(this.calls.send(this.fd, data, 0), 'send');
  }

  writev(chunks: readonly Uint8Array[]): number {
    let total = 0;
    for (let from = 0; from < chunks.length; from += GATHER_MAX) {
      const part = chunks.slice(from, from + GATHER_MAX);
      const n = this.written(this.calls.gather(this.fd, part, 0), 'sendmsg');
      total += n;
      if (n < part.reduce((sum, chunk) => sum + chunk.length, 0)) break;
    }
    return total;
  }

  watchWritable(): void {
    if (this.fd < 0 || this.writer !== null) return;
    this.io.ask(this, this.events | EVENT_WRITE);
    this.writer = this.writeHandle;
  }

  unwatchWritable(): void {
    if (this.writer === null) return;
    this.writer = null;
    this.stale |= this.queued & EVENT_WRITE;
    this.io.ask(this, this.events & ~EVENT_WRITE);
  }

  shutdownWrite(): void {
    this.socket.shutdown(SHUT_WR);
  }

  close(): void {
    if (this.fd < 0) return;
    this.io.drop(this); // cancels our own handles as well: they are needed no more
    this.fd = -1;
    this.socket.close();
  }

  override refuses(events: number): boolean {
    if (!this.sink.isClosing()) return true;
    // Closing, but what was written before is still on its way out.
    return events === EVENT_READ ? this.reader === this.readHandle : this.writer === this.writeHandle;
  }

  private read(): unknown {
    if (this.isStale(EVENT_READ)) return undefined;
    return this.sink.buffered ? this.readIntoSink() : this.readBlock();
  }

  private readBlock(): unknown {
    const blocks = this.large ? this.io.largeBlocks : this.io.blocks;
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
    return this.sink.onError(systemError(n, 'recv'));
  }

  private becameWritable(): unknown {
    return this.isStale(EVENT_WRITE) ? undefined : this.sink.onWritable();
  }

  /** Takes note that a queued event runs; true if it must not. */
  private isStale(event: number): boolean {
    this.queued &= ~event;
    const stale = (this.stale & event) !== 0;
    this.stale &= ~event;
    return stale || this.fd < 0;
  }

  private written(n: number, syscall: string): number {
    if (n >= 0) return n;
    if (n === WOULD_BLOCK) return 0;
    throw systemError(n, syscall);
  }
}

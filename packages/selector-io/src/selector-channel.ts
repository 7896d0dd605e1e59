import { Handle, type HandleOwner, type ReadySink } from '@tsyncio/core';
import type { Socket, StreamChannel, StreamSink } from '@tsyncio/socket';
import { SHUT_WR } from '@tsyncio/socket';
import { GATHER_MAX, systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

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
 * One handle serves both directions and lives as long as the channel: it is put on the ready queue again and again, and looks at
 * `due` when it runs. Where asyncio cancels the queued handle of a direction, here its bit is cleared. (Two handles would do the
 * same for 350 bytes more a connection.)
 */
export class SelectorChannel extends Watch implements StreamChannel {
  private readonly handle: Handle;
  private reading = false;
  private writing = false;
  /** Events that were reported and not yet dealt with. */
  private due = 0;
  private queued = false;
  private large = false;

  constructor(
    private readonly io: SelectorIo,
    socket: Socket,
    private readonly sink: StreamSink,
    loop: HandleOwner,
  ) {
    super(socket.fileno(), socket);
    this.handle = new Handle(runChannel, [this], loop);
  }

  override get stays(): boolean {
    return true;
  }

  get unsent(): number {
    return 0;
  }

  startReading(): void {
    if (this.fd < 0 || this.reading) return;
    this.io.ask(this, this.events | EVENT_READ);
    this.reading = true;
  }

  stopReading(): void {
    if (!this.reading) return;
    this.reading = false;
    this.due &= ~EVENT_READ;
    this.io.ask(this, this.wanted());
  }

  write(data: Uint8Array): number {
    if (data.length === 0) return 0;
    return written(this.io.calls.send(this.fd, data, 0), 'send');
  }

  writev(chunks: readonly Uint8Array[]): number {
    let total = 0;
    for (let from = 0; from < chunks.length; from += GATHER_MAX) {
      const n = written(this.io.calls.gather(this.fd, chunks, from), 'sendmsg');
      total += n;
      if (n < lengthOf(chunks, from)) break;
    }
    return total;
  }

  watchWritable(): void {
    if (this.fd < 0 || this.writing) return;
    this.io.ask(this, this.events | EVENT_WRITE);
    this.writing = true;
  }

  unwatchWritable(): void {
    if (!this.writing) return;
    this.writing = false;
    this.due &= ~EVENT_WRITE;
    this.io.ask(this, this.wanted());
  }

  shutdownWrite(): void {
    this.socket.shutdown(SHUT_WR);
  }

  close(): void {
    if (this.fd < 0) return;
    this.reading = false;
    this.writing = false;
    this.due = 0;
    this.handle.cancel();
    this.io.drop(this);
    this.fd = -1;
    try {
      this.socket.close();
    } catch {
      // Closed by someone else, or an error that came too late for anyone to act on: it is closed.
    }
  }

  override wanted(): number {
    return super.wanted() | (this.reading ? EVENT_READ : 0) | (this.writing ? EVENT_WRITE : 0);
  }

  override dispatch(events: number, ready: ReadySink): boolean {
    const own = events & ((this.reading ? EVENT_READ : 0) | (this.writing ? EVENT_WRITE : 0));
    if (own !== 0) {
      this.due |= own;
      if (!this.queued) {
        this.queued = true;
        ready.addReady(this.handle);
      }
    }
    // User code may watch the descriptor of a transport that is closing.
    return own === events || super.dispatch(events & ~own, ready);
  }

  override refuses(events: number): boolean {
    if (!this.sink.isClosing()) return true;
    // Closing, but what was written before is still on its way out.
    return events === EVENT_READ ? this.reading : this.writing;
  }

  /** Deals with the events that are due, reading first. Called by the handle; what it returns goes to the scheduler. */
  run(): unknown {
    this.queued = false;
    if ((this.due & EVENT_READ) !== 0) {
      this.due &= ~EVENT_READ;
      const step = this.sink.buffered ? this.readIntoSink() : this.readBlock();
      if (isPromise(step)) {
        // Nothing else runs before its step is over. Writability is reported again in the next iteration.
        this.due = 0;
        return step;
      }
    }
    if ((this.due & EVENT_WRITE) === 0) return undefined;
    this.due &= ~EVENT_WRITE;
    return this.sink.onWritable();
  }

  private readBlock(): unknown {
    const { io } = this;
    const blocks = this.large ? io.largeBlocks : io.blocks;
    const room = blocks.room();
    const n = io.calls.recv(this.fd, blocks.address, room, 0);
    if (n <= 0) return this.ended(n);
    this.large = n >= LARGE_READ;
    return this.sink.onData(blocks.take(n));
  }

  private readIntoSink(): unknown {
    const { sink } = this;
    const buffer = sink.getBuffer(-1);
    if (buffer === null || this.fd < 0) return undefined;
    const n = this.io.calls.recvInto(this.fd, buffer, buffer.length, 0);
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

  private get socket(): Socket {
    return this.file as Socket;
  }
}

function runChannel(channel: SelectorChannel): unknown {
  return channel.run();
}

function written(n: number, syscall: string): number {
  if (n >= 0) return n;
  if (n === WOULD_BLOCK) return 0;
  throw systemError(n, syscall);
}

/** Bytes in the chunks that one `gather` takes. */
function lengthOf(chunks: readonly Uint8Array[], from: number): number {
  let length = 0;
  const end = Math.min(from + GATHER_MAX, chunks.length);
  for (let i = from; i < end; i++) length += chunks[i]!.length;
  return length;
}

function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}

import { Handle, logger } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { PipeIo, StreamSink } from '@tsyncio/socket';

import { bufferOf } from './buffer-of.js';
import type { PipeLike, PipeOpener } from './pipe-descriptor.js';
import { PipeEnd } from './pipe-end.js';
import {
  type BaseProtocolCallbacks,
  type BufferedProtocolCallbacks,
  isBufferedProtocol,
  type ProtocolCallbacks,
} from './protocol.js';
import { callProtocol } from './protocol-calls.js';
import { ReadTransport } from './transport.js';

/**
 * The callbacks of a protocol that reads a pipe: data comes by `dataReceived`, or into memory of its own as for a `BufferedProtocol`. What
 * `eofReceived` returns is ignored: a pipe has no other direction to keep open.
 */
export interface ReadPipeProtocol
  extends
    BaseProtocolCallbacks<ReadTransport>,
    Pick<ProtocolCallbacks, 'dataReceived' | 'eofReceived'>,
    Partial<Pick<BufferedProtocolCallbacks, 'getBuffer' | 'bufferUpdated'>> {}

/** The transport of the end of a pipe that is read. asyncio: `_UnixReadPipeTransport`. Users get it from `connectReadPipe`. */
export class ReadPipeTransport extends ReadTransport implements StreamSink {
  /** Internal: see {@link StreamSink}. */
  buffered: boolean;
  private readonly end: PipeEnd<ReadPipeProtocol>;
  private paused = false;

  /**
   * Takes over the pipe. The protocol's callbacks run in the async context of this call.
   *
   * @throws ValueError for a regular file and for what is no descriptor; RuntimeError if a transport of the loop uses it already; the
   *   system's error if it is closed. In all cases it stays the caller's.
   */
  constructor(
    loop: TaskLoop<PipeIo>,
    pipe: PipeLike,
    protocol: ReadPipeProtocol,
    waiter: Future<void> | null = null,
    io: PipeOpener = loop.backend,
  ) {
    super({ pipe });
    this.end = new PipeEnd(loop, this, pipe, 'read', protocol, io);
    this.buffered = isBufferedProtocol(protocol);
    this.end.begin(() => this.startReading(), waiter);
  }

  override isReading(): boolean {
    return !this.paused && !this.end.closing;
  }

  override pauseReading(): void {
    const { end } = this;
    if (end.closing || this.paused) return;
    this.paused = true;
    end.channel.stopReading();
    if (end.loop.getDebug()) logger.debug(`${String(this)} pauses reading`);
  }

  override resumeReading(): void {
    const { end } = this;
    if (end.closing || !this.paused) return;
    this.paused = false;
    end.watch(() => this.startReading());
    if (end.loop.getDebug()) logger.debug(`${String(this)} resumes reading`);
  }

  override isClosing(): boolean {
    return this.end.closing;
  }

  override close(): void {
    this.end.lose(null);
  }

  override setProtocol(protocol: ReadPipeProtocol): void {
    this.end.setProtocol(protocol);
    this.buffered = isBufferedProtocol(protocol);
  }

  override getProtocol(): ReadPipeProtocol | null {
    return this.end.protocol;
  }

  /** `<ReadPipeTransport fd=7 polling>`, also with `closing`, `closed` or `idle`. */
  override toString(): string {
    return this.end.describe(this.isReading() ? ' polling' : ' idle');
  }

  /** Internal. */
  onData(data: Buffer): unknown {
    return callProtocol(this.end, this.end.protocol!, 'dataReceived', data);
  }

  /** Internal. */
  getBuffer(sizeHint: number): Uint8Array | null {
    const { end } = this;
    const protocol = end.protocol as BufferedProtocolCallbacks;
    try {
      const buffer = bufferOf(protocol, sizeHint);
      return end.closing ? null : buffer;
    } catch (error) {
      end.protocolFailed(error, 'getBuffer', protocol);
      return null;
    }
  }

  /** Internal. */
  onBuffer(nbytes: number): unknown {
    return callProtocol(this.end, this.end.protocol!, 'bufferUpdated', nbytes);
  }

  /** Internal: both callbacks come in the next iteration. */
  onEof(): void {
    const { end } = this;
    const { loop, protocol } = end;
    if (loop.getDebug()) logger.info(`${String(this)} was closed by peer`);
    const eofReceived = protocol!.eofReceived?.bind(protocol);
    if (eofReceived !== undefined) loop.enqueue(new Handle(eofReceived, [], loop));
    end.lose(null);
  }

  /** Internal. EIO is how a pseudo-terminal says that its other side was closed. */
  onError(error: Error): void {
    const { end } = this;
    const message = 'Fatal read error on pipe transport';
    if ((error as { code?: unknown }).code !== 'EIO') end.report(message, error);
    else if (end.loop.getDebug()) logger.debug(`${String(this)}: ${message}: ${String(error)}`);
    end.lose(error);
  }

  /** Internal: never called, nothing is written. */
  onWritable(): void {}

  /** A pause in `connectionMade` holds. (In asyncio it is undone here.) */
  private startReading(): void {
    if (!this.paused) this.end.channel.startReading();
  }
}

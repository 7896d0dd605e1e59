import { brand, Handle, isOSError, logger, osError } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { PipeIo, StreamSink } from '@tsyncio/socket';

import { checkBytes } from './bytes.js';
import { FlowControlledTransport } from './flow-control.js';
import type { PipeLike, PipeOpener } from './pipe-descriptor.js';
import { PipeEnd } from './pipe-end.js';
import type { BaseProtocolCallbacks } from './protocol.js';
import { callProtocol, countLostWrite } from './protocol-calls.js';
import type { WriteTransport } from './transport.js';
import { WriteBuffer } from './write-buffer.js';

/** The callbacks of a protocol that writes a pipe. */
export type WritePipeProtocol = BaseProtocolCallbacks<WriteTransport>;

/** The transport of the end of a pipe that is written. asyncio: `_UnixWritePipeTransport`. Users get it from `connectWritePipe`. */
export class WritePipeTransport extends FlowControlledTransport implements StreamSink {
  static {
    brand(this.prototype, 'WriteTransport');
  }
  /** Internal: see {@link StreamSink}. */
  readonly buffered = false;
  private readonly end: PipeEnd<WritePipeProtocol>;
  /** Calls `pauseWriting`, inside a `write` of whoever it was, in the async context in which the transport was made. */
  private readonly pause: Handle;
  /** What the pipe has no room for. */
  private readonly output = new WriteBuffer();
  private lostWrites = 0;

  /** Takes over the pipe, as {@link ReadPipeTransport} does. */
  constructor(
    loop: TaskLoop<PipeIo>,
    pipe: PipeLike,
    protocol: WritePipeProtocol,
    waiter: Future<void> | null = null,
    io: PipeOpener = loop.backend,
  ) {
    super({ pipe });
    this.end = new PipeEnd(loop, this, pipe, 'write', protocol, io);
    this.pause = new Handle(() => this.callFlowControl('pauseWriting'), [], loop);
    // Of a character device one cannot tell: a terminal is readable because somebody types.
    this.end.begin(() => {
      if (this.end.kind !== 'character device') this.end.channel.startReading();
    }, waiter);
  }

  override getWriteBufferSize(): number {
    return this.output.size + this.end.channel.unsent;
  }

  override write(data: Uint8Array): void {
    checkBytes('write: data', data);
    if (data.length === 0) return;
    const { end, output } = this;
    if (end.closing) {
      this.lostWrites = countLostWrite(
        this.lostWrites,
        'pipe closed by peer or os.write(pipe, data) raised exception.',
      );
      return;
    }
    let taken = 0;
    if (this.getWriteBufferSize() === 0) {
      try {
        taken = end.channel.write(data);
        if (taken === data.length && end.channel.unsent === 0) return;
        end.channel.watchWritable();
      } catch (error) {
        this.writeFailed(error);
        return;
      }
    }
    if (taken < data.length) output.append(data, taken);
    this.maybePauseProtocol();
  }

  /** True: see {@link writeEof}. */
  override canWriteEof(): boolean {
    return true;
  }

  /** The same as {@link close}: a pipe has no other direction. */
  override writeEof(): void {
    this.close();
  }

  override close(): void {
    const { end } = this;
    if (end.closing) return;
    end.closing = true;
    // While something is buffered, the reader going away is still news.
    if (this.getWriteBufferSize() === 0) end.lose(null);
  }

  /** Discards what is buffered. Without effect once the pipe is lost. */
  override abort(): void {
    this.discard(null);
  }

  override isClosing(): boolean {
    return this.end.closing;
  }

  override setProtocol(protocol: WritePipeProtocol): void {
    this.end.setProtocol(protocol);
  }

  override getProtocol(): WritePipeProtocol | null {
    return this.end.protocol;
  }

  /** `<WritePipeTransport fd=7 idle bufsize=0>`, also with `closing`, `closed` or `polling`. */
  override toString(): string {
    const size = this.getWriteBufferSize();
    return this.end.describe(`${size > 0 ? ' polling' : ' idle'} bufsize=${size}`);
  }

  /** Internal. */
  onWritable(): void {
    const { end, output } = this;
    if (end.lost) return;
    const { channel } = end;
    if (output.size > 0) {
      try {
        const views = output.views();
        output.consume(views.length === 1 ? channel.write(views[0]!) : channel.writev(views));
      } catch (error) {
        this.writeFailed(error);
        return;
      }
    }
    // The protocol may write, close or abort in here.
    this.maybeResumeProtocol();
    if (end.lost || this.getWriteBufferSize() > 0) return;
    channel.unwatchWritable();
    if (end.closing) end.loseNow();
  }

  /** Internal: the reader is gone. */
  onEof(): void {
    if (this.end.loop.getDebug()) logger.info(`${String(this)} was closed by peer`);
    this.discard(this.getWriteBufferSize() > 0 ? osError({ code: 'EPIPE', syscall: 'write' }) : null);
  }

  /** Internal: never called, nothing is read. */
  onData(): void {}

  /** Internal: what the channel had taken could not be written. */
  onError(error: Error): void {
    this.writeFailed(error);
  }

  /** Internal: never called, nothing is read. */
  getBuffer(): null {
    return null;
  }

  /** Internal: never called, nothing is read. */
  onBuffer(): void {}

  protected override callPauseWriting(): void {
    this.pause.run();
  }

  protected override callResumeWriting(): void {
    this.callFlowControl('resumeWriting');
  }

  private callFlowControl(callback: 'pauseWriting' | 'resumeWriting'): void {
    void callProtocol(this.end, this.end.protocol!, callback);
  }

  /** What the system says about the pipe is no news; anything else is reported. */
  private writeFailed(error: unknown): void {
    const { end } = this;
    const message = 'Fatal write error on pipe transport';
    if (!isOSError(error)) end.report(message, error);
    else if (end.loop.getDebug()) logger.debug(`${String(this)}: ${message}: ${String(error)}`);
    this.lostWrites++;
    this.discard(error);
  }

  private discard(error: unknown): void {
    this.output.consume(this.output.size);
    this.end.lose(error);
  }
}

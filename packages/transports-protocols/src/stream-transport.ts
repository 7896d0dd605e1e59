import { brand, hasBrand, isExitError, isStep, logger, RuntimeError } from '@tsyncio/core';
import type { CoroutineGenerator, Future, TaskLoop } from '@tsyncio/futures-tasks';
import {
  type Address,
  type FileSource,
  FileTransfer,
  type Socket,
  type StreamChannel,
  type StreamIo,
  type StreamSink,
} from '@tsyncio/socket';

import { bufferOf } from './buffer-of.js';
import { checkBytes, checkPieces } from './bytes.js';
import { connectionLostError, type FileSender, refuseWhileSending } from './file-sender.js';
import {
  isBufferedProtocol,
  type BufferedProtocolCallbacks,
  type ProtocolCallbacks,
  type StreamProtocol,
} from './protocol.js';
import { adoptStep } from './protocol-calls.js';
import { SocketTransport } from './socket-transport.js';
import { setNodelay } from './tcp-nodelay.js';
import type { Transport } from './transport.js';
import { WriteBuffer } from './write-buffer.js';

const READ_FAILED = 'Fatal read error on socket transport';
const WRITE_FAILED = 'Fatal write error on socket transport';

/** The callbacks whose failure ends the connection. */
const DATA_CALLS: readonly string[] = ['dataReceived', 'getBuffer', 'bufferUpdated', 'eofReceived'];

/** Whoever counts the connections that it has accepted: a server. */
export interface TransportOwner {
  /** The transport exists. */
  attach(transport: Transport): void;
  /** Its connection is lost and `connectionLost` has returned. */
  detach(transport: Transport): void;
}

/** How a {@link StreamTransport} is made. */
export interface StreamTransportOptions {
  /** Completed when `connectionMade` was called and reading has begun. */
  readonly waiter?: Future<void> | undefined;
  /** The peer as `accept` reported it; by default the socket is asked. */
  readonly peername?: Address | undefined;
  readonly owner?: TransportOwner | undefined;
  /** Where there is no socket. Internal. */
  readonly pipe?:
    { open(sink: StreamSink): StreamChannel; readonly extra: Readonly<Record<string, unknown>> } | undefined;
}

/**
 * The transport of byte streams, TCP and Unix: protocol callbacks, write buffer and flow control over a channel of any backend.
 * asyncio: `_SelectorSocketTransport`.
 *
 * Users get it from `createConnection` and `createServer`, as a {@link Transport}.
 */
export class StreamTransport extends SocketTransport<StreamProtocol> implements StreamSink, FileSender {
  static {
    brand(this.prototype, 'StreamTransport');
    brand(this.prototype, 'FileSender');
  }
  /** Internal: see {@link FileSender}. */
  sendingFile = false;
  /** Internal: see {@link StreamSink}. */
  buffered: boolean;
  protected readonly readFailed = READ_FAILED;
  protected override readonly channel: StreamChannel;
  private readonly owner: TransportOwner | null;
  /** What the kernel did not take; null while there is nothing, so that a write can go to the kernel at once. */
  private output: WriteBuffer | null = null;
  private eofWritten = false;
  /** What goes out when the buffer is empty. */
  private file: { readonly advance: () => boolean; readonly done: Future<void> } | null = null;

  /**
   * Takes over a connected socket. The protocol's callbacks run in the async context of this call.
   *
   * @throws RuntimeError if a transport of the loop uses the descriptor already. OSError if the socket is closed. In both cases the
   *   socket stays the caller's.
   */
  constructor(
    loop: TaskLoop<StreamIo>,
    socket: Socket | null,
    protocol: StreamProtocol,
    options: StreamTransportOptions = {},
  ) {
    super(loop, socket, protocol, options.peername, options.pipe?.extra);
    this.buffered = isBufferedProtocol(protocol);
    if (socket !== null) setNodelay(socket);
    this.channel = socket === null ? options.pipe!.open(this) : loop.backend.openStream(socket, this, loop);
    this.owner = options.owner ?? null;
    this.owner?.attach(this);
    this.begin(options.waiter ?? null);
  }

  override setProtocol(protocol: StreamProtocol): void {
    super.setProtocol(protocol);
    if (this.protocol !== null) this.buffered = isBufferedProtocol(protocol);
  }

  // ---- Receiving ------------------------------------------------------------------------------------------------------------

  override isReading(): boolean {
    return !this.paused && !this.closing;
  }

  override pauseReading(): void {
    if (this.closing || this.paused) return;
    this.paused = true;
    this.channel.stopReading();
    if (this.loop.getDebug()) logger.debug(`${String(this)} pauses reading`);
  }

  override resumeReading(): void {
    if (this.closing || !this.paused) return;
    this.paused = false;
    this.startReading();
    if (this.loop.getDebug()) logger.debug(`${String(this)} resumes reading`);
  }

  /** Internal. */
  onData(data: Buffer): unknown {
    const protocol = this.protocol as ProtocolCallbacks;
    let result: unknown;
    try {
      result = protocol.dataReceived?.(data);
    } catch (error) {
      this.protocolFailed(error, 'dataReceived', protocol);
      return undefined;
    }
    return isStep(result) ? adoptStep(this, result, 'dataReceived', protocol) : undefined;
  }

  /** Internal. */
  getBuffer(sizeHint: number): Uint8Array | null {
    const protocol = this.protocol as BufferedProtocolCallbacks;
    try {
      const buffer = bufferOf(protocol, sizeHint);
      // Closed by the very call: nothing is received any more.
      return this.closing ? null : buffer;
    } catch (error) {
      this.protocolFailed(error, 'getBuffer', protocol);
      return null;
    }
  }

  /** Internal. */
  onBuffer(nbytes: number): unknown {
    const protocol = this.protocol as BufferedProtocolCallbacks;
    let result: unknown;
    try {
      result = protocol.bufferUpdated?.(nbytes);
    } catch (error) {
      this.protocolFailed(error, 'bufferUpdated', protocol);
      return undefined;
    }
    return isStep(result) ? adoptStep(this, result, 'bufferUpdated', protocol) : undefined;
  }

  /** Internal. */
  onEof(): unknown {
    if (this.loop.getDebug()) logger.debug(`${String(this)} received EOF`);
    const protocol = this.protocol!;
    let keepOpen: unknown;
    try {
      keepOpen = protocol.eofReceived?.();
    } catch (error) {
      this.protocolFailed(error, 'eofReceived', protocol);
      return undefined;
    }
    if (isStep(keepOpen)) {
      const decided = keepOpen.then((keep) => {
        if (!keep) this.close();
      });
      return adoptStep(this, decided, 'eofReceived', protocol);
    }
    // If it is kept, it stays open for writing. The channel has stopped reading.
    if (!keepOpen) this.close();
    return undefined;
  }

  /** Internal. */
  onError(error: unknown): void {
    this.fatalError(error, READ_FAILED);
  }

  // ---- Sending --------------------------------------------------------------------------------------------------------------

  override getWriteBufferSize(): number {
    return (this.output === null ? 0 : this.output.size) + this.channel.unsent;
  }

  override write(data: Uint8Array): void {
    checkBytes('write: data', data);
    if (this.eofWritten) throw new RuntimeError('Cannot call write() after writeEof()');
    if (this.sendingFile) refuseWhileSending('write');
    const { length } = data;
    if (length === 0) return;
    if (this.lostWrites > 0) {
      this.ignoreWrite();
      return;
    }
    let taken = 0;
    if (this.output === null) {
      try {
        taken = this.channel.write(data);
        if (taken === length && this.channel.unsent === 0) return;
        this.channel.watchWritable();
      } catch (error) {
        this.fatalError(error, WRITE_FAILED);
        return;
      }
    }
    if (taken < length) (this.output ??= new WriteBuffer()).append(data, taken);
    this.maybePauseProtocol();
  }

  /** As {@link write} of all pieces together, by one system call and without joining them. */
  override writelines(pieces: Iterable<Uint8Array>): void {
    const chunks = checkPieces('writelines', pieces);
    if (this.eofWritten) throw new RuntimeError('Cannot call writelines() after writeEof()');
    if (this.sendingFile) refuseWhileSending('writelines');
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    if (length === 0) return;
    if (this.lostWrites > 0) {
      this.ignoreWrite();
      return;
    }
    let taken = 0;
    if (this.output === null) {
      try {
        taken = this.channel.writev(chunks);
        if (taken === length && this.channel.unsent === 0) return;
        this.channel.watchWritable();
      } catch (error) {
        this.fatalError(error, WRITE_FAILED);
        return;
      }
    }
    if (taken < length) {
      const output = (this.output ??= new WriteBuffer());
      for (const chunk of chunks) {
        if (taken < chunk.length) output.append(chunk, taken);
        taken = Math.max(0, taken - chunk.length);
      }
    }
    this.maybePauseProtocol();
  }

  /** True. */
  override canWriteEof(): boolean {
    return true;
  }

  override writeEof(): void {
    if (this.closing || this.eofWritten) return;
    if (this.sendingFile) refuseWhileSending('writeEof');
    this.eofWritten = true;
    if (!this.hasOutput()) this.shutdownWrite();
  }

  /** Internal. */
  onWritable(): void {
    if (this.lostWrites > 0) return;
    const { output, channel } = this;
    if (output !== null) {
      try {
        const views = output.views();
        output.consume(views.length === 1 ? channel.write(views[0]!) : channel.writev(views));
      } catch (error) {
        this.fatalError(error, WRITE_FAILED);
        return;
      }
      if (output.size === 0) this.output = null;
    }
    // The protocol may write, close or abort in here.
    this.maybeResumeProtocol();
    if (this.lostWrites > 0 || this.hasOutput() || this.sendFileOn()) return;
    channel.unwatchWritable();
    if (this.closing) this.loseNow();
    else if (this.eofWritten) this.shutdownWrite();
  }

  /** Internal: see {@link FileSender}. */
  *sendFile(source: FileSource, offset: number, count: number | null): CoroutineGenerator<number> {
    if (this.eofWritten) throw new RuntimeError('Cannot send a file after writeEof()');
    const transfer = new FileTransfer(this.channel, source, offset, count);
    if (transfer.isEmpty()) return 0;
    const advance = (): boolean => !this.hasOutput() && transfer.advance() && !this.hasOutput();
    try {
      if (!advance()) yield* this.sendFileByTurns(advance);
    } catch (error) {
      // Of what the kernel says about the connection, nobody would hear again.
      if (!this.closing && hasBrand(error, 'ConnectionError')) this.fatalError(error, WRITE_FAILED);
      throw error;
    }
    return transfer.sent;
  }

  private *sendFileByTurns(advance: () => boolean): CoroutineGenerator<void> {
    this.channel.watchWritable();
    const done = this.loop.createFuture<void>();
    this.file = { advance, done };
    try {
      yield* done;
    } finally {
      this.file = null;
      // A transport that is closing waits for what has been handed over, also if that has left since.
      if (this.lostWrites === 0 && !this.closing && !this.hasOutput()) this.channel.unwatchWritable();
    }
  }

  /** There is room for a part of the file, if one is being sent. @returns Whether there will be more. */
  private sendFileOn(): boolean {
    const { file } = this;
    if (file === null || file.done.done()) return false;
    try {
      if (!file.advance()) return true;
      file.done.setResult();
    } catch (error) {
      file.done.setException(error);
    }
    return false;
  }

  /** The file that is being sent goes no further. */
  private dropFile(error: unknown): void {
    const { file } = this;
    if (file !== null && !file.done.done()) file.done.setException(connectionLostError(error));
  }

  // ---- Ending ---------------------------------------------------------------------------------------------------------------

  override close(): void {
    super.close();
    this.dropFile(null);
  }

  /** `<StreamTransport fd=7 read=polling write=<idle, bufsize=0>>`, also with `closing` or `closed`. */
  override toString(): string {
    return this.describe(this.isReading());
  }

  // ---- Private --------------------------------------------------------------------------------------------------------------

  protected override hasOutput(): boolean {
    return this.output !== null || this.channel.unsent > 0;
  }

  protected override discardOutput(error: unknown): void {
    this.output = null;
    this.dropFile(error);
  }

  protected override ended(): void {
    this.owner?.detach(this);
  }

  private shutdownWrite(): void {
    try {
      this.channel.shutdownWrite();
    } catch (error) {
      this.fatalError(error, WRITE_FAILED); // the peer has reset the connection
    }
  }

  /** Internal. Without the data callbacks the connection makes no sense; the others leave it as it is. */
  override protocolFailed(error: unknown, callback: string, protocol: StreamProtocol): void {
    if (DATA_CALLS.includes(callback) && !isExitError(error)) {
      this.fatalError(error, `Fatal error: protocol.${callback}() call failed.`, protocol);
    } else {
      super.protocolFailed(error, callback, protocol);
    }
  }
}

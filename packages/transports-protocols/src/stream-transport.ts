import { Handle, hasBrand, isExitError, isOSError, logger, repr, RuntimeError, type Job } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { Address, Socket, StreamChannel, StreamIo, StreamSink } from '@tsyncio/socket';

import { checkBytes, checkPieces } from './bytes.js';
import { FlowControlledTransport } from './flow-control.js';
import {
  isBufferedProtocol,
  type BufferedProtocolCallbacks,
  type ProtocolCallbacks,
  type StreamProtocol,
} from './protocol.js';
import { setNodelay } from './tcp-nodelay.js';
import { TransportSocket } from './transport-socket.js';
import { WriteBuffer } from './write-buffer.js';

const READ_FAILED = 'Fatal read error on socket transport';
const WRITE_FAILED = 'Fatal write error on socket transport';

type ProtocolCall =
  'dataReceived' | 'getBuffer' | 'bufferUpdated' | 'eofReceived' | 'pauseWriting' | 'resumeWriting' | 'connectionLost';

/** The callbacks whose failure ends the connection. */
const DATA_CALLS: readonly ProtocolCall[] = ['dataReceived', 'getBuffer', 'bufferUpdated', 'eofReceived'];

/** From so many writes to a lost connection on, each one is warned about. */
const WRITES_TO_WARN = 5;

/** Whoever counts the connections that it has accepted: a server. */
export interface TransportOwner {
  /** The transport exists. */
  attach(transport: StreamTransport): void;
  /** Its connection is lost and `connectionLost` has returned. */
  detach(transport: StreamTransport): void;
}

/** How a {@link StreamTransport} is made. */
export interface StreamTransportOptions {
  /** Completed when `connectionMade` was called and reading has begun. */
  readonly waiter?: Future<void> | undefined;
  /** The peer as `accept` reported it; by default the socket is asked. */
  readonly peername?: Address | undefined;
  readonly owner?: TransportOwner | undefined;
}

/**
 * The transport of byte streams, TCP and Unix: protocol callbacks, write buffer and flow control over a channel of any backend.
 * asyncio: `_SelectorSocketTransport`.
 *
 * Its life: made (`connectionMade` is queued), open, closing (`close` was called, the buffer is being sent), lost (`connectionLost` is
 * queued or running; writes are ignored), closed (the descriptor is gone, there is no protocol).
 *
 * Users get it from `createConnection` and `createServer`, as a {@link Transport}.
 */
export class StreamTransport extends FlowControlledTransport implements StreamSink {
  /** Internal: see {@link StreamSink}. */
  buffered: boolean;
  /** Null once closed. */
  private protocol: StreamProtocol | null;
  private readonly channel: StreamChannel;
  private readonly owner: TransportOwner | null;
  /** Calls the protocol in the async context in which the transport was made, when that is not the current one. */
  private readonly scope: Handle;
  /** What the kernel did not take; null while there is nothing, so that a write can go to the kernel at once. */
  private output: WriteBuffer | null = null;
  private paused = false;
  private eofWritten = false;
  private closing = false;
  /** Above 0 once the connection is lost: one more than the writes that came after. */
  private lostWrites = 0;
  /** What `connectionLost` will be told. */
  private lostError: unknown = null;
  private socketView: TransportSocket | null = null;

  /**
   * Takes over a connected socket. The protocol's callbacks run in the async context of this call.
   *
   * @throws RuntimeError if a transport of the loop uses the descriptor already. OSError if the socket is closed. In both cases the
   *   socket stays the caller's.
   */
  constructor(
    private readonly loop: TaskLoop<StreamIo>,
    private readonly socket: Socket,
    protocol: StreamProtocol,
    options: StreamTransportOptions = {},
  ) {
    super({
      sockname: nameOrNull(socket, 'getsockname'),
      peername: options.peername ?? nameOrNull(socket, 'getpeername'),
    });
    checkProtocol('protocol', protocol);
    this.protocol = protocol;
    this.buffered = isBufferedProtocol(protocol);
    setNodelay(socket);
    const connectionMade = protocol.connectionMade?.bind(protocol);
    const made = connectionMade === undefined ? null : new Handle(connectionMade, [this], loop);
    this.scope = new Handle(runInScope, [this], loop);
    this.channel = loop.backend.openStream(socket, this, loop);
    this.owner = options.owner ?? null;
    this.owner?.attach(this);
    if (made !== null) loop.enqueue(made);
    // Nothing may be received before connectionMade was called.
    loop.enqueue(new Beginning(this, options.waiter ?? null));
  }

  protected override lookUp(name: string): unknown {
    return name === 'socket' ? (this.socketView ??= new TransportSocket(this.socket)) : super.lookUp(name);
  }

  /** As {@link BaseTransport.setProtocol}; without effect once the connection is lost. */
  override setProtocol(protocol: StreamProtocol): void {
    checkProtocol('setProtocol', protocol);
    if (this.protocol === null) return;
    this.protocol = protocol;
    this.buffered = isBufferedProtocol(protocol);
  }

  override getProtocol(): StreamProtocol | null {
    return this.protocol;
  }

  override isClosing(): boolean {
    return this.closing;
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

  /** Internal: begins to receive unless the protocol has other plans. */
  startReading(): void {
    if (this.closing || this.paused) return;
    try {
      this.channel.startReading();
    } catch (error) {
      this.fatalError(error, READ_FAILED);
    }
  }

  /** Internal. */
  onData(data: Buffer): void {
    const protocol = this.protocol as ProtocolCallbacks;
    let result: unknown;
    try {
      result = protocol.dataReceived?.(data);
    } catch (error) {
      this.protocolFailed(error, 'dataReceived', protocol);
      return;
    }
    if (isPromise(result)) this.adopt(result, 'dataReceived', protocol);
  }

  /** Internal. */
  getBuffer(sizeHint: number): Uint8Array | null {
    const protocol = this.protocol as BufferedProtocolCallbacks;
    try {
      const buffer: unknown = protocol.getBuffer(sizeHint);
      checkBytes('getBuffer: the buffer', buffer);
      if (buffer.length === 0) throw new RuntimeError('getBuffer() returned an empty buffer');
      // Closed by the very call: nothing is received any more.
      return this.closing ? null : buffer;
    } catch (error) {
      this.protocolFailed(error, 'getBuffer', protocol);
      return null;
    }
  }

  /** Internal. */
  onBuffer(nbytes: number): void {
    const protocol = this.protocol as BufferedProtocolCallbacks;
    let result: unknown;
    try {
      result = protocol.bufferUpdated?.(nbytes);
    } catch (error) {
      this.protocolFailed(error, 'bufferUpdated', protocol);
      return;
    }
    if (isPromise(result)) this.adopt(result, 'bufferUpdated', protocol);
  }

  /** Internal. */
  onEof(): void {
    if (this.loop.getDebug()) logger.debug(`${String(this)} received EOF`);
    const protocol = this.protocol!;
    let keepOpen: unknown;
    try {
      keepOpen = protocol.eofReceived?.();
    } catch (error) {
      this.protocolFailed(error, 'eofReceived', protocol);
      return;
    }
    if (isPromise(keepOpen)) {
      this.adopt(
        keepOpen.then((keep) => {
          if (!keep) this.close();
        }),
        'eofReceived',
        protocol,
      );
    } else if (!keepOpen) {
      this.close();
    }
    // Otherwise it stays open for writing. The channel has stopped reading.
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
    if (this.lostWrites > 0 || this.hasOutput()) return;
    channel.unwatchWritable();
    if (this.closing) {
      this.lostWrites = 1;
      this.callConnectionLost();
    } else if (this.eofWritten) {
      this.shutdownWrite();
    }
  }

  // ---- Ending ---------------------------------------------------------------------------------------------------------------

  override close(): void {
    if (this.closing) return;
    this.closing = true;
    this.channel.stopReading();
    if (!this.hasOutput()) this.lose(null);
  }

  override abort(): void {
    this.forceClose(null);
  }

  /** `<StreamTransport fd=7 read=polling write=<idle, bufsize=0>>`, also with `closing` or `closed`. */
  override toString(): string {
    const { fd } = this.channel;
    const state = fd < 0 ? ' closed' : this.closing ? ' closing' : '';
    if (this.loop.isClosed()) return `<${this.constructor.name}${state} fd=${fd}>`;
    const reading = this.isReading() ? 'polling' : 'idle';
    const writing = this.hasOutput() ? 'polling' : 'idle';
    const size = this.getWriteBufferSize();
    return `<${this.constructor.name}${state} fd=${fd} read=${reading} write=<${writing}, bufsize=${size}>>`;
  }

  // ---- Private --------------------------------------------------------------------------------------------------------------

  private hasOutput(): boolean {
    return this.output !== null || this.channel.unsent > 0;
  }

  private ignoreWrite(): void {
    if (this.lostWrites >= WRITES_TO_WARN) logger.warning('socket.send() raised exception.');
    this.lostWrites++;
  }

  private shutdownWrite(): void {
    try {
      this.channel.shutdownWrite();
    } catch (error) {
      this.fatalError(error, WRITE_FAILED); // the peer has reset the connection
    }
  }

  /** The connection cannot go on. What the network does is no news; anything else is reported. */
  private fatalError(error: unknown, message: string, protocol = this.protocol): void {
    if (isOSError(error)) {
      if (this.loop.getDebug()) logger.debug(`${String(this)}: ${message}: ${String(error)}`);
    } else {
      this.loop.callExceptionHandler({ message, exception: error, transport: this, protocol });
    }
    this.forceClose(error);
  }

  private forceClose(error: unknown): void {
    if (this.lostWrites > 0) return;
    this.output = null;
    this.channel.unwatchWritable();
    if (!this.closing) {
      this.closing = true;
      this.channel.stopReading();
    }
    this.lose(error);
  }

  private lose(error: unknown): void {
    this.lostWrites = 1;
    this.lostError = error;
    this.loop.enqueue(this.scope);
  }

  /** What {@link scope} runs: `connectionLost` from the ready queue, or `pauseWriting` in the middle of a write. Internal. */
  scoped(): void {
    if (this.lostWrites > 0) this.callConnectionLost();
    else this.callFlowControl('pauseWriting');
  }

  private callConnectionLost(): void {
    const protocol = this.protocol!;
    try {
      const result = protocol.connectionLost?.(this.lostError as Error | null);
      if (isPromise(result)) this.adopt(result, 'connectionLost', protocol);
    } catch (error) {
      this.protocolFailed(error, 'connectionLost', protocol);
    } finally {
      this.channel.close();
      this.protocol = null;
      this.owner?.detach(this);
    }
  }

  protected override callPauseWriting(): void {
    this.scope.run();
  }

  protected override callResumeWriting(): void {
    this.callFlowControl('resumeWriting');
  }

  private callFlowControl(callback: 'pauseWriting' | 'resumeWriting'): void {
    const protocol = this.protocol!;
    try {
      const result = protocol[callback]?.();
      if (isPromise(result)) this.adopt(result, callback, protocol);
    } catch (error) {
      this.protocolFailed(error, callback, protocol);
    }
  }

  /** A callback was an async function: its step belongs to the callback, its failure counts as a thrown error. */
  private adopt(promise: PromiseLike<unknown>, callback: ProtocolCall, protocol: StreamProtocol): void {
    this.loop.beginStep();
    promise.then(undefined, (error: unknown) => {
      if (isExitError(error)) this.loop.abortRun(error);
      else this.protocolFailed(error, callback, protocol);
    });
  }

  /** Reports what a callback threw. Without the data callbacks the connection makes no sense; the others leave it as it is. */
  private protocolFailed(error: unknown, callback: ProtocolCall, protocol: StreamProtocol): void {
    if (isExitError(error)) throw error;
    if (DATA_CALLS.includes(callback)) {
      this.fatalError(error, `Fatal error: protocol.${callback}() call failed.`, protocol);
      return;
    }
    const message = `protocol.${callback}() failed`;
    this.loop.callExceptionHandler({ message, exception: error, transport: this, protocol });
  }
}

/** Behind `connectionMade` in the queue: reading begins, then whoever made the transport goes on. */
class Beginning implements Job {
  constructor(
    private readonly transport: StreamTransport,
    private readonly waiter: Future<void> | null,
  ) {}

  run(): void {
    this.transport.startReading();
    const { waiter } = this;
    if (waiter !== null && !waiter.done()) waiter.setResult(undefined);
  }
}

function runInScope(transport: StreamTransport): void {
  transport.scoped();
}

/** A promise of an async callback. Futures and operations of ours are no such thing: what becomes of them is seen to elsewhere. */
function isPromise(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false;
  if (typeof (value as { then?: unknown }).then !== 'function') return false;
  return !hasBrand(value, 'Future') && !hasBrand(value, 'Operation');
}

function checkProtocol(method: string, protocol: unknown): asserts protocol is StreamProtocol {
  if (typeof protocol === 'object' && protocol !== null && !isPromise(protocol)) return;
  throw new TypeError(`${method}: a protocol must be an object with callbacks, got ${repr(protocol)}`);
}

function nameOrNull(socket: Socket, method: 'getsockname' | 'getpeername'): Address | null {
  try {
    return socket[method]();
  } catch {
    return null;
  }
}

import { Handle, isExitError, isOSError, logger, type IoBackend } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { Address, Channel, Socket } from '@tsyncio/socket';

import { FlowControlledTransport } from './flow-control.js';
import { checkProtocol } from './protocol.js';
import {
  type AnyProtocol,
  callProtocol,
  countLostWrite,
  enqueueBeginning,
  type ProtocolCaller,
} from './protocol-calls.js';
import { TransportSocket } from './transport-socket.js';

/**
 * What the transports over a socket have in common, whatever the socket carries: a protocol, a channel, flow control, and an end. asyncio:
 * `_SelectorTransport`.
 *
 * Its life: made (`connectionMade` is queued), open, closing (`close` was called, the buffer is being sent), lost (`connectionLost` is
 * queued or running; writes are ignored), closed (the descriptor is gone, there is no protocol).
 */
export abstract class SocketTransport<P extends AnyProtocol> extends FlowControlledTransport implements ProtocolCaller {
  /** Null once closed. */
  protected protocol: P | null;
  protected abstract readonly channel: Channel;
  protected closing = false;
  /** Above 0 once the connection is lost: one more than the writes that came after. */
  protected lostWrites = 0;
  protected paused = false;
  /** Calls the protocol in the async context in which the transport was made, when that is not the current one. */
  private readonly scope: Handle;
  /** What `connectionLost` will be told. */
  private lostError: unknown = null;
  private socketView: TransportSocket | null = null;

  /** A subclass opens its channel after this, and calls {@link begin}. */
  protected constructor(
    /** Internal. */
    readonly loop: TaskLoop<IoBackend>,
    /** Null: there is none, but a pipe. */
    private readonly socket: Socket | null,
    protocol: P,
    peername: Address | null | undefined,
    extra: Readonly<Record<string, unknown>> = {},
  ) {
    super(
      socket === null
        ? extra
        : {
            sockname: nameOrNull(socket, 'getsockname'),
            peername: peername ?? nameOrNull(socket, 'getpeername'),
          },
    );
    checkProtocol('protocol', protocol);
    this.protocol = protocol;
    this.scope = new Handle(runInScope, [this], loop);
  }

  /** The channel is open: `connectionMade`, then reading begins, then whoever made the transport goes on, in this order. */
  protected begin(waiter: Future<void> | null): void {
    enqueueBeginning(this.loop, this.protocol!, this, this, waiter);
  }

  protected override lookUp(name: string): unknown {
    if (name !== 'socket' || this.socket === null) return super.lookUp(name);
    return (this.socketView ??= new TransportSocket(this.socket));
  }

  /** As {@link BaseTransport.setProtocol}; without effect once the connection is lost. */
  override setProtocol(protocol: P): void {
    checkProtocol('setProtocol', protocol);
    if (this.protocol !== null) this.protocol = protocol;
  }

  override getProtocol(): P | null {
    return this.protocol;
  }

  override isClosing(): boolean {
    return this.closing;
  }

  /** Internal: begins to receive unless the protocol has other plans. */
  startReading(): void {
    if (this.closing || this.paused) return;
    try {
      this.channel.startReading();
    } catch (error) {
      this.fatalError(error, this.readFailed);
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

  /** Whether something waits to be sent. */
  protected abstract hasOutput(): boolean;

  /**
   * Forgets what waits to be sent.
   *
   * @param error - What has ended the connection; null for `abort`.
   */
  protected abstract discardOutput(error: unknown): void;

  /** The message of a report about receiving. */
  protected abstract readonly readFailed: string;

  /** The buffer was sent while closing. */
  protected loseNow(): void {
    this.lostWrites = 1;
    this.callConnectionLost();
  }

  /** The connection cannot go on. What the network does is no news; anything else is reported. */
  protected fatalError(error: unknown, message: string, protocol: AnyProtocol | null = this.protocol): void {
    if (isOSError(error)) {
      if (this.loop.getDebug()) logger.debug(`${String(this)}: ${message}: ${String(error)}`);
    } else {
      this.loop.callExceptionHandler({ message, exception: error, transport: this, protocol });
    }
    this.forceClose(error);
  }

  private forceClose(error: unknown): void {
    if (this.lostWrites > 0) return;
    this.discardOutput(error);
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

  /** The connection is lost and `connectionLost` has returned. */
  protected ended(): void {}

  /** For `toString`: the state, and what the descriptor is watched for. */
  protected describe(isReading: boolean): string {
    const { fd } = this.channel;
    const state = fd < 0 ? ' closed' : this.closing ? ' closing' : '';
    if (this.loop.isClosed()) return `<${this.constructor.name}${state} fd=${fd}>`;
    const reading = isReading ? 'polling' : 'idle';
    const writing = this.hasOutput() ? 'polling' : 'idle';
    const size = this.getWriteBufferSize();
    return `<${this.constructor.name}${state} fd=${fd} read=${reading} write=<${writing}, bufsize=${size}>>`;
  }

  /** A write to a lost connection. */
  protected ignoreWrite(): void {
    this.lostWrites = countLostWrite(this.lostWrites, 'socket.send() raised exception.');
  }

  // ---- Calling the protocol -------------------------------------------------------------------------------------------------

  /** What {@link scope} runs: `connectionLost` from the ready queue, or a callback of flow control in the middle of a call. Internal. */
  scoped(): void {
    if (this.lostWrites > 0) this.callConnectionLost();
    else this.callFlowControl(this.writingPaused ? 'pauseWriting' : 'resumeWriting');
  }

  /** Internal: a protocol that knows of a pause, or of none, learns what is true. */
  settleWriting(knowsPause: boolean): void {
    if (this.lostWrites === 0 && knowsPause !== this.writingPaused) this.scope.run();
  }

  private callConnectionLost(): void {
    try {
      void callProtocol(this, this.protocol!, 'connectionLost', this.lostError);
    } finally {
      this.channel.close();
      this.protocol = null;
      this.ended();
    }
  }

  protected override callPauseWriting(): void {
    this.scope.run();
  }

  protected override callResumeWriting(): void {
    this.callFlowControl('resumeWriting');
  }

  private callFlowControl(callback: 'pauseWriting' | 'resumeWriting'): void {
    void callProtocol(this, this.protocol!, callback);
  }

  /** Internal: reports what a callback threw, and leaves the connection as it is. */
  protocolFailed(error: unknown, callback: string, protocol: AnyProtocol): void {
    if (isExitError(error)) throw error;
    const message = `protocol.${callback}() failed`;
    this.loop.callExceptionHandler({ message, exception: error, transport: this, protocol });
  }
}

function runInScope(transport: { scoped(): void }): void {
  transport.scoped();
}

function nameOrNull(socket: Socket, method: 'getsockname' | 'getpeername'): Address | null {
  try {
    return socket[method]();
  } catch {
    return null;
  }
}

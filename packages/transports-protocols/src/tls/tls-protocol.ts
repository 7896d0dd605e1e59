import {
  type HandleOwner,
  isExitError,
  isOSError,
  isStep,
  logger,
  osError,
  type IoBackend,
  type OSError,
  type TimerHandle,
} from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';

import {
  checkProtocol,
  isBufferedProtocol,
  type BufferedProtocolCallbacks,
  type ProtocolCallbacks,
  type StreamProtocol,
} from '../protocol.js';
import { adoptStep, type ProtocolCaller } from '../protocol-calls.js';
import type { TransportOwner } from '../stream-transport.js';
import type { Transport } from '../transport.js';
import { copyInto } from './copy-into.js';
import { makeSession } from './make-session.js';
import type { TlsSession, TlsSink } from './session.js';
import type { TlsPlan } from './tls-plan.js';
import { TlsTransport } from './tls-transport.js';

/** How a {@link TlsProtocol} is made. */
export interface TlsProtocolOptions extends TlsPlan {
  /** Completed when the handshake is over and `connectionMade` was called; or failed. */
  readonly waiter: Future<void>;
  /** False for `startTls`: the protocol knows its connection already. */
  readonly callsMade?: boolean | undefined;
  readonly owner?: TransportOwner | undefined;
}

const enum State {
  /** The TCP transport has not called yet. */
  made,
  handshake,
  open,
  /** `close` was called: the close-notify is sent, the peer's is awaited. */
  closing,
  /** The TCP transport is being closed, or is gone. */
  over,
}

/**
 * TLS between a TCP transport, whose protocol it is, and the protocol of a {@link TlsTransport}. asyncio: `SSLProtocol`.
 *
 * Reading is the TCP transport's: ciphertext is received into memory that all sessions of the thread share, and decrypted before
 * anything else happens. Writing is, too: what is encrypted goes to it at once, and its buffer and water marks are those of the whole.
 */
export class TlsProtocol implements BufferedProtocolCallbacks, ProtocolCaller, TlsSink {
  /** Null before `connectionMade` and after `connectionLost`. */
  lower: Transport | null = null;
  /** Null once lost. */
  protocol: StreamProtocol | null;
  readonly transport: TlsTransport;
  private buffered: boolean;
  private readonly session: TlsSession;
  private readonly waiter: Future<void>;
  private state: State = State.made;
  private timer: TimerHandle | null = null;
  /** What `connectionLost` will be told, in place of what the TCP transport says. */
  private failure: unknown = null;
  /** The transport below has asked for a pause. */
  private lowerPaused = false;
  /** The engine has taken more than it could encrypt yet. */
  private engineFull = false;
  /** `connectionMade` was called, so that the other callbacks may be. */
  private isMade = false;

  /** @throws what a bad configuration makes OpenSSL throw. */
  constructor(
    readonly loop: TaskLoop<IoBackend> & HandleOwner,
    protocol: StreamProtocol,
    private readonly options: TlsProtocolOptions,
  ) {
    this.protocol = protocol;
    this.buffered = isBufferedProtocol(protocol);
    this.waiter = options.waiter;
    const { settings, serverHostname } = options;
    this.session = makeSession(settings, serverHostname, this, (callback) => {
      if (!loop.isClosed()) loop.callSoon(callback);
    });
    this.transport = new TlsTransport(this, settings.given);
    options.owner?.attach(this.transport);
  }

  /** The TCP transport could not be made. */
  discard(): void {
    this.state = State.over;
    this.session.free();
    this.options.owner?.detach(this.transport);
  }

  // ---- What the TCP transport calls -------------------------------------------------------------------------------------------

  connectionMade(lower: Transport): void {
    const { options } = this;
    this.lower = lower;
    if (this.state === State.over) {
      lower.abort();
      return;
    }
    this.state = State.handshake;
    this.timer = this.loop.callLater(options.handshakeTimeout, () => {
      const message = `SSL handshake is taking longer than ${options.handshakeTimeout} seconds: aborting the connection`;
      this.fail(osError({ code: 'ECONNABORTED', syscall: 'handshake', message }), 'SSL handshake timed out');
    });
    this.session.begin();
  }

  getBuffer(): Uint8Array {
    return this.session.input;
  }

  bufferUpdated(nbytes: number): unknown {
    return this.session.received(nbytes);
  }

  /** What was received before there was TLS to get it. */
  receiveEarlier(data: Uint8Array): void {
    for (let at = 0; at < data.length && this.state !== State.over && this.lower !== null;) {
      const input = this.getBuffer();
      const part = data.subarray(at, at + input.length);
      input.set(part);
      this.bufferUpdated(part.length);
      at += part.length;
    }
  }

  eofReceived(): unknown {
    if (this.state === State.handshake) {
      this.failure ??= osError({
        code: 'ECONNRESET',
        syscall: 'handshake',
        message: 'the peer has closed the connection during the TLS handshake',
      });
      return false;
    }
    if (this.state !== State.open) return false;
    // No close-notify: the peer is gone, or somebody has cut the connection.
    return this.call('eofReceived', () => {
      const keepOpen = (this.protocol as ProtocolCallbacks).eofReceived?.();
      if (keepOpen && !isStep(keepOpen))
        logger.warning('returning true from eofReceived() has no effect when using ssl');
      return isStep(keepOpen) ? keepOpen.then(() => false) : undefined;
    });
  }

  connectionLost(error: Error | null): unknown {
    const { isMade, waiter, options } = this;
    const protocol = this.protocol!;
    const reason = this.failure ?? error;
    this.state = State.over;
    this.stopTimer();
    this.session.free();
    this.lower = null;
    let step: unknown;
    if (isMade) {
      step = this.call('connectionLost', () => protocol.connectionLost?.(reason as Error | null));
    }
    this.protocol = null;
    if (!waiter.done()) {
      waiter.setException(reason ?? resetInHandshake());
    }
    options.owner?.detach(this.transport);
    return step;
  }

  pauseWriting(): unknown {
    const known = this.writingPaused;
    this.lowerPaused = true;
    return known ? undefined : this.tellWriting();
  }

  /** The protocol has changed, and the new one knows of a pause, or of none. */
  settleWriting(knowsPause: boolean): void {
    if (this.protocol !== null && knowsPause !== this.writingPaused) void this.tellWriting();
  }

  resumeWriting(): unknown {
    this.lowerPaused = false;
    return this.engineFull ? undefined : this.tellWriting();
  }

  /** Whether the protocol was told to stop writing, and not yet to go on. */
  get writingPaused(): boolean {
    return this.lowerPaused || this.engineFull;
  }

  /** Bytes that are neither sent nor in the buffer of the transport below. */
  get unencrypted(): number {
    return this.session.unsent;
  }

  private tellWriting(): unknown {
    const callback = this.writingPaused ? 'pauseWriting' : 'resumeWriting';
    return this.isMade ? this.call(callback, () => this.protocol![callback]?.()) : undefined;
  }

  /** What is not encrypted yet counts as buffered. Once all of it is, the transport below alone decides. */
  onProgress(): unknown {
    const { lower, session } = this;
    if (lower === null || this.protocol === null) return undefined;
    const known = this.writingPaused;
    const [low, high] = lower.getWriteBufferLimits();
    const size = lower.getWriteBufferSize() + session.unsent;
    if (size > high && session.unsent > 0) this.engineFull = true;
    else if (size <= low || session.unsent === 0) this.engineFull = false;
    return known === this.writingPaused ? undefined : this.tellWriting();
  }

  // ---- What the session calls -------------------------------------------------------------------------------------------------

  onCiphertext(data: Uint8Array): void {
    this.lower?.write(data);
  }

  onSecure(): unknown {
    if (this.state !== State.handshake) return undefined;
    this.stopTimer();
    this.state = State.open;
    this.transport.secured(this.session.info, this.options.settings);
    this.isMade = true;
    let step: unknown;
    if (this.options.callsMade ?? true) {
      const protocol = this.protocol!;
      try {
        step = protocol.connectionMade?.(this.transport);
      } catch (error) {
        if (isExitError(error)) throw error;
        this.isMade = false;
        this.fail(error, 'Fatal error: protocol.connectionMade() call failed.');
        if (!this.waiter.done()) this.waiter.setException(error);
        return undefined;
      }
      if (isStep(step)) step = adoptStep(this, step, 'connectionMade', this);
    }
    if (this.writingPaused && this.stateNow() === State.open) void this.tellWriting();
    if (!this.waiter.done()) this.waiter.setResult(undefined);
    return step;
  }

  onPlaintext(data: Buffer): unknown {
    if (this.state !== State.open) return undefined;
    if (this.buffered) {
      return this.call('bufferUpdated', () =>
        copyInto(this.protocol as BufferedProtocolCallbacks, data, () => this.stateNow() === State.open),
      );
    }
    return this.call('dataReceived', () => (this.protocol as ProtocolCallbacks).dataReceived?.(data));
  }

  onCloseNotify(): unknown {
    if (this.state === State.handshake) {
      this.failure ??= resetInHandshake();
    }
    if (this.state === State.over) return undefined;
    this.state = State.over;
    this.stopTimer();
    this.session.end(() => this.lower?.close());
    return undefined;
  }

  onError(error: OSError): void {
    this.fail(error, this.state === State.handshake ? 'SSL handshake failed' : 'SSL error in data received');
  }

  // ---- What the TLS transport calls -------------------------------------------------------------------------------------------

  get isClosing(): boolean {
    return this.state >= State.closing;
  }

  setProtocol(protocol: StreamProtocol): void {
    checkProtocol('setProtocol', protocol);
    if (this.protocol === null) return;
    this.protocol = protocol;
    this.buffered = isBufferedProtocol(protocol);
  }

  write(data: Uint8Array): void {
    if (this.state !== State.open) return;
    this.session.write(data);
    if (this.session.unsent > 0) void this.onProgress();
  }

  close(): void {
    if (this.state !== State.open) {
      if (this.state < State.open) this.abort();
      return;
    }
    this.state = State.closing;
    this.session.end(() => undefined);
    if (this.lower === null) return;
    // The peer's close-notify has to be read, whatever the protocol had paused.
    this.lower.resumeReading();
    this.awaitShutdown(this.lower.getWriteBufferSize());
  }

  abort(): void {
    if (this.state === State.over && this.lower === null) return;
    this.state = State.over;
    this.stopTimer();
    this.lower?.abort();
  }

  // ---- Private ----------------------------------------------------------------------------------------------------------------

  /** Patience ends when nothing has moved for `shutdownTimeout`: a slow reader still gets what was written. */
  private awaitShutdown(unsent: number): void {
    this.timer = this.loop.callLater(this.options.shutdownTimeout, () => {
      const left = this.lower?.getWriteBufferSize() ?? 0;
      if (left > 0 && left < unsent) this.awaitShutdown(left);
      else this.abort();
    });
  }

  /** The connection cannot go on. What the network or the peer does is no news; anything else is reported. */
  private fail(error: unknown, message: string): void {
    const { lower } = this;
    if (this.state === State.over) return;
    if (isOSError(error)) {
      if (this.loop.getDebug()) logger.debug(`${String(this.transport)}: ${message}: ${String(error)}`);
    } else {
      this.loop.callExceptionHandler({ message, exception: error, transport: lower, protocol: this });
    }
    this.failure ??= error;
    this.state = State.over;
    this.stopTimer();
    lower?.abort();
  }

  /** Calls the protocol. Without the data callbacks the connection makes no sense; the others leave it as it is. */
  private call(callback: string, body: () => unknown): unknown {
    let result: unknown;
    try {
      result = body();
    } catch (error) {
      this.protocolFailed(error, callback);
      return undefined;
    }
    return isStep(result) ? adoptStep(this, result, callback, this) : undefined;
  }

  /** Internal: see {@link ProtocolCaller}. */
  protocolFailed(error: unknown, callback: string): void {
    if (isExitError(error)) throw error;
    if (callback === 'dataReceived' || callback === 'bufferUpdated') {
      this.fail(error, `Fatal error: protocol.${callback}() call failed.`);
    } else {
      const message = `protocol.${callback}() failed`;
      this.loop.callExceptionHandler({ message, exception: error, transport: this.lower, protocol: this });
    }
  }

  private stopTimer(): void {
    this.timer?.cancel();
    this.timer = null;
  }

  private stateNow(): State {
    return this.state;
  }
}

function resetInHandshake(): OSError {
  const message = 'the connection was lost during the TLS handshake';
  return osError({ code: 'ECONNRESET', syscall: 'handshake', message });
}

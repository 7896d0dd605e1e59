import type { Future } from '@tsyncio/futures-tasks';

import { connectionLostError, type FileSender } from './file-sender.js';
import {
  isBufferedProtocol,
  type BufferedProtocolCallbacks,
  type ProtocolCallbacks,
  type StreamProtocol,
} from './protocol.js';

/**
 * The protocol of a transport while a file is read and written to it: keeps flow control to itself and hands everything else on. asyncio:
 * `_SendfileFallbackProtocol`.
 */
class Detour {
  private readonly knewPause: boolean;
  /** What is waited for: a piece of the file, or the end of a pause. */
  private waiter: Future<unknown> | null = null;
  private pause: Future<void> | null = null;
  private failure: Error | null = null;

  /** @param protocol - That of the transport, whose place this takes. */
  constructor(
    private readonly transport: FileSender,
    protected readonly protocol: StreamProtocol,
    private readonly makeFuture: () => Future<void>,
  ) {
    this.knewPause = transport.writingPaused;
    transport.setProtocol(this);
    if (this.knewPause) this.pauseWriting();
  }

  /** Waits for the future, or for the end of the connection. @throws ConnectionError then, or what has ended it. */
  *wait<T>(future: Future<T>): Generator<unknown, T, unknown> {
    this.waiter = future;
    try {
      return yield* future;
    } finally {
      this.waiter = null;
    }
  }

  /** Waits until there is room to write. @throws As {@link wait}, and ConnectionError if the transport is closing. */
  *drain(): Generator<unknown, void, unknown> {
    if (this.pause !== null && !this.transport.isClosing()) yield* this.wait(this.pause);
    yield* this.check();
  }

  /** @throws ConnectionError, or what has ended the connection, if the transport is closing. */
  *check(): Generator<unknown, void, unknown> {
    if (!this.transport.isClosing()) return;
    if (this.failure === null) yield; // if the connection is lost, the next iteration tells why
    throw this.failure ?? connectionLostError(null);
  }

  /** Gives the protocol its place back. */
  restore(): void {
    const { transport } = this;
    if (transport.getProtocol() !== this) return;
    transport.setProtocol(this.protocol);
    transport.settleWriting(this.knewPause);
  }

  pauseWriting(): void {
    this.pause ??= this.makeFuture();
  }

  resumeWriting(): void {
    const { pause } = this;
    this.pause = null;
    if (pause?.done() === false) pause.setResult();
  }

  connectionLost(error: Error | null): unknown {
    this.failure = connectionLostError(error);
    if (this.waiter?.done() === false) this.waiter.setException(this.failure);
    return this.protocol.connectionLost?.(error);
  }

  eofReceived(): unknown {
    return this.protocol.eofReceived?.();
  }
}

/** Data arrives although reading is paused if somebody resumes it, or if it was decrypted already. */
class PlainDetour extends Detour implements ProtocolCallbacks {
  dataReceived(data: Buffer): unknown {
    return (this.protocol as ProtocolCallbacks).dataReceived?.(data);
  }
}

class BufferedDetour extends Detour implements BufferedProtocolCallbacks {
  getBuffer(sizeHint: number): Uint8Array {
    return (this.protocol as BufferedProtocolCallbacks).getBuffer(sizeHint);
  }

  bufferUpdated(nbytes: number): unknown {
    return (this.protocol as BufferedProtocolCallbacks).bufferUpdated?.(nbytes);
  }
}

/** Takes the place of the transport's protocol. */
export function takeDetour(transport: FileSender, makeFuture: () => Future<void>): Detour {
  const protocol = transport.getProtocol()!;
  const Kind = isBufferedProtocol(protocol) ? BufferedDetour : PlainDetour;
  return new Kind(transport, protocol, makeFuture);
}

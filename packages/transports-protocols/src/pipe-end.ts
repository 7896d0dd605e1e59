import { Handle, isExitError } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { PipeIo, PipeKind, StreamChannel, StreamSink } from '@tsyncio/socket';

import { ownedDescriptor, pipeKind, type PipeLike, type PipeOpener } from './pipe-descriptor.js';
import { checkProtocol } from './protocol.js';
import { type AnyProtocol, callProtocol, enqueueBeginning, type ProtocolCaller } from './protocol-calls.js';
import type { BaseTransport } from './transport.js';

/** The callbacks without which nothing more can be read. */
const BUFFER_CALLS: readonly string[] = ['getBuffer', 'bufferUpdated'];

/**
 * What the two pipe transports have in common: a protocol, a channel, and an end. Each transport has one.
 *
 * Its life: made (`connectionMade` is queued), open, closing, lost (`connectionLost` is queued), closed (the descriptor is gone, there is
 * no protocol).
 */
export class PipeEnd<P extends AnyProtocol> implements ProtocolCaller {
  readonly channel: StreamChannel;
  readonly fd: number;
  readonly kind: PipeKind;
  /** Null once closed. */
  protocol: P | null;
  closing = false;
  /** `connectionLost` is queued, or was called. */
  lost = false;
  private lostError: unknown = null;
  /** Calls the protocol in the async context in which the transport was made. */
  private readonly scope: Handle;

  constructor(
    readonly loop: TaskLoop<PipeIo>,
    private readonly transport: BaseTransport & StreamSink,
    pipe: PipeLike,
    end: 'read' | 'write',
    protocol: P,
    io: PipeOpener,
  ) {
    const method = end === 'read' ? 'connectReadPipe' : 'connectWritePipe';
    checkProtocol(method, protocol);
    const owned = ownedDescriptor(method, pipe);
    this.protocol = protocol;
    this.fd = owned.fileno();
    this.kind = pipeKind(io, method, this.fd);
    this.scope = new Handle(loseEnd, [this], loop);
    this.channel = io.openPipe(owned, end, transport, loop);
  }

  /** `connectionMade`, then `start`, then whoever made the transport goes on, in this order. */
  begin(start: () => void, waiter: Future<void> | null): void {
    const startReading = (): void => {
      if (!this.closing) this.watch(start);
    };
    enqueueBeginning(this.loop, this.protocol!, this.transport, { startReading }, waiter);
  }

  /** Begins to watch the descriptor. One that cannot be watched (`EPERM`: the null device, with epoll) is reported and stays open. */
  watch(start: () => void): void {
    try {
      start();
    } catch (error) {
      this.report('Cannot watch the descriptor of a pipe transport', error);
    }
  }

  setProtocol(protocol: P): void {
    checkProtocol('setProtocol', protocol);
    if (this.protocol !== null) this.protocol = protocol;
  }

  /** Queues `connectionLost`, once. */
  lose(error: unknown): void {
    if (this.lost) return;
    this.lost = true;
    this.closing = true;
    this.channel.stopReading();
    this.channel.unwatchWritable();
    this.lostError = error;
    this.loop.enqueue(this.scope);
  }

  /** Calls `connectionLost` and closes the pipe. */
  loseNow(): void {
    this.lost = true;
    try {
      void callProtocol(this, this.protocol!, 'connectionLost', this.lostError);
    } finally {
      this.channel.close();
      this.protocol = null;
    }
  }

  /** Tells the loop's exception handler. */
  report(message: string, error: unknown, protocol: AnyProtocol | null = this.protocol): void {
    this.loop.callExceptionHandler({ message, exception: error, transport: this.transport, protocol });
  }

  /** A transport that was left open prints as such even when its loop is closed. */
  describe(details: string): string {
    const { loop, fd, protocol, closing } = this;
    const state = protocol === null ? ' closed' : closing ? ' closing' : '';
    const rest = protocol === null ? '' : loop.isClosed() ? ' open' : details;
    return `<${this.transport.constructor.name}${state} fd=${fd}${rest}>`;
  }

  /** Reports what a callback threw. The pipe stays open, unless there is no memory to read into. */
  protocolFailed(error: unknown, callback: string, protocol: AnyProtocol): void {
    if (isExitError(error)) throw error;
    this.report(`protocol.${callback}() failed`, error, protocol);
    if (BUFFER_CALLS.includes(callback)) this.lose(error);
  }
}

function loseEnd(end: PipeEnd<AnyProtocol>): void {
  end.loseNow();
}

import { Handle, isExitError, isStep } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { PipeIo, StreamChannel, StreamSink } from '@tsyncio/socket';

import { ownedDescriptor, pipeKind, type PipeKind, type PipeLike } from './pipe-descriptor.js';
import { checkProtocol, type BaseProtocolCallbacks } from './protocol.js';
import type { BaseTransport } from './transport.js';

type AnyProtocol = BaseProtocolCallbacks<never>;

/**
 * What the two pipe transports have in common: a protocol, a channel, and an end. Each transport has one.
 *
 * Its life: made (`connectionMade` is queued), open, closing, lost (`connectionLost` is queued), closed (the descriptor is gone, there is
 * no protocol).
 */
export class PipeEnd<P extends AnyProtocol> {
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
  ) {
    const method = end === 'read' ? 'connectReadPipe' : 'connectWritePipe';
    checkProtocol(method, protocol);
    const owned = ownedDescriptor(method, pipe);
    this.protocol = protocol;
    this.fd = owned.fileno();
    this.kind = pipeKind(method, this.fd);
    this.scope = new Handle(loseEnd, [this], loop);
    this.channel = loop.backend.openPipe(owned, end, transport, loop);
  }

  /** `connectionMade`, then `start`, then whoever made the transport goes on, in this order. */
  begin(start: () => void, waiter: Future<void> | null): void {
    const { loop, protocol, transport } = this;
    const connectionMade = protocol!.connectionMade?.bind(protocol);
    if (connectionMade !== undefined) loop.enqueue(new Handle(connectionMade, [transport], loop));
    const begin = (): void => {
      if (!this.closing) this.watch(start);
      if (waiter !== null && !waiter.done()) waiter.setResult(undefined);
    };
    loop.enqueue(new Handle(begin, [], loop));
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
    const protocol = this.protocol!;
    try {
      const result = protocol.connectionLost?.(this.lostError as Error | null);
      if (isStep(result)) void this.adopt(result, 'connectionLost', protocol);
    } catch (error) {
      this.failed(error, 'connectionLost', protocol);
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

  /** A callback was an async function: what it rejects with counts as thrown. */
  adopt(step: Promise<unknown>, callback: string, protocol: AnyProtocol): Promise<unknown> {
    this.loop.beginStep();
    return step.then(undefined, (error: unknown) => {
      if (isExitError(error)) this.loop.abortRun(error);
      else this.failed(error, callback, protocol);
    });
  }

  /** Reports what a callback threw. */
  failed(error: unknown, callback: string, protocol: AnyProtocol): void {
    if (isExitError(error)) throw error;
    this.report(`protocol.${callback}() failed`, error, protocol);
  }
}

function loseEnd(end: PipeEnd<AnyProtocol>): void {
  end.loseNow();
}

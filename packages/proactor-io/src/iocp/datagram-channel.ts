import type { HandleOwner } from '@tsyncio/core';
import type { Address, DatagramSink, Socket } from '@tsyncio/socket';
import { E, systemError } from '@tsyncio/socket/native';

import { CompletionDatagramChannel } from '../datagram-channel.js';
import { READ } from '../readiness.js';
import type { IocpProactor } from './iocp-proactor.js';
import { DATAGRAM_SIZE, type ReceiveBuffer } from './receive-memory.js';

/** Datagrams that are handed out before others have their turn, as many as libuv takes. */
const MOST = 32;

/**
 * A datagram socket. One receive is pending while it reads; the next is begun when what it brought has been handed out, and may bring something at
 * once. A pause leaves the pending one alone, as that of a stream.
 */
export class IocpDatagramChannel extends CompletionDatagramChannel<IocpProactor> {
  /** Not ours to receive from: the driver is asked when there is something, and calls receive it. */
  private readonly isForeign: boolean;
  private readonly skips: boolean;
  /** Of the pending receive. */
  private buffer: ReceiveBuffer | null = null;
  /** Received and not yet handed out. */
  private arrived: Buffer | null = null;
  private sender: Address | null = null;
  /** A negated error number, not yet told. */
  private failure = 0;
  private receiving = false;

  constructor(io: IocpProactor, socket: Socket, sink: DatagramSink, loop: HandleOwner) {
    super(io, socket, sink, loop);
    // Windows refuses to receive before a socket is bound, which a first `sendto` may do later.
    const attached = isBound(socket) ? io.queue.attach(this.fd) : -1;
    this.isForeign = attached < 0;
    this.skips = attached === 1;
  }

  override reconcile(): void {
    if (this.isForeign) super.reconcile();
    else if (this.fd < 0 || !this.wanted) return;
    else if (this.arrived !== null || this.failure < 0) this.isDue(READ, this);
    else if (this.slot < 0) this.request();
  }

  private request(): void {
    const { io } = this;
    this.buffer ??= io.datagrams.take();
    io.queue.receiveFrom(this, this.fd, this.buffer.address, DATAGRAM_SIZE, this.skips);
  }

  override completed(result: number, flags: number): void {
    if (this.isForeign) {
      super.completed(result, flags);
      return;
    }
    const { io } = this;
    const buffer = this.buffer!;
    this.buffer = null;
    if (this.fd >= 0) {
      if (result >= 0) {
        this.arrived = Buffer.from(buffer.bytes.subarray(0, result));
        this.sender = io.queue.sender();
      } else if (result === -E.ECANCELED)
        io.queue.touch(this); // by somebody else
      else this.failure = result;
      if (this.wanted && !this.receiving && result !== -E.ECANCELED) this.isDue(READ, this);
    }
    io.datagrams.give(buffer);
  }

  protected override receive(): unknown {
    if (this.isForeign) return super.receive();
    this.receiving = true;
    try {
      for (let n = 0; n < MOST && this.wanted && this.hasSomething(); n++) {
        const step = this.handOut();
        if (step !== undefined) return step;
        if (this.wanted && this.slot < 0 && this.arrived === null) this.request();
      }
    } finally {
      this.receiving = false;
      this.receiveAgain();
    }
    return undefined;
  }

  private hasSomething(): boolean {
    return this.arrived !== null || this.failure < 0;
  }

  private handOut(): unknown {
    const { sink, arrived, failure } = this;
    if (arrived !== null) {
      this.arrived = null;
      return sink.onDatagram(arrived, this.sender);
    }
    this.failure = 0;
    return sink.onError(systemError(failure, 'recvfrom'));
  }

  protected override closed(): void {
    super.closed();
    this.arrived = null;
    if (this.slot >= 0 || this.buffer === null) return;
    // It was still waiting for a slot.
    this.io.datagrams.give(this.buffer);
    this.buffer = null;
  }
}

function isBound(socket: Socket): boolean {
  try {
    socket.getsockname();
    return true;
  } catch {
    return false;
  }
}

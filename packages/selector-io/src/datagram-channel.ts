import { type HandleOwner } from '@tsyncio/core';
import type { Address, AddressLike, DatagramChannel, DatagramSink, Socket } from '@tsyncio/socket';
import { datagramBatch, systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

import { SelectorChannel } from './selector-channel.js';
import type { SelectorIo } from './selector-io.js';

/**
 * A non-blocking datagram socket.
 *
 * One look at it takes several datagrams where the system can (asyncio: one, with two system calls each). The rest of them waits here if the
 * receiver of one is an async function, or ends the run: nothing else comes before its step is over.
 */
export class SelectorDatagramChannel extends SelectorChannel implements DatagramChannel {
  /** Received, not yet handed out. */
  private waiting: { readonly data: Buffer; readonly sender: Address | null }[] = [];

  constructor(
    io: SelectorIo,
    socket: Socket,
    private readonly sink: DatagramSink,
    loop: HandleOwner,
  ) {
    super(io, socket, sink, loop);
  }

  encode(address: AddressLike): Uint8Array {
    return this.io.calls.encodeAddress(this.socket.family, address);
  }

  send(data: Uint8Array, address: Uint8Array | null): boolean {
    const { calls } = this.io;
    const n = address === null ? calls.send(this.fd, data, 0) : calls.sendto(this.fd, data, 0, address);
    if (n >= 0) return true;
    if (n === WOULD_BLOCK) return false;
    throw systemError(n, address === null ? 'send' : 'sendto');
  }

  override startReading(): void {
    super.startReading();
    if (this.waiting.length > 0) this.receiveAgain();
  }

  override close(): void {
    super.close();
    this.waiting = [];
  }

  protected override receive(): unknown {
    if (this.waiting.length > 0) return this.handOutWaiting();
    const batch = datagramBatch();
    const count = batch.receive(this.fd);
    if (count < 0) return count === WOULD_BLOCK ? undefined : this.sink.onError(systemError(count, 'recvfrom'));
    let next = 0;
    try {
      while (next < count && this.isReading) {
        const i = next++;
        const step = this.sink.onDatagram(batch.data(i), batch.sender(i));
        if (step !== undefined) return step;
      }
    } finally {
      if (next < count && this.fd >= 0) {
        for (; next < count; next++) this.waiting.push({ data: batch.data(next), sender: batch.sender(next) });
        this.receiveAgain();
      }
    }
    return undefined;
  }

  protected override writable(): unknown {
    return this.sink.onWritable();
  }

  private handOutWaiting(): unknown {
    const { waiting } = this;
    try {
      while (waiting.length > 0 && this.isReading) {
        const { data, sender } = waiting.shift()!;
        const step = this.sink.onDatagram(data, sender);
        if (step !== undefined) return step;
      }
    } finally {
      if (waiting.length > 0) this.receiveAgain();
    }
    return undefined;
  }
}

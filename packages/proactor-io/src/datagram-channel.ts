import type { HandleOwner } from '@tsyncio/core';
import {
  type AddressLike,
  type DatagramChannel,
  DatagramInbox,
  type DatagramSink,
  type InboxChannel,
  type Socket,
} from '@tsyncio/socket';
import { systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

import { CompletionChannel } from './channel.js';
import type { CompletionProactor } from './completion-proactor.js';
import { READ } from './readiness.js';

/**
 * A non-blocking datagram socket. A request tells when there are datagrams; one call takes many of them. (A receiving request that goes on
 * costs a completion and a copy for each, and a call for many is as cheap.)
 */
export class CompletionDatagramChannel<P extends CompletionProactor = CompletionProactor>
  extends CompletionChannel<P>
  implements DatagramChannel, InboxChannel
{
  private readonly inbox: DatagramInbox;

  constructor(
    io: P,
    socket: Socket,
    protected readonly sink: DatagramSink,
    loop: HandleOwner,
  ) {
    super(io, socket, sink, loop);
    this.inbox = new DatagramInbox(this, sink);
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

  get isReading(): boolean {
    return this.wanted;
  }

  receiveAgain(): void {
    if (this.wanted) this.io.queue.touch(this);
  }

  override reconcile(): void {
    if (this.wanted && !this.inbox.isEmpty) this.isDue(READ, this);
    else super.reconcile();
  }

  protected override receive(): unknown {
    try {
      return this.inbox.receive();
    } finally {
      // What was not asked of the kernel because there was more is asked now.
      if (this.slot < 0) this.receiveAgain();
    }
  }

  protected override writable(): unknown {
    return this.sink.onWritable();
  }

  protected override closed(): void {
    this.inbox.clear();
  }
}

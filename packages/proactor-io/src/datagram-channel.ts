import type { HandleOwner } from '@tsyncio/core';
import type { AddressLike, DatagramChannel, DatagramSink, Socket } from '@tsyncio/socket';
import { systemError, WOULD_BLOCK } from '@tsyncio/socket/native';

import { UringChannel } from './channel.js';
import type { IoUringProactor } from './proactor.js';

/** The longest datagram that is received whole, as in asyncio. (UDP ends at 64 KiB, Unix sockets at the size of their buffers.) */
const DATAGRAM_MAX = 256 * 1024;

/** Where datagrams land before they are copied to memory of their own size. Used between two lines of code: one for the thread. */
let landing: Buffer | null = null;

/** A non-blocking datagram socket. */
export class UringDatagramChannel extends UringChannel implements DatagramChannel {
  constructor(
    io: IoUringProactor,
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

  protected override receive(): unknown {
    const { calls } = this.io;
    landing ??= Buffer.allocUnsafeSlow(DATAGRAM_MAX);
    const n = calls.recvfrom(this.fd, landing, DATAGRAM_MAX, 0);
    if (n >= 0) return this.sink.onDatagram(Buffer.from(landing.subarray(0, n)), calls.receivedFrom());
    return n === WOULD_BLOCK ? undefined : this.sink.onError(systemError(n, 'recvfrom'));
  }

  protected override writable(): unknown {
    return this.sink.onWritable();
  }
}

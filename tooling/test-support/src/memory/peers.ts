import {
  type Address,
  type AddressLike,
  AF_INET6,
  AF_INET,
  IPPROTO_TCP,
  Socket,
  type SocketOptions,
  SOCK_DGRAM,
} from '@tsyncio/socket';

import type { Mailbox } from './mailbox.js';
import type { Listening, MemoryNetwork } from './network.js';
import { memoryError, type Simulated } from './source.js';

/** A listener to be used by hand: a name that others can connect to. */
export class MemoryListener extends Socket implements Simulated {
  readonly source: Listening;

  constructor(network: MemoryNetwork, address: readonly [host: string, port: number]) {
    super(address[0].includes(':') ? AF_INET6 : AF_INET, undefined, IPPROTO_TCP, { nonblocking: true });
    this.bind(address);
    this.source = network.listening(this);
  }

  override accept(_options: SocketOptions = {}): [Socket, Address] {
    const socket = this.source.queue.shift();
    if (socket === undefined) throw memoryError(this.closed ? 'EBADF' : 'EAGAIN', 'accept');
    return [socket, socket.getpeername()];
  }
}

/** A datagram socket with a name, to be used by hand. Non-blocking. */
export class MemoryDatagramPeer extends Socket implements Simulated {
  readonly source: Mailbox;

  constructor(network: MemoryNetwork, family: number = AF_INET) {
    super(family, SOCK_DGRAM, 0, { nonblocking: true });
    this.source = network.mailbox(this);
  }

  override sendto(data: Uint8Array, address: AddressLike): number {
    if (!this.source.transmit(data, address)) throw memoryError('EAGAIN', 'sendto');
    return data.length;
  }

  override recvfrom(nbytes: number): [Buffer, Address | null] {
    const datagram = this.source.receive();
    if (datagram === null) throw memoryError('EAGAIN', 'recvfrom');
    return [datagram.data.subarray(0, nbytes), datagram.from];
  }

  override recv(nbytes: number): Buffer {
    return this.recvfrom(nbytes)[0];
  }
}

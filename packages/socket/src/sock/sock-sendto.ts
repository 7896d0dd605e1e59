import { isOSError } from '@tsyncio/core';
import type { Operation } from '@tsyncio/futures-tasks';

import type { AddressLike } from '../address.js';
import type { Socket } from '../socket.js';
import { sockOperation } from './sock-operation.js';
import type { SockLoop } from './wait-ready.js';

/**
 * Sends one datagram to `address`, as soon as there is room for it. asyncio (3.11): `loop.sock_sendto`.
 *
 * Cancelled while it waits, it has sent nothing.
 *
 * @param data - Is not copied, and must be left alone until the operation is done.
 * @param address - The host is an IP literal: names are not resolved, see `getaddrinfo`.
 * @returns How many bytes were sent.
 * @throws Through the operation, as `sockRecv`; also `EMSGSIZE` for a datagram that is too long, and GaiError if the host is no literal.
 */
export function sockSendto(loop: SockLoop, sock: Socket, data: Uint8Array, address: AddressLike): Operation<number> {
  return sockOperation(loop, sock, 'writable', () => {
    try {
      return sock.sendto(data, address);
    } catch (error) {
      if (isOSError(error) && error.code === 'EAGAIN') return null;
      throw error;
    }
  });
}

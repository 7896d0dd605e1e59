import { isOSError } from '@tsyncio/core';
import type { Operation } from '@tsyncio/futures-tasks';

import type { Address } from '../address.js';
import { acceptedFrom, type Socket } from '../socket.js';
import { sockOperation } from './sock-operation.js';
import type { SockLoop } from './wait-ready.js';

/**
 * Takes the next connection of a listening socket. asyncio: `loop.sock_accept`.
 *
 * Cancelled while it waits, it has taken none, and the listener is watched no more. A connection that its peer gave up before it was taken is
 * passed over.
 *
 * @param sock - Bound, listening and non-blocking.
 * @returns A new socket, non-blocking and close-on-exec, that the receiver must close, and the address of its peer.
 * @throws Through the operation: OSError (`EMFILE`: the connection stays in line; `EINVAL` if the socket does not listen) and the rest as
 *   `sockRecv`.
 */
export function sockAccept(loop: SockLoop, sock: Socket): Operation<[Socket, Address]> {
  return sockOperation(loop, sock, 'readable', () => {
    const accepted = sock.tryAccept();
    if (accepted === null) return null;
    if (isOSError(accepted)) throw accepted;
    return [accepted, acceptedFrom()];
  });
}

import { hasBrand, repr, ValueError } from '@tsyncio/core';
import { SOCK_STREAM, type Socket } from '@tsyncio/socket';

/**
 * Checks a socket that was given in place of host and port. It is not touched.
 *
 * @throws ValueError if there is none, or it is no stream socket. TypeError if it is no {@link Socket}. Internal.
 */
export function checkStreamSocket(method: string, sock: unknown): asserts sock is Socket {
  if (sock === null || sock === undefined) throw new ValueError(`${method}: neither host/port nor sock were specified`);
  if (!hasBrand(sock, 'Socket')) throw new TypeError(`${method}: sock must be a Socket, got ${repr(sock)}`);
  if ((sock as Socket).type !== SOCK_STREAM) {
    throw new ValueError(`${method}: a stream socket was expected, got ${repr(sock)}`);
  }
}

/** Closes a socket on a failing path: the error that led there is the one to be told. Internal. */
export function discardSocket(socket: Socket): void {
  try {
    socket.close();
  } catch {
    // The descriptor is gone all the same.
  }
}

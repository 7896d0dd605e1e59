import { NotImplementedError, ValueError } from '@tsyncio/core';
import { AF_UNIX, SO_REUSEPORT, type Socket, SOL_SOCKET } from '@tsyncio/socket';

/** @throws NotImplementedError where there are no Unix sockets (Windows). Internal. */
export function requireUnixSockets(method: string): void {
  if ((AF_UNIX as number | undefined) === undefined) {
    throw new NotImplementedError(`${method}() needs Unix sockets, which are not on this platform`);
  }
}

/** Lets several sockets have one address. @throws ValueError where there is no such option (Windows). Internal. */
export function setReusePort(socket: Socket): void {
  if ((SO_REUSEPORT as number | undefined) === undefined) throw new ValueError('reusePort is not on this platform');
  socket.setsockopt(SOL_SOCKET, SO_REUSEPORT, 1);
}

import { AF_INET, AF_INET6, IPPROTO_TCP, SOCK_STREAM, type Socket, TCP_NODELAY } from '@tsyncio/socket';

/**
 * Turns Nagle's algorithm off, so that small writes leave at once: on sockets that are known to be TCP. One made by a user with protocol
 * number 0 is left as it is.
 */
export function setNodelay(socket: Socket): void {
  const { family, type, proto } = socket;
  if ((family === AF_INET || family === AF_INET6) && type === SOCK_STREAM && proto === IPPROTO_TCP) {
    socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
  }
}

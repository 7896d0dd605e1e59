import {
  IPPROTO_TCP,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_USER_TIMEOUT,
} from 'tsyncio';

/** @param {string} kind - `user`: what is sent must be acknowledged in two seconds; `keepalive`: an idle peer is asked every second; else nothing. */
export function setOptions(transport, kind) {
  const socket = transport.getExtraInfo('socket');
  if (kind === 'user') socket.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, 2000);
  if (kind !== 'keepalive') return;
  socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1);
  socket.setsockopt(IPPROTO_TCP, TCP_KEEPIDLE, 1);
  socket.setsockopt(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  socket.setsockopt(IPPROTO_TCP, TCP_KEEPCNT, 2);
}

import { Handle } from '@tsyncio/core';

import type { AddressLike } from '../address.js';
import { SO_ERROR, SOL_SOCKET } from '../constants.js';
import { E } from '../native/errno.js';
import type { ConnectLoop, WatchIo } from '../ports.js';
import { connectError, type Socket } from '../socket.js';

/**
 * `ConnectIo` of a backend that watches descriptors: asks for the connection, and if it is not there at once waits for the socket to become
 * writable. Internal.
 */
export function* connectByWatching(
  io: WatchIo,
  loop: ConnectLoop,
  socket: Socket,
  address: AddressLike,
): Generator<unknown, void, unknown> {
  const error = socket.tryConnect(address);
  if (error === 0) return;
  // After EINTR the kernel goes on connecting. EAGAIN is no wait but a failure: a Unix listener whose backlog is full.
  if (error !== -E.EINPROGRESS && error !== -E.EINTR) throw connectError(error, address);

  const connected = loop.createFuture<number>();
  const handle = new Handle(
    () => {
      io.removeWriter(socket);
      if (connected.done()) return;
      try {
        connected.setResult(socket.getsockopt(SOL_SOCKET, SO_ERROR));
      } catch (failure) {
        connected.setException(failure); // the socket was closed meanwhile
      }
    },
    [],
    loop,
  );
  io.addWriter(socket, handle);
  let result: number;
  try {
    result = yield* connected;
  } finally {
    // Cancelled, or given up.
    if (!handle.cancelled()) io.removeWriter(socket);
  }
  if (result !== 0) throw connectError(-result, address);
}

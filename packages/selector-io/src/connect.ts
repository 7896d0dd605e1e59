import { Handle } from '@tsyncio/core';
import { type AddressLike, type ConnectLoop, connectError, SO_ERROR, type Socket, SOL_SOCKET } from '@tsyncio/socket';
import { E } from '@tsyncio/socket/native';

import type { SelectorIo } from './selector-io.js';

/** {@link ConnectIo.connect}: asks for the connection, and if it is not there at once waits for the socket to become writable. */
export function* connect(
  io: SelectorIo,
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

import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { Socket, StreamIo } from '@tsyncio/socket';

import type { StreamProtocol } from './protocol.js';
import type { ProtocolFactory } from './protocol-factory.js';
import { discardSocket } from './stream-socket.js';
import { StreamTransport } from './stream-transport.js';

/**
 * Protocol and transport for a connected socket; done when `connectionMade` was called.
 *
 * @param isOurs - The socket is closed if the factory fails. One that a caller gave stays the caller's.
 */
export function* openTransport<P extends StreamProtocol>(
  loop: TaskLoop<StreamIo>,
  factory: ProtocolFactory<P>,
  socket: Socket,
  isOurs: boolean,
): Generator<unknown, [StreamTransport, P], unknown> {
  const waiter = loop.createFuture<void>();
  let protocol: P;
  let transport: StreamTransport;
  try {
    protocol = factory();
    transport = new StreamTransport(loop, socket, protocol, { waiter });
  } catch (error) {
    if (isOurs) discardSocket(socket);
    throw error;
  }
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  return [transport, protocol];
}

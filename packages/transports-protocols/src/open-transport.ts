import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { Socket, StreamIo } from '@tsyncio/socket';

import type { StreamProtocol } from './protocol.js';
import type { ProtocolFactory } from './protocol-factory.js';
import { discardSocket } from './stream-socket.js';
import { StreamTransport } from './stream-transport.js';
import { openTls } from './tls/open-tls.js';
import type { TlsPlan } from './tls/tls-plan.js';
import type { Transport } from './transport.js';

/**
 * Protocol and transport for a connected socket; done when `connectionMade` was called.
 *
 * @param isOurs - The socket is closed if the factory fails. One that a caller gave stays the caller's.
 * @param tls - `connectionMade` comes after the handshake then.
 */
export function* openTransport<P extends StreamProtocol>(
  loop: TaskLoop<StreamIo>,
  factory: ProtocolFactory<P>,
  socket: Socket,
  isOurs: boolean,
  tls: TlsPlan | null = null,
): Generator<unknown, [Transport, P], unknown> {
  const waiter = loop.createFuture<void>();
  let protocol: P;
  let transport: Transport;
  try {
    protocol = factory();
    transport =
      tls === null
        ? new StreamTransport(loop, socket, protocol, { waiter })
        : openTls(loop, socket, protocol, { ...tls, waiter });
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

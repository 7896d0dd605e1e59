import type { IoBackend } from '@tsyncio/core';
import type { CoroutineGenerator, Future, TaskLoop } from '@tsyncio/futures-tasks';
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
): CoroutineGenerator<[Transport, P]> {
  return yield* openOver<P, Transport>(loop, factory, socket, isOurs, (protocol, waiter) =>
    tls === null
      ? new StreamTransport(loop, socket, protocol, { waiter })
      : openTls(loop, socket, protocol, { ...tls, waiter }),
  );
}

/** As {@link openTransport}, for a transport of any kind, which `make` makes: it takes over the socket and completes the waiter. */
export function* openOver<P, T extends { close(): void }>(
  loop: TaskLoop<IoBackend>,
  factory: () => P,
  socket: Socket,
  isOurs: boolean,
  make: (protocol: P, waiter: Future<void>) => T,
): CoroutineGenerator<[T, P]> {
  const waiter = loop.createFuture<void>();
  let protocol: P;
  let transport: T;
  try {
    protocol = factory();
    transport = make(protocol, waiter);
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

import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { Address, Socket, StreamIo } from '@tsyncio/socket';

import type { StreamProtocol } from '../protocol.js';
import { StreamTransport, type TransportOwner } from '../stream-transport.js';
import type { TlsPlan } from './tls-plan.js';
import { TlsProtocol } from './tls-protocol.js';
import type { TlsTransport } from './tls-transport.js';

/** The options of {@link openTls}. */
export interface OpenTlsOptions extends TlsPlan {
  readonly waiter: Future<void>;
  readonly peername?: Address | undefined;
  readonly owner?: TransportOwner | undefined;
}

/**
 * TLS over a connected socket: the handshake begins, and completes `waiter` or fails it. Internal.
 *
 * @throws What a {@link StreamTransport} throws, and a bad configuration; the socket stays the caller's then.
 */
export function openTls(
  loop: TaskLoop<StreamIo>,
  socket: Socket,
  protocol: StreamProtocol,
  options: OpenTlsOptions,
): TlsTransport {
  const tls = new TlsProtocol(loop, protocol, options);
  try {
    new StreamTransport(loop, socket, tls, { peername: options.peername });
  } catch (error) {
    tls.discard();
    throw error;
  }
  return tls.transport;
}

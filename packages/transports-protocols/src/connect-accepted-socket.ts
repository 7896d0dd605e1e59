import { logger, repr, ValueError } from '@tsyncio/core';
import { operation, type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { Socket, StreamIo } from '@tsyncio/socket';

import { checkOptions } from './endpoint-arguments.js';
import { openTransport } from './open-transport.js';
import type { StreamProtocol } from './protocol.js';
import { checkFactory, type ProtocolFactory } from './protocol-factory.js';
import { checkStreamSocket } from './stream-socket.js';
import { SERVER_TLS_OPTIONS, serverTls, type ServerTlsOptions } from './tls/tls-plan.js';
import type { Transport } from './transport.js';

/** The options of {@link connectAcceptedSocket}. */
export interface AcceptedSocketOptions extends ServerTlsOptions {}

/**
 * Makes a transport of a connection that was accepted outside of the loop. asyncio: `loop.connect_accepted_socket`.
 *
 * @param sock - A connected stream socket; it is made non-blocking, and the transport owns it once the connection is made. No server counts it.
 * @returns The transport and the protocol that the factory made.
 * @throws Through the operation: ValueError if `sock` is no stream socket; TypeError for wrong types; OSError (`EBADF`); what the factory
 *   throws; CancelledError.
 *
 * @example
 * const [socket] = listener.accept();
 * const [transport, protocol] = await connectAcceptedSocket(loop, () => new Echo(), socket);
 */
export function connectAcceptedSocket<P extends StreamProtocol>(
  loop: TaskLoop<StreamIo>,
  protocolFactory: ProtocolFactory<P>,
  sock: Socket,
  options: AcceptedSocketOptions = {},
): Operation<[Transport, P]> {
  return operation(loop, accepted(loop, protocolFactory, sock, options), { context: true });
}

function* accepted<P extends StreamProtocol>(
  loop: TaskLoop<StreamIo>,
  factory: ProtocolFactory<P>,
  sock: Socket,
  options: AcceptedSocketOptions,
): CoroutineGenerator<[Transport, P]> {
  checkFactory('connectAcceptedSocket', factory);
  checkOptions('connectAcceptedSocket', SERVER_TLS_OPTIONS, options);
  checkStreamSocket('connectAcceptedSocket', sock);
  if ((options.ssl as unknown) === true)
    throw new ValueError('connectAcceptedSocket: a TLS server needs a certificate');
  const tls = serverTls('connectAcceptedSocket', options);
  sock.setblocking(false);
  const pair = yield* openTransport(loop, factory, sock, false, tls);
  if (loop.getDebug()) logger.debug(`${repr(sock)} handled: ${repr(pair)}`);
  return pair;
}

import { isOSError, logger, OSError, repr, ValueError } from '@tsyncio/core';
import { operation, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import { AF_UNSPEC, SOCK_STREAM, Socket, type ConnectIo, type StreamIo } from '@tsyncio/socket';

import { endpointArguments } from './endpoint-arguments.js';
import type { StreamProtocol } from './protocol.js';
import { checkFactory, type ProtocolFactory } from './protocol-factory.js';
import { openTransport } from './open-transport.js';
import { streamAddresses, type StreamAddress } from './stream-address.js';
import { checkStreamSocket, discardSocket } from './stream-socket.js';
import { CLIENT_TLS_OPTIONS, clientTls, type ClientTlsOptions } from './tls/tls-plan.js';
import type { Transport } from './transport.js';

/** The options of {@link createConnection}. */
export interface ConnectionOptions extends ClientTlsOptions {
  /** `AF_INET` or `AF_INET6`; default 0, which takes both. */
  readonly family?: number | undefined;
  /** A connected stream socket to use in place of host and port. The transport owns it once the connection is made. */
  readonly sock?: Socket | null | undefined;
}

const OPTIONS = ['family', 'sock', ...CLIENT_TLS_OPTIONS];

type ConnectingLoop = TaskLoop<StreamIo & ConnectIo>;

/**
 * Connects to a TCP server. asyncio: `loop.create_connection`.
 *
 * The factory is called when the connection stands; the operation is done when `connectionMade` was called. TCP_NODELAY is on.
 *
 * @param host - An IPv4 or IPv6 literal; null for this machine (`::1`, then `127.0.0.1`).
 * @param port - 0 to 65535.
 * @returns The transport and the protocol that the factory made.
 * @throws Through the operation: OSError with `code`, `syscall`, `address` and `port` if no connection comes about
 *   (`connect ECONNREFUSED 127.0.0.1:80`); ValueError without host, port and `sock`, or with both, and for a `sock` that is no stream
 *   socket; TypeError for wrong types and unknown options; NotImplementedError for a host name; what the factory throws; CancelledError.
 *   A socket made here is closed then, one that was given is not.
 *
 * @example
 * const [transport, protocol] = await createConnection(loop, () => new Chat(), '127.0.0.1', 8888);
 */
export function createConnection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  protocolFactory: ProtocolFactory<P>,
  host: string | null,
  port: number | string | null,
  options?: ConnectionOptions,
): Operation<[Transport, P]>;
/** The same over a socket that is connected already, with `sock` among the options. */
export function createConnection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  protocolFactory: ProtocolFactory<P>,
  options: ConnectionOptions,
): Operation<[Transport, P]>;
export function createConnection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  protocolFactory: ProtocolFactory<P>,
  ...rest: unknown[]
): Operation<[Transport, P]> {
  return operation(loop, connection(loop, protocolFactory, rest), { context: true });
}

function* connection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  factory: ProtocolFactory<P>,
  rest: readonly unknown[],
): Generator<unknown, [Transport, P], unknown> {
  checkFactory('createConnection', factory);
  const { host, port, options } = endpointArguments<string, ConnectionOptions>('createConnection', OPTIONS, rest);
  const { family = AF_UNSPEC, sock = null } = options;
  const tls = clientTls('createConnection', options, host);
  let socket: Socket;
  if (host === null && port === null) {
    checkStreamSocket('createConnection', sock);
    sock.setblocking(false);
    socket = sock;
  } else {
    if (sock !== null) throw new ValueError('host/port and sock can not be specified at the same time');
    socket = yield* connect(loop, streamAddresses(host, port, { method: 'createConnection', family, passive: false }));
  }
  const pair = yield* openTransport(loop, factory, socket, socket !== sock, tls);
  if (loop.getDebug()) logger.debug(`${repr(socket)} connected to ${host}:${port}: ${repr(pair)}`);
  return pair;
}

/** Tries the addresses one after the other. */
function* connect(loop: TaskLoop<ConnectIo>, addresses: readonly StreamAddress[]): Generator<unknown, Socket, unknown> {
  const errors: OSError[] = [];
  for (const address of addresses) {
    try {
      return yield* connectTo(loop, address);
    } catch (error) {
      if (!isOSError(error)) throw error;
      errors.push(error);
    }
  }
  throw combined(errors);
}

function* connectTo(
  loop: TaskLoop<ConnectIo>,
  { family, proto, address }: StreamAddress,
): Generator<unknown, Socket, unknown> {
  const socket = new Socket(family, SOCK_STREAM, proto, { nonblocking: true });
  try {
    yield* loop.backend.connect(loop, socket, address);
    return socket;
  } catch (error) {
    discardSocket(socket);
    throw error;
  }
}

/** The one error, or one for all if they say the same; otherwise one that tells them all. */
function combined(errors: readonly OSError[]): OSError {
  const first = errors[0]!;
  if (errors.every((error) => error.message === first.message)) return first;
  return new OSError(`Multiple exceptions: ${errors.map((error) => error.message).join(', ')}`);
}

import { hasBrand, logger, repr, ValueError } from '@tsyncio/core';
import { operation, type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import { AF_UNIX, SOCK_STREAM, Socket, type ConnectIo, type StreamIo } from '@tsyncio/socket';

import { checkOptions } from './endpoint-arguments.js';
import { openTransport } from './open-transport.js';
import type { StreamProtocol } from './protocol.js';
import { checkFactory, type ProtocolFactory } from './protocol-factory.js';
import { discardSocket } from './stream-socket.js';
import { CLIENT_TLS_OPTIONS, clientTls, type ClientTlsOptions } from './tls/tls-plan.js';
import type { Transport } from './transport.js';
import { requireUnixSockets } from './platform.js';
import { checkUnixPath, type UnixPath } from './unix-path.js';

/** The options of {@link createUnixConnection}. */
export interface UnixConnectionOptions extends ClientTlsOptions {
  /** A connected Unix stream socket to use in place of a path. The transport owns it once the connection is made. */
  readonly sock?: Socket | null | undefined;
}

const OPTIONS = ['sock', ...CLIENT_TLS_OPTIONS];

/**
 * Connects to a Unix-domain stream server. asyncio: `loop.create_unix_connection`.
 *
 * The factory is called when the connection stands; the operation is done when `connectionMade` was called.
 *
 * @param path - A path, or an abstract name (Linux) that begins with NUL; null with `sock`.
 * @returns The transport and the protocol that the factory made.
 * @throws Through the operation: OSError (`ENOENT`; `ECONNREFUSED` if nobody listens); ValueError without path and `sock`, with both, for an
 *   empty path, and for a `sock` that is no Unix stream socket; TypeError for wrong types and unknown options; what the factory throws;
 *   CancelledError. A socket made here is closed then, one that was given is not.
 *
 * @example
 * const [transport, protocol] = await createUnixConnection(loop, () => new Chat(), '/run/chat.sock');
 */
export function createUnixConnection<P extends StreamProtocol>(
  loop: TaskLoop<StreamIo & ConnectIo>,
  protocolFactory: ProtocolFactory<P>,
  path: UnixPath | null,
  options: UnixConnectionOptions = {},
): Operation<[Transport, P]> {
  return operation(loop, connection(loop, protocolFactory, path, options), { context: true });
}

function* connection<P extends StreamProtocol>(
  loop: TaskLoop<StreamIo & ConnectIo>,
  factory: ProtocolFactory<P>,
  path: UnixPath | null,
  options: UnixConnectionOptions,
): CoroutineGenerator<[Transport, P]> {
  requireUnixSockets('createUnixConnection');
  checkFactory('createUnixConnection', factory);
  checkOptions('createUnixConnection', OPTIONS, options);
  const { sock = null } = options;
  const tls = clientTls('createUnixConnection', options, null);
  let socket: Socket;
  if (path === null) {
    checkUnixSocket('createUnixConnection', sock);
    sock.setblocking(false);
    socket = sock;
  } else {
    if (sock !== null) throw new ValueError('path and sock can not be specified at the same time');
    checkUnixPath('createUnixConnection', path);
    socket = yield* connectTo(loop, path);
  }
  const pair = yield* openTransport(loop, factory, socket, socket !== sock, tls);
  if (loop.getDebug()) logger.debug(`${repr(socket)} connected to ${repr(path)}: ${repr(pair)}`);
  return pair;
}

function* connectTo(loop: TaskLoop<ConnectIo>, path: UnixPath): CoroutineGenerator<Socket> {
  const socket = new Socket(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
  try {
    yield* loop.backend.connect(loop, socket, path);
    return socket;
  } catch (error) {
    discardSocket(socket);
    throw error;
  }
}

/**
 * Checks a socket that was given in place of a path. It is not touched.
 *
 * @throws ValueError if there is none, or it is no Unix stream socket. TypeError if it is no Socket. Internal.
 */
export function checkUnixSocket(method: string, sock: unknown): asserts sock is Socket {
  if (sock === null || sock === undefined) throw new ValueError(`${method}: no path and sock were specified`);
  if (!hasBrand(sock, 'Socket')) throw new TypeError(`${method}: sock must be a Socket, got ${repr(sock)}`);
  const { family, type } = sock as Socket;
  if (family !== AF_UNIX || type !== SOCK_STREAM) {
    throw new ValueError(`${method}: a Unix stream socket was expected, got ${repr(sock)}`);
  }
}

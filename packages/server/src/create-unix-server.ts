import { ValueError } from '@tsyncio/core';
import { operation, type CoroutineGenerator, type Operation } from '@tsyncio/futures-tasks';
import { AF_UNIX, SOCK_STREAM, Socket } from '@tsyncio/socket';
import {
  checkFactory,
  checkOptions,
  checkUnixPath,
  checkUnixSocket,
  discardSocket,
  removeStaleSocket,
  requireUnixSockets,
  SERVER_TLS_OPTIONS,
  serverTls,
  type ProtocolFactory,
  type ServerTlsOptions,
  type UnixPath,
} from '@tsyncio/transports-protocols';

import { checkBacklog, DEFAULT_BACKLOG } from './backlog.js';
import { Server, type ServingLoop } from './server.js';
import { serve } from './serve.js';

/** The options of {@link createUnixServer}. */
export interface UnixServerOptions extends ServerTlsOptions {
  /** Connections that may wait to be accepted, and how many are accepted in one iteration. Default 100. */
  readonly backlog?: number | undefined;
  /** False: bind only; connections are refused until `startServing` or `serveForever`. Default true. */
  readonly startServing?: boolean | undefined;
  /** A bound Unix stream socket to use in place of a path. The server owns it from then on. */
  readonly sock?: Socket | null | undefined;
}

const OPTIONS = ['backlog', 'startServing', 'sock', ...SERVER_TLS_OPTIONS];

/**
 * Starts a server on a Unix-domain socket. asyncio: `loop.create_unix_server`.
 *
 * A socket file that is at the path already is removed, whether a server uses it or not; anything else there is `EADDRINUSE`. The file stays
 * when the server closes.
 *
 * @param path - A path, or an abstract name (Linux) that begins with NUL; null with `sock`.
 * @returns The server; by default it accepts connections.
 * @throws Through the operation: OSError naming the path (`EADDRINUSE`, `ENOENT` for a missing folder, `ENAMETOOLONG`); ValueError without
 *   path and `sock`, with both, for an empty path, and for a `sock` that is no Unix stream socket; TypeError for wrong types and unknown
 *   options. A socket made here is closed then, one that was given is not.
 *
 * @example
 * await using server = await createUnixServer(loop, () => new Echo(), '/run/echo.sock');
 */
export function createUnixServer(
  loop: ServingLoop,
  protocolFactory: ProtocolFactory,
  path: UnixPath | null,
  options: UnixServerOptions = {},
): Operation<Server> {
  return operation(loop, serving(loop, protocolFactory, path, options), { context: true });
}

function* serving(
  loop: ServingLoop,
  factory: ProtocolFactory,
  path: UnixPath | null,
  options: UnixServerOptions,
): CoroutineGenerator<Server> {
  requireUnixSockets('createUnixServer');
  checkFactory('createUnixServer', factory);
  checkOptions('createUnixServer', OPTIONS, options);
  const { backlog = DEFAULT_BACKLOG, startServing = true, sock = null } = options;
  checkBacklog('createUnixServer', backlog);
  const tls = serverTls('createUnixServer', options);
  let socket: Socket;
  if (path === null) {
    checkUnixSocket('createUnixServer', sock);
    sock.setblocking(false);
    socket = sock;
  } else {
    if (sock !== null) throw new ValueError('path and sock can not be specified at the same time');
    checkUnixPath('createUnixServer', path);
    socket = bound(path);
  }
  return yield* serve(loop, new Server(loop, [socket], factory, backlog, tls), startServing, sock === null);
}

function bound(path: UnixPath): Socket {
  const socket = new Socket(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
  try {
    removeStaleSocket(path);
    socket.bind(path);
    return socket;
  } catch (error) {
    discardSocket(socket);
    throw error;
  }
}

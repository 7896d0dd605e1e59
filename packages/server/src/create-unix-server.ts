import { repr, ValueError } from '@tsyncio/core';
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
  SocketFile,
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
  /**
   * Removes the socket file when the server closes, if it is still the one that was made. asyncio: `cleanup_socket`, since 3.13, where it is on by
   * default. Default false. Not with `sock`.
   */
  readonly cleanupSocket?: boolean | undefined;
}

const OPTIONS = ['backlog', 'startServing', 'sock', 'cleanupSocket', ...SERVER_TLS_OPTIONS];

/**
 * Starts a server on a Unix-domain socket. asyncio: `loop.create_unix_server`.
 *
 * A socket file that is at the path already is removed, whether a server uses it or not; anything else there is `EADDRINUSE`. The file stays
 * when the server closes, unless `cleanupSocket` is on.
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
  const { backlog = DEFAULT_BACKLOG, startServing = true, sock = null, cleanupSocket = false } = options;
  checkBacklog('createUnixServer', backlog);
  if (typeof cleanupSocket !== 'boolean') {
    throw new TypeError(`createUnixServer: cleanupSocket must be true or false, got ${repr(cleanupSocket)}`);
  }
  const tls = serverTls('createUnixServer', options);
  let socket: Socket;
  let file: SocketFile | null = null;
  if (path === null) {
    checkUnixSocket('createUnixServer', sock);
    if (cleanupSocket)
      throw new ValueError('cleanupSocket needs a path: the file of a given sock is not ours to remove');
    sock.setblocking(false);
    socket = sock;
  } else {
    if (sock !== null) throw new ValueError('path and sock can not be specified at the same time');
    checkUnixPath('createUnixServer', path);
    [socket, file] = bound(path, cleanupSocket);
  }
  return yield* serve(loop, new Server(loop, [socket], factory, backlog, tls, file), startServing, sock === null);
}

function bound(path: UnixPath, cleanupSocket: boolean): [Socket, SocketFile | null] {
  const socket = new Socket(AF_UNIX, SOCK_STREAM, 0, { nonblocking: true });
  try {
    removeStaleSocket(path);
    socket.bind(path);
    return [socket, cleanupSocket ? SocketFile.at(path) : null];
  } catch (error) {
    discardSocket(socket);
    throw error;
  }
}

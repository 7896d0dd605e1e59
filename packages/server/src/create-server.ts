import { logger, ValueError } from '@tsyncio/core';
import { gather, operation, type CoroutineGenerator, type Operation } from '@tsyncio/futures-tasks';
import {
  AF_INET6,
  AI_PASSIVE,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_KEEPALIVE,
  SO_REUSEADDR,
  Socket,
  SOL_SOCKET,
  type AddrInfo,
} from '@tsyncio/socket';
import { SO_EXCLUSIVEADDRUSE } from '@tsyncio/socket/native';
import {
  checkFactory,
  checkStreamSocket,
  discardSocket,
  endpointArguments,
  SERVER_TLS_OPTIONS,
  serverTls,
  setReusePort,
  streamInfos,
  type ProtocolFactory,
  type ServerTlsOptions,
} from '@tsyncio/transports-protocols';

import { checkBacklog, DEFAULT_BACKLOG } from './backlog.js';
import { serve } from './serve.js';
import { Server, type ServingLoop } from './server.js';

const onWindows = process.platform === 'win32';

/** The options of {@link createServer}. */
export interface ServerOptions extends ServerTlsOptions {
  /** `AF_INET` or `AF_INET6`; default 0, which takes both. */
  readonly family?: number | undefined;
  /** `AI_*` flags for the lookup; default `AI_PASSIVE`. */
  readonly flags?: number | undefined;
  /** Connections that may wait to be accepted, and how many are accepted in one iteration. Default 100. */
  readonly backlog?: number | undefined;
  /**
   * SO_REUSEADDR: bind although old connections of the port linger. Default (null) true; false leaves the option off. On Windows, where it would let
   * others take the port, the default is SO_EXCLUSIVEADDRUSE; true is SO_REUSEADDR there too.
   */
  readonly reuseAddress?: boolean | null | undefined;
  /** SO_REUSEPORT: several servers share a port. Default false. */
  readonly reusePort?: boolean | null | undefined;
  /** SO_KEEPALIVE for the listening sockets, and thereby for the connections that come through them. asyncio: since 3.13. Default false. */
  readonly keepAlive?: boolean | null | undefined;
  /** False: bind only; connections are refused until `startServing` or `serveForever`. Default true. */
  readonly startServing?: boolean | undefined;
  /** A bound stream socket to use in place of host and port. The server owns it from then on. */
  readonly sock?: Socket | null | undefined;
}

const OPTIONS = [
  'family',
  'flags',
  'backlog',
  'reuseAddress',
  'reusePort',
  'keepAlive',
  'startServing',
  'sock',
  ...SERVER_TLS_OPTIONS,
];

/** Where a server listens: a name or an IP literal, several, or null (or '') for all interfaces of this machine. */
export type Hosts = string | null | Iterable<string | null>;

/**
 * Starts a TCP server. asyncio: `loop.create_server`.
 *
 * The factory is called for every connection. Its protocol's callbacks run in the async context of this call.
 *
 * @param host - See {@link Hosts}. All interfaces means one socket for IPv4 and one for IPv6. Equal hosts are bound once.
 * @param port - 0 to 65535, or the name of a service; 0 or null lets the kernel choose one for each socket: see `server.sockets`.
 * @returns The server; by default it accepts connections.
 * @throws Through the operation: OSError with `code`, `address` and `port` if an address cannot be had (`bind EADDRINUSE 127.0.0.1:80`);
 *   ValueError without host, port and `sock`, or with both, and for a `sock` that is no stream socket; TypeError for wrong types and
 *   unknown options; GaiError for a name that cannot be looked up. Sockets made here are closed then, one that was given is not.
 *
 * @example
 * await using server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
 * const [host, port] = server.sockets[0].getsockname();
 */
export function createServer(
  loop: ServingLoop,
  protocolFactory: ProtocolFactory,
  host: Hosts,
  port: number | string | null,
  options?: ServerOptions,
): Operation<Server>;
/** The same on a socket that is bound already, with `sock` among the options. */
export function createServer(
  loop: ServingLoop,
  protocolFactory: ProtocolFactory,
  options: ServerOptions,
): Operation<Server>;
export function createServer(
  loop: ServingLoop,
  protocolFactory: ProtocolFactory,
  ...rest: unknown[]
): Operation<Server> {
  return operation(loop, serving(loop, protocolFactory, rest), { context: true });
}

function* serving(
  loop: ServingLoop,
  factory: ProtocolFactory,
  rest: readonly unknown[],
): Generator<unknown, Server, unknown> {
  checkFactory('createServer', factory);
  const { host, port, options } = endpointArguments<Hosts, ServerOptions>('createServer', OPTIONS, rest);
  const { backlog = DEFAULT_BACKLOG, startServing = true, sock = null } = options;
  checkBacklog('createServer', backlog);
  const tls = serverTls('createServer', options);
  let sockets: readonly Socket[];
  if (host === null && port === null) {
    checkStreamSocket('createServer', sock);
    sock.setblocking(false);
    sockets = [sock];
  } else {
    if (sock !== null) throw new ValueError('host/port and sock can not be specified at the same time');
    sockets = bindAll(loop, yield* addressesOf(loop, host, port, options), options);
  }
  return yield* serve(loop, new Server(loop, sockets, factory, backlog, tls), startServing, sock === null);
}

/** The addresses of all hosts, each once; looked up at the same time. */
function* addressesOf(
  loop: ServingLoop,
  host: Hosts,
  port: number | string | null,
  { family = 0, flags = AI_PASSIVE }: ServerOptions,
): CoroutineGenerator<AddrInfo[]> {
  const hosts = host === '' ? [null] : typeof host === 'object' && host !== null ? [...host] : [host];
  const lookUps = hosts.map((name) => operation(loop, streamInfos(loop, [name, port], { family, flags })));
  const found = new Map<string, AddrInfo>();
  for (const infos of yield* gather(...lookUps, { loop })) {
    for (const info of infos) found.set(JSON.stringify(info), info);
  }
  return [...found.values()];
}

/** A bound socket for each address; all or none. */
function bindAll(loop: ServingLoop, infos: readonly AddrInfo[], options: ServerOptions): Socket[] {
  const sockets: Socket[] = [];
  let refused: unknown = null;
  try {
    for (const [family, type, proto, , address] of infos) {
      let socket: Socket;
      try {
        socket = new Socket(family, type, proto, { nonblocking: true });
      } catch (error) {
        // A system without IPv6, for example: the other addresses will do.
        if (loop.getDebug()) logger.warning(`createServer: no socket of family ${family}: ${String(error)}`);
        refused = error;
        continue;
      }
      sockets.push(socket);
      if (options.reuseAddress ?? !onWindows) socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
      else if (onWindows) socket.setsockopt(SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
      if (options.reusePort ?? false) setReusePort(socket);
      if (options.keepAlive ?? false) socket.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1);
      // So that a socket for IPv4 can have the same port.
      if (family === AF_INET6) socket.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1);
      socket.bind(address);
    }
    if (sockets.length === 0 && refused !== null) throw refused;
    return sockets;
  } catch (error) {
    sockets.forEach(discardSocket);
    throw error;
  }
}

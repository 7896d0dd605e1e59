import { hasBrand, isOSError, logger, repr, ValueError } from '@tsyncio/core';
import { operation, type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import {
  AF_UNIX,
  AF_UNSPEC,
  ensureResolved,
  SO_BROADCAST,
  SOCK_DGRAM,
  Socket,
  SOL_SOCKET,
  type AddressLike,
  type ConnectIo,
  type DatagramIo,
} from '@tsyncio/socket';

import { SocketDatagramTransport } from './datagram-transport.js';
import { checkOptions } from './endpoint-arguments.js';
import { openOver } from './open-transport.js';
import type { DatagramProtocolCallbacks } from './protocol.js';
import { checkFactory } from './protocol-factory.js';
import { setReusePort } from './platform.js';
import { discardSocket } from './stream-socket.js';
import type { DatagramTransport } from './transport.js';
import { removeStaleSocket, type UnixPath } from './unix-path.js';

/** The options of {@link createDatagramEndpoint}. */
export interface DatagramOptions {
  /** Where to bind: `[host, port]`, on `AF_UNIX` a path. */
  readonly localAddr?: AddressLike | null | undefined;
  /** The one peer: datagrams without an address go there, and only its own are received. */
  readonly remoteAddr?: AddressLike | null | undefined;
  /** `AF_INET`, `AF_INET6`, `AF_UNIX`; default 0, any family that has the addresses. Needed when there is no address. */
  readonly family?: number | undefined;
  /** Protocol number; default 0. */
  readonly proto?: number | undefined;
  /** `AI_*` flags for looking up names; default 0. */
  readonly flags?: number | undefined;
  /** Not supported: `true` is refused, because it lets several processes of different users take the same datagrams. */
  readonly reuseAddress?: boolean | null | undefined;
  /** SO_REUSEPORT: several sockets share an address. Default false. */
  readonly reusePort?: boolean | null | undefined;
  /** SO_BROADCAST: may send to broadcast addresses; the socket is not connected to `remoteAddr` then. Default false. */
  readonly allowBroadcast?: boolean | null | undefined;
  /** A datagram socket to use in place of all of the above. The transport owns it once the endpoint is made. */
  readonly sock?: Socket | null | undefined;
}

const OPTIONS = [
  'localAddr',
  'remoteAddr',
  'family',
  'proto',
  'flags',
  'reuseAddress',
  'reusePort',
  'allowBroadcast',
  'sock',
];
/** What `sock` decides by itself. */
const EXCLUDED_BY_SOCK = [
  'localAddr',
  'remoteAddr',
  'family',
  'proto',
  'flags',
  'reusePort',
  'allowBroadcast',
] as const;

type DatagramLoop = TaskLoop<DatagramIo & ConnectIo>;

/** A socket to be made. */
interface Candidate {
  readonly family: number;
  readonly proto: number;
  local: AddressLike | null;
  remote: AddressLike | null;
}

/**
 * Opens a datagram socket: UDP, or Unix with `family: AF_UNIX`. asyncio: `loop.create_datagram_endpoint`.
 *
 * The factory is called when the socket is bound; the operation is done when `connectionMade` was called.
 *
 * @returns The transport and the protocol that the factory made.
 * @throws Through the operation: OSError (`EADDRINUSE`, `ENOENT` for a missing Unix path), the first one if no candidate address will do;
 *   GaiError for a name that cannot be looked up; ValueError for `reuseAddress: true`, for a `sock` that is no datagram socket or comes with
 *   other options, if no family has both addresses, and without family and addresses; TypeError for wrong types and unknown options; what the
 *   factory throws; CancelledError. A socket made here is closed then, one that was given is not.
 *
 * @example
 * const [transport] = await createDatagramEndpoint(loop, () => new Echo(), { localAddr: ['127.0.0.1', 9999] });
 */
export function createDatagramEndpoint<P extends DatagramProtocolCallbacks>(
  loop: DatagramLoop,
  protocolFactory: () => P,
  options: DatagramOptions,
): Operation<[DatagramTransport, P]> {
  return operation(loop, endpoint(loop, protocolFactory, options), { context: true });
}

function* endpoint<P extends DatagramProtocolCallbacks>(
  loop: DatagramLoop,
  factory: () => P,
  options: DatagramOptions = {},
): CoroutineGenerator<[DatagramTransport, P]> {
  checkFactory('createDatagramEndpoint', factory);
  checkOptions('createDatagramEndpoint', OPTIONS, options);
  const { sock = null } = options;
  let socket: Socket;
  let remote: AddressLike | null = null;
  if (sock !== null) {
    checkDatagramSocket(sock, options);
    sock.setblocking(false);
    socket = sock;
  } else {
    if (options.reuseAddress === true) {
      throw new ValueError(
        'reuseAddress: true is not supported: SO_REUSEADDR lets processes of other users take the datagrams of this socket',
      );
    }
    [socket, remote] = yield* firstSocket(loop, yield* candidates(loop, options), options);
  }
  const pair = yield* openOver<P, DatagramTransport>(
    loop,
    factory,
    socket,
    socket !== sock,
    (protocol, waiter) => new SocketDatagramTransport(loop, socket, protocol, { waiter, remote }),
  );
  if (loop.getDebug()) logger.debug(`${repr(socket)} is a datagram endpoint: ${repr(pair)}`);
  return pair;
}

/** The first candidate of which a socket can be made. */
function* firstSocket(
  loop: TaskLoop<ConnectIo>,
  found: readonly Candidate[],
  options: DatagramOptions,
): CoroutineGenerator<[Socket, AddressLike | null]> {
  let first: unknown = null;
  for (const candidate of found) {
    try {
      return [yield* socketFor(loop, candidate, options), candidate.remote];
    } catch (error) {
      if (!isOSError(error)) throw error;
      first ??= error;
    }
  }
  throw first;
}

function* socketFor(
  loop: TaskLoop<ConnectIo>,
  { family, proto, local, remote }: Candidate,
  { reusePort, allowBroadcast }: DatagramOptions,
): CoroutineGenerator<Socket> {
  const socket = new Socket(family, SOCK_DGRAM, proto, { nonblocking: true });
  try {
    if (reusePort === true) setReusePort(socket);
    if (allowBroadcast === true) socket.setsockopt(SOL_SOCKET, SO_BROADCAST, true);
    if (local !== null) socket.bind(local);
    if (remote !== null && allowBroadcast !== true) yield* loop.backend.connect(loop, socket, remote);
    return socket;
  } catch (error) {
    discardSocket(socket);
    throw error;
  }
}

/** The sockets that may be made, in the order in which to try them. */
function* candidates(loop: TaskLoop<ConnectIo>, options: DatagramOptions): CoroutineGenerator<Candidate[]> {
  const { localAddr: local = null, remoteAddr: remote = null, family = AF_UNSPEC, proto = 0 } = options;
  if (local === null && remote === null) {
    if (family === AF_UNSPEC) throw new ValueError('createDatagramEndpoint: without addresses, family is needed');
    return [{ family, proto, local, remote }];
  }
  if (family === AF_UNIX) {
    checkPath('localAddr', local);
    checkPath('remoteAddr', remote);
    if (local !== null) removeStaleSocket(local as UnixPath);
    return [{ family, proto, local, remote }];
  }
  const found = new Map<string, Candidate>();
  yield* resolve(loop, found, 'localAddr', local, options);
  yield* resolve(loop, found, 'remoteAddr', remote, options);
  const complete = [...found.values()].filter(
    (pair) => (local === null || pair.local !== null) && (remote === null || pair.remote !== null),
  );
  if (complete.length > 0) return complete;
  throw new ValueError('createDatagramEndpoint: localAddr and remoteAddr have no address family in common');
}

/** Looks up one of the two addresses, and adds what is found to the candidates of its family and protocol. */
function* resolve(
  loop: TaskLoop<ConnectIo>,
  found: Map<string, Candidate>,
  name: 'localAddr' | 'remoteAddr',
  address: AddressLike | null,
  { family = AF_UNSPEC, proto = 0, flags = 0 }: DatagramOptions,
): CoroutineGenerator<void> {
  if (address === null) return;
  if (!Array.isArray(address) || address.length !== 2) {
    throw new TypeError(`createDatagramEndpoint: ${name} must be [host, port], got ${repr(address)}`);
  }
  const infos = yield* ensureResolved(loop, address as readonly [string, number], {
    family,
    type: SOCK_DGRAM,
    proto,
    flags,
  });
  for (const [familyFound, , protoFound, , resolved] of infos) {
    const key = `${familyFound} ${protoFound}`;
    const candidate = found.get(key) ?? { family: familyFound, proto: protoFound, local: null, remote: null };
    // Of several addresses the last one counts, as in asyncio.
    if (name === 'localAddr') candidate.local = resolved;
    else candidate.remote = resolved;
    found.set(key, candidate);
  }
}

function checkPath(name: string, path: AddressLike | null): void {
  if (path === null || typeof path === 'string' || path instanceof Uint8Array || path instanceof URL) return;
  throw new TypeError(`createDatagramEndpoint: ${name} of a Unix socket must be a path, got ${repr(path)}`);
}

function checkDatagramSocket(sock: unknown, options: DatagramOptions): void {
  if (!hasBrand(sock, 'Socket'))
    throw new TypeError(`createDatagramEndpoint: sock must be a Socket, got ${repr(sock)}`);
  if ((sock as Socket).type !== SOCK_DGRAM) {
    throw new ValueError(`createDatagramEndpoint: a datagram socket was expected, got ${repr(sock)}`);
  }
  const given = EXCLUDED_BY_SOCK.filter((name) => Boolean(options[name]));
  if (given.length === 0) return;
  throw new ValueError(`createDatagramEndpoint: ${given.join(', ')} can not be given together with sock`);
}

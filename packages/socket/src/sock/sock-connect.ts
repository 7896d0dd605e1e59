import {
  failedOperation,
  type CoroutineGenerator,
  type Operation,
  operation,
  type TaskLoop,
} from '@tsyncio/futures-tasks';

import type { AddressLike } from '../address.js';
import { AF_INET, AF_INET6 } from '../constants.js';
import { ensureResolved, type HostAndPort } from '../dns/ensure-resolved.js';
import type { ConnectIo, WatchIo } from '../ports.js';
import type { Socket } from '../socket.js';
import { checkSocket } from './sock-operation.js';

/** An address, or a host and the name of a service. */
type ConnectAddress = AddressLike | readonly [host: string, port: string];

/**
 * Connects a socket. asyncio: `loop.sock_connect`.
 *
 * Cancelled while it waits, the socket stays open and the kernel goes on connecting: close it. In every case the socket stays the caller's.
 *
 * @param address - A host that is no IP literal, or a port that is a name of a service, is resolved for the family, type and protocol of
 *   the socket (by the loop's own `getaddrinfo` if it has one), and the first result is tried. A Unix address is taken as it is.
 * @throws Through the operation: OSError naming the address (`connect ECONNREFUSED 127.0.0.1:80`, `ENOENT` for a missing Unix path);
 *   GaiError if the host cannot be resolved or does not fit the family; the rest as `sockRecv`.
 */
export function sockConnect(
  loop: TaskLoop<WatchIo & ConnectIo>,
  sock: Socket,
  address: ConnectAddress,
): Operation<void> {
  try {
    checkSocket(loop, sock);
  } catch (error) {
    return failedOperation(loop, error);
  }
  return operation(loop, connect(loop, sock, address));
}

function* connect(loop: TaskLoop<ConnectIo>, sock: Socket, address: ConnectAddress): CoroutineGenerator<void> {
  yield* loop.backend.connect(loop, sock, yield* resolved(loop, sock, address));
}

/** The first address of a host for the family of the socket; what is no `[host, port]` is left for the check before the system call. */
function* resolved(loop: TaskLoop<ConnectIo>, sock: Socket, address: ConnectAddress): CoroutineGenerator<AddressLike> {
  const { family, type, proto } = sock;
  const isInet = family === AF_INET || family === AF_INET6;
  if (!isInet || !Array.isArray(address) || address.length < 2) return address as AddressLike;
  const [first] = yield* ensureResolved(loop, address as unknown as HostAndPort, { family, type, proto });
  return first === undefined ? (address as unknown as AddressLike) : first[4];
}

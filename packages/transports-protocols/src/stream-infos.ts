import { type IoBackend, OSError, repr } from '@tsyncio/core';
import type { CoroutineGenerator, TaskLoop } from '@tsyncio/futures-tasks';
import { ensureResolved, SOCK_STREAM, type AddrInfo, type HostAndPort } from '@tsyncio/socket';

/** How a host is looked up: see `getaddrinfo`. */
export interface StreamLookUp {
  readonly family?: number | undefined;
  readonly proto?: number | undefined;
  readonly flags?: number | undefined;
}

/**
 * The addresses of a host and port for stream sockets, in the order in which to try them; a literal is not looked up. Internal.
 *
 * @throws OSError if there are none, and what the loop's `getaddrinfo` throws.
 */
export function* streamInfos(
  loop: TaskLoop<IoBackend>,
  address: HostAndPort,
  { family = 0, proto = 0, flags = 0 }: StreamLookUp,
): CoroutineGenerator<readonly AddrInfo[]> {
  if (!Array.isArray(address) || address.length < 2) {
    throw new TypeError(`an address must be [host, port], got ${repr(address)}`);
  }
  const infos = yield* ensureResolved(loop, address, { family, type: SOCK_STREAM, proto, flags });
  if (infos.length === 0) throw new OSError(`getaddrinfo(${repr(address[0])}) returned an empty list`);
  return infos;
}

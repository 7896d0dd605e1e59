import { hasBrand } from '@tsyncio/core';
import { type Awaitable, type CoroutineGenerator, ensureFuture, type Operation } from '@tsyncio/futures-tasks';

import { isBytes } from '../arguments.js';
import { AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_TCP, IPPROTO_UDP, SOCK_DGRAM, SOCK_STREAM } from '../constants.js';
import { ipVersion } from '../native/ip.js';
import { type AddrInfo, type AddrInfoOptions, getaddrinfo, type LookupHost, type LookupPort } from './getaddrinfo.js';
import type { LookupLoop } from './resolving.js';

/**
 * A loop that looks up names in its own way: its `getaddrinfo` is called in place of the function, as asyncio calls the method that a
 * subclass may override.
 */
export type ResolvingLoop = LookupLoop & {
  getaddrinfo?(host: LookupHost, port: LookupPort, options: AddrInfoOptions): Awaitable<AddrInfo[]>;
};

/** A host and a port that are still to be looked up; what comes behind belongs to IPv6. */
export type HostAndPort = readonly [host: LookupHost, port: LookupPort, flowinfo?: number, scopeId?: number];

/**
 * The addresses of a host and port: `yield* ensureResolved(...)` inside an operation. An IP literal with a number is not looked up. asyncio:
 * `_ensure_resolved`. Internal.
 *
 * @throws What the loop's `getaddrinfo` throws.
 */
export function* ensureResolved(
  loop: ResolvingLoop,
  address: HostAndPort,
  options: AddrInfoOptions,
): CoroutineGenerator<AddrInfo[]> {
  const literal = literalInfo(address, options);
  if (literal !== null) return [literal];
  const [host, port] = address;
  const { family = 0, type = 0, proto = 0, flags = 0 } = options;
  const asked = { family, type, proto, flags };
  if (typeof loop.getaddrinfo !== 'function') return yield* getaddrinfo(loop, host, port, asked);
  const found = loop.getaddrinfo(host, port, asked);
  // An operation runs inside of this one; only what is foreign needs a future.
  return yield* hasBrand(found, 'Operation') ? (found as Operation<AddrInfo[]>) : ensureFuture(found, { loop });
}

/** The one answer for an IP literal, or null if the resolver must be asked. */
function literalInfo(
  [rawHost, rawPort, flowinfo = 0, scopeId = 0]: HostAndPort,
  { family = AF_UNSPEC, type = 0, proto = 0 }: AddrInfoOptions,
): AddrInfo | null {
  if (proto !== 0 && proto !== IPPROTO_TCP && proto !== IPPROTO_UDP) return null;
  const protocol = type === SOCK_STREAM ? IPPROTO_TCP : type === SOCK_DGRAM ? IPPROTO_UDP : null;
  if (protocol === null) return null;
  const host = text(rawHost);
  const port = portNumber(rawPort);
  if (typeof host !== 'string' || host.includes('%') || port === null) return null;
  const version = ipVersion(host);
  if (version === 4 && (family === AF_UNSPEC || family === AF_INET)) {
    return [AF_INET, type, protocol, '', [host, port]];
  }
  if (version === 6 && (family === AF_UNSPEC || family === AF_INET6)) {
    return [AF_INET6, type, protocol, '', [host, port, flowinfo, scopeId]];
  }
  return null;
}

/** None and an empty text are 0, digits are their number; null for the name of a service. */
function portNumber(raw: unknown): number | null {
  const port = text(raw);
  if (port === null || port === undefined || port === '') return 0;
  if (typeof port === 'number') return port;
  return typeof port === 'string' && /^\s*[+-]?[0-9]+\s*$/.test(port) ? Number(port) : null;
}

function text(value: unknown): unknown {
  return isBytes(value) ? Buffer.from(value).toString() : value;
}

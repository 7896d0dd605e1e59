import { RuntimeError } from '@tsyncio/core';
import {
  type CoroutineGenerator,
  failedOperation,
  finishedOperation,
  operation,
  type Operation,
} from '@tsyncio/futures-tasks';

import { checkInteger, kindOf } from '../arguments.js';
import { AF_INET, AF_INET6 } from '../constants.js';
import { ipVersion } from '../native/ip.js';
import { resolver, systemCalls } from '../native/platform.js';
import type { LookupFailure } from '../native/posix/resolver.js';
import { EAI_NONAME, NI_NUMERICHOST, NI_NUMERICSERV } from './constants.js';
import { gaiError, lookupError } from './gai-error.js';
import { type LookupLoop, offThread } from './resolving.js';

type Names = [host: string, service: string];

/** Nobody needs to be asked for these. */
const NUMERIC = NI_NUMERICHOST | NI_NUMERICSERV;

/**
 * Looks up the names of an address: of its host and of the service at its port. asyncio: `loop.getnameinfo`.
 *
 * Runs where `getaddrinfo` does, and is cancelled in the same way; numbers are answered at once.
 *
 * @param sockaddr - `[host, port]` or `[host, port, flowinfo, scopeId]`; the host is an IP literal.
 * @param flags - `NI_*`; with `NI_NUMERICHOST | NI_NUMERICSERV` the numbers come back as text.
 * @throws Through the operation: GaiError (`EAI_NONAME` if the host is no literal, or with `NI_NAMEREQD` has no name); TypeError and ValueError
 *   for wrong arguments; RuntimeError if the loop is closed.
 */
export function getnameinfo(
  loop: LookupLoop,
  sockaddr: readonly [host: string, port: number, flowinfo?: number, scopeId?: number],
  flags = 0,
): Operation<Names> {
  try {
    if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
    checkInteger('flags', flags, 0, 0x7fffffff);
    const address = encode(sockaddr);
    const subject = String(sockaddr[0]);
    if ((flags & NUMERIC) !== NUMERIC) return operation(loop, lookUp(loop, address, flags, subject));
    return finishedOperation(loop, answer(resolver().namesNow(address, flags), subject));
  } catch (error) {
    return failedOperation(loop, error);
  }
}

function* lookUp(loop: LookupLoop, address: Uint8Array, flags: number, subject: string): CoroutineGenerator<Names> {
  return answer(yield* offThread(loop, (done) => resolver().names(address, flags, done)), subject);
}

function answer(result: Names | LookupFailure, subject: string): Names {
  if ('error' in result) throw lookupError(result, 'getnameinfo', subject);
  return result;
}

/** The kernel's form of the address. */
function encode(sockaddr: unknown): Uint8Array {
  if (!Array.isArray(sockaddr)) throw new TypeError(`sockaddr must be [host, port, ...], not ${kindOf(sockaddr)}`);
  const host: unknown = sockaddr[0];
  if (typeof host !== 'string') throw new TypeError(`the host of sockaddr must be a string, not ${kindOf(host)}`);
  const version = ipVersion(host);
  if (version === 0) throw gaiError(EAI_NONAME, 'getnameinfo', `${host}: the host must be an IP literal`);
  return systemCalls().encodeAddress(version === 4 ? AF_INET : AF_INET6, sockaddr);
}

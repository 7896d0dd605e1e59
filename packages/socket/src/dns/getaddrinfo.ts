import { domainToASCII } from 'node:url';

import { logger, RuntimeError } from '@tsyncio/core';
import {
  type CoroutineGenerator,
  failedOperation,
  finishedOperation,
  operation,
  type Operation,
} from '@tsyncio/futures-tasks';

import type { Address } from '../address.js';
import { checkInteger, isBytes, kindOf } from '../arguments.js';
import { ipVersion } from '../native/ip.js';
import type { Found, LookupFailure, Query } from '../native/posix/resolver.js';
import { resolver } from '../native/platform.js';
import { AI_NUMERICHOST, AI_NUMERICSERV } from './constants.js';
import { lookupError } from './gai-error.js';
import { type LookupLoop, offThread } from './resolving.js';

/** What to look up. All default to 0: any. asyncio: the keywords of `getaddrinfo`. */
export interface AddrInfoOptions {
  /** `AF_INET`, `AF_INET6`. */
  readonly family?: number | undefined;
  /** `SOCK_STREAM`, `SOCK_DGRAM`, ... */
  readonly type?: number | undefined;
  /** Protocol number. */
  readonly proto?: number | undefined;
  /** `AI_*`. */
  readonly flags?: number | undefined;
}

/** One result of `getaddrinfo`. The address is `[host, port]` or `[host, port, flowinfo, scopeId]`. */
export type AddrInfo = readonly [family: number, type: number, proto: number, canonname: string, sockaddr: Address];

/** A host: a name, an IP literal, or null (this machine; with `AI_PASSIVE` all of its interfaces). */
export type LookupHost = string | Uint8Array | null;
/** A port: a number, the same as text, the name of a service (`'http'`), or null (0). */
export type LookupPort = number | string | Uint8Array | null;

const OPTIONS = ['family', 'type', 'proto', 'flags'];
const INT_MAX = 0x7fffffff;
const INT_MIN = -0x80000000;

/**
 * Looks up the addresses of a host, with the system's resolver (`/etc/hosts`, DNS, ...), as `getaddrinfo(3)` does. asyncio:
 * `loop.getaddrinfo`.
 *
 * Numbers are answered at once. For the rest the resolver runs on a thread of libuv's pool, at most two lookups at a time. Cancelling ends the
 * wait at once; a lookup in progress ends in the background.
 *
 * @param host - A name with other letters than ASCII's is looked up in its ASCII form (`xn--...`), as URLs have it. Bytes go as they are.
 * @returns The addresses, best first. Without a `type` there is one entry for each type of socket.
 * @throws Through the operation: GaiError with the resolver's `code` and `errno` (`EAI_NONAME`, -2 on Linux, for an unknown name; `EAI_SERVICE`;
 *   `EAI_ADDRFAMILY`); TypeError and ValueError for wrong arguments; RuntimeError if the loop is closed.
 *
 * @example
 * const [[family, type, proto, , address]] = await getaddrinfo(loop, 'example.org', 443, { type: SOCK_STREAM });
 */
export function getaddrinfo(
  loop: LookupLoop,
  host: LookupHost,
  port: LookupPort,
  options: AddrInfoOptions = {},
): Operation<AddrInfo[]> {
  let query: Query;
  let subject: string;
  try {
    if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
    query = queryOf(host, port, options);
    subject = `${textOf(query.host) ?? 'null'}:${textOf(query.service) ?? 'null'}`;
    if (!loop.getDebug() && isNumeric(query)) {
      return finishedOperation(loop, answer(resolver().addressesNow(asNumeric(query)), subject));
    }
  } catch (error) {
    return failedOperation(loop, error);
  }
  return operation(loop, lookUp(loop, query, subject));
}

function* lookUp(loop: LookupLoop, query: Query, subject: string): CoroutineGenerator<AddrInfo[]> {
  if (!loop.getDebug()) return yield* find(loop, query, subject);
  const what = describe(query, subject);
  logger.debug(`Get address info ${what}`);
  const start = loop.time();
  const found = yield* find(loop, query, subject);
  const seconds = loop.time() - start;
  const text = `Getting address info ${what} took ${(seconds * 1000).toFixed(3)}ms: ${JSON.stringify(found)}`;
  if (seconds >= loop.slowCallbackDuration) logger.info(text);
  else logger.debug(text);
  return found;
}

function* find(loop: LookupLoop, query: Query, subject: string): CoroutineGenerator<AddrInfo[]> {
  if (isNumeric(query)) return answer(resolver().addressesNow(asNumeric(query)), subject);
  return answer(yield* offThread(loop, (done) => resolver().addresses(query, done)), subject);
}

function answer(result: Found[] | LookupFailure, subject: string): AddrInfo[] {
  if ('error' in result) throw lookupError(result, 'getaddrinfo', subject);
  return result.map(({ family, type, proto, canonname, address }) => [family, type, proto, canonname, address]);
}

/** Nobody needs to be asked: an IP literal or no host, and a number or no port. (A scope is looked up, among the interfaces.) */
function isNumeric({ host, service }: Query): boolean {
  const name = textOf(host);
  if (name !== null && (ipVersion(name) === 0 || name.includes('%'))) return false;
  const port = textOf(service);
  return port === null || /^[0-9]+$/.test(port);
}

/** So that a literal cannot be taken for a name, whatever the system thinks of it. */
function asNumeric(query: Query): Query {
  const { host, service, flags } = query;
  return { ...query, flags: flags | (host === null ? 0 : AI_NUMERICHOST) | (service === null ? 0 : AI_NUMERICSERV) };
}

function queryOf(host: LookupHost, port: LookupPort, options: AddrInfoOptions): Query {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`getaddrinfo: options must be an object, not ${kindOf(options)}`);
  }
  for (const key of Object.keys(options)) {
    if (!OPTIONS.includes(key)) throw new TypeError(`getaddrinfo: unknown option '${key}'`);
  }
  const { family = 0, type = 0, proto = 0, flags = 0 } = options;
  checkInteger('family', family, 0, INT_MAX);
  checkInteger('type', type, 0, INT_MAX);
  checkInteger('proto', proto, 0, INT_MAX);
  checkInteger('flags', flags, INT_MIN, INT_MAX);
  return { host: hostText(host), service: portText(port), family, type, proto, flags };
}

function hostText(host: unknown): Buffer | null {
  if (host === null || host === undefined) return null;
  if (typeof host === 'string') return ended('host', /^[\0-\x7f]*$/.test(host) ? host : domainToASCII(host) || host);
  if (isBytes(host)) return ended('host', host);
  throw new TypeError(`getaddrinfo: host must be a string, a Uint8Array or null, not ${kindOf(host)}`);
}

function portText(port: unknown): Buffer | null {
  if (port === null || port === undefined) return null;
  if (typeof port === 'number') {
    checkInteger('port', port, INT_MIN, INT_MAX);
    return ended('port', String(port));
  }
  if (typeof port === 'string' || isBytes(port)) return ended('port', port);
  throw new TypeError(`getaddrinfo: port must be a number, a string, a Uint8Array or null, not ${kindOf(port)}`);
}

/** A text as C takes it. */
function ended(name: string, text: string | Uint8Array): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  if (bytes.includes(0)) throw new TypeError(`getaddrinfo: ${name} must not contain NUL`);
  return Buffer.concat([bytes, Buffer.alloc(1)]);
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString();
}

/** `localhost:80, family=2`: only what was asked for. */
function describe({ family, type, proto, flags }: Query, subject: string): string {
  const asked = Object.entries({ family, type, proto, flags }).filter(([, value]) => value !== 0);
  return [subject, ...asked.map(([name, value]) => `${name}=${value}`)].join(', ');
}

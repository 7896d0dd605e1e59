import { NotImplementedError, osError, repr } from '@tsyncio/core';
import { AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_TCP, ipVersion, type AddressLike } from '@tsyncio/socket';

/** Where a stream socket connects to, or is bound. */
export interface StreamAddress {
  readonly family: number;
  readonly proto: number;
  readonly address: AddressLike;
}

/** How a host is looked up. */
export interface LookUp {
  /** For messages: the name of the method. */
  readonly method: string;
  /** `AF_INET`, `AF_INET6`; 0 for both. */
  readonly family: number;
  /** True for a socket that listens: no host means all interfaces. False: no host means this machine. */
  readonly passive: boolean;
}

/**
 * The addresses of a host and port, in the order in which they are to be tried. Literals only, so far.
 *
 * @throws NotImplementedError for a name of a host or service. GaiError for a literal of another family than asked for. TypeError.
 */
export function streamAddresses(host: unknown, port: unknown, lookUp: LookUp): StreamAddress[] {
  const { method, family, passive } = lookUp;
  checkFamily(method, family);
  const number = portNumber(method, port);
  const found = host === null || host === undefined ? anyHost(passive) : [literal(method, host, family)];
  return found
    .filter(([version]) => family === AF_UNSPEC || version === family)
    .map(([version, name]) => ({ family: version, proto: IPPROTO_TCP, address: [name, number] }));
}

/** Both families, in the order of the system's resolver. */
function anyHost(passive: boolean): [family: number, host: string][] {
  if (!passive) {
    return [
      [AF_INET6, '::1'],
      [AF_INET, '127.0.0.1'],
    ];
  }
  return [
    [AF_INET, '0.0.0.0'],
    [AF_INET6, '::'],
  ];
}

function literal(method: string, host: unknown, family: number): [family: number, host: string] {
  if (typeof host !== 'string') throw new TypeError(`${method}: host must be a string or null, got ${repr(host)}`);
  const version = ipVersion(host);
  if (version === 0) {
    if (host === '') throw gaiError('EAI_NONAME', host, 'an empty host is no name');
    throw new NotImplementedError(
      `${method}: '${host}' is a name, and this version looks up no names: give an IPv4 or IPv6 literal such as '127.0.0.1'`,
    );
  }
  const own = version === 4 ? AF_INET : AF_INET6;
  if (family !== AF_UNSPEC && family !== own) {
    throw gaiError('EAI_ADDRFAMILY', host, `an IPv${version} literal is not of the family that was asked for`);
  }
  return [own, host];
}

function checkFamily(method: string, family: unknown): void {
  if (typeof family !== 'number') throw new TypeError(`${method}: family must be a number, got ${repr(family)}`);
  if (family !== AF_UNSPEC && family !== AF_INET && family !== AF_INET6) {
    throw gaiError('EAI_FAMILY', String(family), 'family must be AF_INET, AF_INET6 or AF_UNSPEC');
  }
}

function portNumber(method: string, port: unknown): number {
  if (port === null || port === undefined || port === '') return 0;
  if (typeof port === 'number') return port; // its range is checked with the address
  if (typeof port !== 'string') throw new TypeError(`${method}: port must be a number, got ${repr(port)}`);
  if (/^[0-9]+$/.test(port)) return Number(port);
  throw new NotImplementedError(
    `${method}: '${port}' is the name of a service, and this version looks up no names: give the number`,
  );
}

function gaiError(code: string, subject: string, why: string): Error {
  return osError({ code, syscall: 'getaddrinfo', message: `getaddrinfo ${code} ${subject}: ${why}` });
}

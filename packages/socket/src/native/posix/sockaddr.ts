import { fileURLToPath } from 'node:url';

import { osError, ValueError } from '@tsyncio/core';

import type { Address } from '../../address.js';
import { isBytes, kindOf } from '../../arguments.js';
import { E } from '../errno.js';
import { formatIpv4, formatIpv6, ipVersion, parseIpv4, parseIpv6 } from '../ip.js';
import { type Abi, AF_INET, AF_UNIX, SOCKADDR_IN6_SIZE, SOCKADDR_IN_SIZE, SUN_PATH } from './abi.js';

/** Finds the index of a network interface by name, 0 if there is none: `fe80::1%eth0`. */
export type InterfaceIndex = (name: string) => number;

/**
 * Turns an address into `struct sockaddr_in`, `_in6` or `_un`. For any other family the bytes of the structure are the address.
 *
 * @throws TypeError for a wrong shape; ValueError for a port, flow, scope or path that cannot be; GaiError for a host that is no IP
 * literal of the family.
 */
export function encodeAddress(family: number, address: unknown, interfaceIndex: InterfaceIndex, abi: Abi): Uint8Array {
  switch (family) {
    case AF_INET:
      return encodeInet(address, abi);
    case abi.AF_INET6:
      return encodeInet6(address, interfaceIndex, abi);
    case AF_UNIX:
      return encodeUnix(address, abi);
    default:
      if (isBytes(address)) return address;
      throw new ValueError(`addresses of family ${family} are not supported, only the bytes of a struct sockaddr`);
  }
}

/** Reads the address that the kernel wrote into `bytes` at `at`; `length` as it reported. */
export function decodeAddress(bytes: Uint8Array, length: number, abi: Abi, at = 0): Address {
  if (length < 2) return ''; // a Unix peer without a name, or none at all
  switch (abi.sockaddrHasLength ? bytes[at + 1] : bytes[at]! | (bytes[at + 1]! << 8)) {
    case AF_INET:
      return [ipv4Text(bytes, at + 4), (bytes[at + 2]! << 8) | bytes[at + 3]!];
    case abi.AF_INET6: {
      const view = new DataView(bytes.buffer, bytes.byteOffset + at);
      const scope = view.getUint32(24, true);
      return [formatIpv6(bytes.subarray(at + 8, at + 24)), view.getUint16(2), view.getUint32(4), scope];
    }
    case AF_UNIX:
      return decodeUnix(bytes.subarray(at + SUN_PATH, Math.min(at + length, bytes.length)), abi);
    default:
      return Buffer.from(bytes.subarray(at, Math.min(at + length, bytes.length)));
  }
}

/** The last IPv4 address that was decoded: datagrams come from the same host again and again. */
let lastDecoded = 0;
let lastText = '0.0.0.0';

function ipv4Text(bytes: Uint8Array, at: number): string {
  const number = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  if (number !== lastDecoded) {
    lastText = formatIpv4(bytes.subarray(at, at + 4));
    lastDecoded = number;
  }
  return lastText;
}

/** An empty structure of a size, with its first two bytes. (From Node's pool: a small array of its own costs a system call 500 ns more.) */
function structure(size: number, family: number, abi: Abi): Buffer {
  const bytes = Buffer.allocUnsafe(size).fill(0);
  if (abi.sockaddrHasLength) {
    bytes[0] = size;
    bytes[1] = family;
  } else {
    bytes[0] = family & 255;
    bytes[1] = family >> 8;
  }
  return bytes;
}

/** What was encoded for the last IPv4 host, by port: datagrams go to the same places again and again. Nobody writes to it. */
const recent = { host: '', abi: null as Abi | null, byPort: new Map<unknown, Uint8Array>() };
const RECENT_MAX = 1024;

function encodeInet(address: unknown, abi: Abi): Uint8Array {
  if (Array.isArray(address) && address.length === 2 && address[0] === recent.host && abi === recent.abi) {
    const known = recent.byPort.get(address[1]);
    if (known !== undefined) return known;
  }
  const [host, port] = inetParts(address, 2, 'AF_INET', '[host, port]');
  const literal = host === '' ? '0.0.0.0' : host === '<broadcast>' ? '255.255.255.255' : host;
  const bytes = structure(SOCKADDR_IN_SIZE, AF_INET, abi);
  bytes.writeUInt16BE(port, 2);
  bytes.set(parseIpv4(literal) ?? noSuchHost(literal, 'IPv4'), 4);
  if (host !== recent.host || abi !== recent.abi || recent.byPort.size >= RECENT_MAX) {
    recent.host = host;
    recent.abi = abi;
    recent.byPort.clear();
  }
  recent.byPort.set(port, bytes);
  return bytes;
}

function encodeInet6(address: unknown, interfaceIndex: InterfaceIndex, abi: Abi): Uint8Array {
  const [host, port, flow, scope] = inetParts(address, 4, 'AF_INET6', '[host, port, flowinfo?, scopeId?]');
  if (flow > 0xfffff) throw new ValueError(`flowinfo must be 0 to 1048575, not ${flow}`);
  const bytes = structure(SOCKADDR_IN6_SIZE, abi.AF_INET6, abi);
  bytes.writeUInt16BE(port, 2);
  bytes.writeUInt32BE(flow, 4);
  const [literal, zone] = splitZone(host);
  bytes.set(parseIpv6(literal === '' ? '::' : literal) ?? noSuchHost(host, 'IPv6'), 8);
  bytes.writeUInt32LE(zone === null ? scope : zoneIndex(host, zone, interfaceIndex), 24);
  return bytes;
}

function encodeUnix(address: unknown, abi: Abi): Uint8Array {
  const path = address instanceof URL ? fileURLToPath(address) : address;
  if (typeof path !== 'string' && !isBytes(path)) {
    throw new TypeError(`an AF_UNIX address must be a path (string, Uint8Array or file: URL), not ${kindOf(path)}`);
  }
  const name = typeof path === 'string' ? Buffer.from(path) : path;
  const isAbstract = name[0] === 0;
  if (isAbstract && !abi.abstractNames) throw new ValueError('only Linux has abstract Unix names');
  if (!isAbstract && name.includes(0)) throw new ValueError('a Unix path must not contain NUL');
  const room = isAbstract ? abi.sunPathMax : abi.sunPathMax - 1;
  if (name.length > room) {
    // The kernel cannot be asked: it would be told another path.
    const message = `ENAMETOOLONG: a Unix path may have ${room} bytes, this one has ${name.length}`;
    throw osError({ code: 'ENAMETOOLONG', errno: -E.ENAMETOOLONG, message });
  }
  // An abstract name ends where the length says; a path ends with NUL. '' asks for a name (autobind).
  const bytes = structure(SUN_PATH + name.length + (isAbstract || name.length === 0 ? 0 : 1), AF_UNIX, abi);
  bytes.set(name, SUN_PATH);
  return bytes;
}

function decodeUnix(name: Uint8Array, abi: Abi): Address {
  const end = abi.abstractNames && name[0] === 0 ? name.length : name.indexOf(0);
  const bytes = Buffer.from(end < 0 ? name : name.subarray(0, end)); // a copy: the caller reuses its memory
  const text = bytes.toString();
  return Buffer.from(text).equals(bytes) ? text : bytes;
}

function inetParts(address: unknown, max: number, family: string, shape: string): [string, number, number, number] {
  if (!Array.isArray(address)) throw new TypeError(`an ${family} address must be ${shape}, not ${kindOf(address)}`);
  const parts = address as readonly unknown[];
  if (parts.length < 2 || parts.length > max) {
    throw new TypeError(`an ${family} address must be ${shape}, not an array of ${parts.length}`);
  }
  const [host, port, flow = 0, scope = 0] = parts;
  if (typeof host !== 'string') throw new TypeError(`the host of an address must be a string, not ${kindOf(host)}`);
  return [
    host,
    addressNumber('port', port, 0xffff),
    addressNumber('flowinfo', flow, 0xffffffff),
    addressNumber('scopeId', scope, 0xffffffff),
  ];
}

function addressNumber(name: string, value: unknown, max: number): number {
  if (typeof value !== 'number')
    throw new TypeError(`the ${name} of an address must be a number, not ${kindOf(value)}`);
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw new ValueError(`${name} must be 0 to ${max}, not ${value}`);
  return value;
}

function splitZone(host: string): [literal: string, zone: string | null] {
  const percent = host.indexOf('%');
  return percent < 0 ? [host, null] : [host.slice(0, percent), host.slice(percent + 1)];
}

function zoneIndex(host: string, zone: string, interfaceIndex: InterfaceIndex): number {
  const index = /^[0-9]+$/.test(zone) ? Number(zone) : zone === '' ? 0 : interfaceIndex(zone);
  if (index < 1 || index > 0xffffffff) {
    throw osError({ code: 'EAI_NONAME', syscall: 'getaddrinfo', message: `no network interface ${zone} (of ${host})` });
  }
  return index;
}

function noSuchHost(host: string, wanted: string): never {
  const version = ipVersion(host);
  if (version === 0) {
    const message = `getaddrinfo EAI_NONAME ${host}: a socket address needs an ${wanted} literal; resolve the name first`;
    throw osError({ code: 'EAI_NONAME', syscall: 'getaddrinfo', message });
  }
  const message = `getaddrinfo EAI_ADDRFAMILY ${host}: an IPv${version} literal does not fit an ${wanted} socket`;
  throw osError({ code: 'EAI_ADDRFAMILY', syscall: 'getaddrinfo', message });
}

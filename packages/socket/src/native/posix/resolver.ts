import type { Address } from '../../address.js';
import { addressOf, koffi } from '../koffi.js';
import type { Abi } from './abi.js';
import type { Netdb } from './netdb.js';
import { decodeAddress } from './sockaddr.js';

/** `struct addrinfo`: flags 0, family 4, socktype 8, protocol 12, addrlen 16, two pointers, next 40. See {@link Netdb}. */
const ADDRINFO_SIZE = 48;
const NEXT = 40;

const HOST_MAX = 1025;
const SERVICE_MAX = 32;

/** What is looked up, as C takes it: texts that end with NUL. */
export interface Query {
  readonly host: Buffer | null;
  readonly service: Buffer | null;
  readonly family: number;
  readonly type: number;
  readonly proto: number;
  readonly flags: number;
}

/** One `struct addrinfo`. */
export interface Found {
  readonly family: number;
  readonly type: number;
  readonly proto: number;
  readonly canonname: string;
  readonly address: Address;
}

type Getaddrinfo = Asynchronous<(host: Buffer | null, service: Buffer | null, hints: number, result: number) => number>;
type Getnameinfo = Asynchronous<
  (addr: Uint8Array, length: number, host: Buffer, hl: number, service: Buffer, sl: number, flags: number) => number
>;

/** A function of koffi's: called at once, or on a thread of libuv's pool. */
type Asynchronous<F extends (...args: never[]) => number> = F & {
  async(...args: [...Parameters<F>, (error: unknown, result: number) => void]): void;
};

/**
 * `getaddrinfo(3)` and `getnameinfo(3)`. Each method gives the results, or the resolver's error number (`EAI_*`).
 *
 * The asynchronous ones run on libuv's thread pool, where Node's own lookups run. Their memory stays referenced until they are done, also
 * when nobody is interested any more, and what the system has allocated is freed then.
 */
export class Resolver {
  private readonly getaddrinfo: Getaddrinfo;
  private readonly freeaddrinfo: (list: bigint) => void;
  private readonly getnameinfo: Getnameinfo;

  constructor(
    private readonly abi: Abi,
    private readonly netdb: Netdb,
  ) {
    const libc = koffi().load(null);
    const pointer = 'void *';
    this.getaddrinfo = libc.func('getaddrinfo', 'int', [pointer, pointer, 'uintptr_t', 'uintptr_t']) as never;
    this.freeaddrinfo = libc.func('freeaddrinfo', 'void', ['uintptr_t']) as never;
    this.getnameinfo = libc.func('getnameinfo', 'int', [
      pointer,
      'uint32_t',
      pointer,
      'uint32_t',
      pointer,
      'uint32_t',
      'int',
    ]) as never;
  }

  /** Looks up at once. For what needs no network and no file: numbers. */
  addressesNow(query: Query): Found[] | number {
    const memory = new LookUpMemory(query);
    const error = this.getaddrinfo(query.host, query.service, memory.hintsAt, memory.resultAt);
    return error === 0 ? this.collect(memory) : error;
  }

  /** Looks up on another thread. */
  addresses(query: Query, done: (result: Found[] | number) => void): void {
    const memory = new LookUpMemory(query);
    this.getaddrinfo.async(query.host, query.service, memory.hintsAt, memory.resultAt, (failure, error) => {
      if (failure !== null && failure !== undefined) done(this.netdb.constants.EAI_SYSTEM);
      else done(error === 0 ? this.collect(memory) : error);
    });
  }

  /** Names of an address, looked up on another thread. `address` is a `struct sockaddr`. */
  names(address: Uint8Array, flags: number, done: (result: [host: string, service: string] | number) => void): void {
    const host = Buffer.allocUnsafeSlow(HOST_MAX);
    const service = Buffer.allocUnsafeSlow(SERVICE_MAX);
    const { length } = address;
    this.getnameinfo.async(address, length, host, HOST_MAX, service, SERVICE_MAX, flags, (failure, error) => {
      if (failure !== null && failure !== undefined) done(this.netdb.constants.EAI_SYSTEM);
      else done(error === 0 ? [textOf(host), textOf(service)] : error);
    });
  }

  /** Reads the list that the system has made, and frees it. */
  private collect(memory: LookUpMemory): Found[] {
    const { abi, netdb } = this;
    const { decode } = koffi();
    const first = memory.result;
    const found: Found[] = [];
    for (let at = first; at !== 0n;) {
      const info = copyOf(at, ADDRINFO_SIZE);
      const length = info.readUInt32LE(16);
      const canonname = info.readBigUInt64LE(netdb.canonname);
      found.push({
        family: info.readInt32LE(4),
        type: info.readInt32LE(8),
        proto: info.readInt32LE(12),
        canonname: canonname === 0n ? '' : decode.string(canonname),
        address: decodeAddress(copyOf(info.readBigUInt64LE(netdb.addr), length), length, abi),
      });
      at = info.readBigUInt64LE(NEXT);
    }
    this.freeaddrinfo(first);
    return found;
  }
}

/** What one call of getaddrinfo reads and writes. Off the JavaScript heap, so that it does not move. */
class LookUpMemory {
  private readonly memory = new ArrayBuffer(ADDRINFO_SIZE + 8);
  readonly hintsAt = addressOf(this.memory);
  readonly resultAt = this.hintsAt + ADDRINFO_SIZE;

  constructor({ flags, family, type, proto }: Query) {
    new Int32Array(this.memory).set([flags, family, type, proto]);
  }

  /** The first of the list. */
  get result(): bigint {
    return new BigUint64Array(this.memory, ADDRINFO_SIZE, 1)[0]!;
  }
}

/** A copy of the system's memory, which may be freed after it. */
function copyOf(at: bigint, length: number): Buffer {
  return Buffer.from(Buffer.from(koffi().view(at, length)));
}

function textOf(bytes: Buffer): string {
  return bytes.toString('utf8', 0, bytes.indexOf(0));
}

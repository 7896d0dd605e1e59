import type { Address } from '../../address.js';
import { addressOf, koffi } from '../koffi.js';
import type { Abi } from './abi.js';
import { errnoMemory } from './errno-memory.js';
import type { Netdb } from './netdb.js';
import { decodeAddress } from './sockaddr.js';

/** `struct addrinfo`: flags 0, family 4, socktype 8, protocol 12, addrlen 16, two pointers, next 40. See {@link Netdb}. */
const ADDRINFO_SIZE = 48;
const NEXT = 40;
const POINTER_SIZE = 8;

/** `NI_MAXHOST` and `NI_MAXSERV`; the first rounded up, so that what is behind both is aligned. */
const HOST_MAX = 1032;
const SERVICE_MAX = 32;

/** What is looked up, as C takes it: texts that end with NUL. */
export interface Query {
  readonly host: Uint8Array | null;
  readonly service: Uint8Array | null;
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

/** Why there is no answer. */
export interface LookupFailure {
  /** The resolver's number (`EAI_*`). */
  readonly error: number;
  /** What `errno` was, which counts if the resolver says `EAI_SYSTEM`. */
  readonly errno: number;
}

type Getaddrinfo = Asynchronous<(host: number, service: number, hints: number, result: number) => number>;
type Getnameinfo = Asynchronous<
  (addr: number, length: number, host: number, hl: number, service: number, sl: number, flags: number) => number
>;

/** A function of koffi's: called at once, or on a thread of libuv's pool. */
type Asynchronous<F extends (...args: never[]) => number> = F & {
  async(...args: [...Parameters<F>, (failure: unknown, error: number) => void]): void;
};

/**
 * `getaddrinfo(3)` and `getnameinfo(3)`. Each method gives the results, or why there are none.
 *
 * The asynchronous ones run on libuv's thread pool, where Node's own lookups run, and call `done` once, later. All that the other thread
 * reads and writes is in one block, which the callback holds until then, also when nobody is interested any more: koffi holds nothing.
 * What the system has allocated is freed then. In the callback `errno` is that of the other thread's call: koffi carries it over.
 */
export class Resolver {
  private readonly getaddrinfo: Getaddrinfo;
  private readonly freeaddrinfo: (list: bigint) => void;
  private readonly getnameinfo: Getnameinfo;
  /** Of the C library. Windows' resolver leaves nothing there, and never says `EAI_SYSTEM`. */
  private readonly errno: Int32Array;

  constructor(
    private readonly abi: Abi,
    private readonly netdb: Netdb,
  ) {
    this.errno = process.platform === 'win32' ? new Int32Array(1) : errnoMemory(); // made now: not between a call and its number
    const libc = koffi().load(process.platform === 'win32' ? 'ws2_32.dll' : null);
    const [at, size] = ['uintptr_t', 'uint32_t'];
    this.getaddrinfo = libc.func('getaddrinfo', 'int', [at, at, at, at]) as never;
    this.freeaddrinfo = libc.func('freeaddrinfo', 'void', [at]) as never;
    this.getnameinfo = libc.func('getnameinfo', 'int', [at, size, at, size, at, size, 'int']) as never;
  }

  /** Looks up at once. For what needs no network and no file: numbers. */
  addressesNow(query: Query): Found[] | LookupFailure {
    const memory = new AddressMemory(query);
    return this.found(memory, this.getaddrinfo(memory.host, memory.service, memory.hints, memory.result));
  }

  /** Looks up on another thread. */
  addresses(query: Query, done: (result: Found[] | LookupFailure) => void): void {
    const memory = new AddressMemory(query);
    this.getaddrinfo.async(memory.host, memory.service, memory.hints, memory.result, (_failure, error) =>
      done(this.found(memory, error)),
    );
  }

  /** Names of an address, which is a `struct sockaddr`. At once: for numbers. */
  namesNow(address: Uint8Array, flags: number): [host: string, service: string] | LookupFailure {
    const memory = new NameMemory(address);
    const { host, service } = memory;
    return this.named(
      memory,
      this.getnameinfo(memory.address, address.length, host, HOST_MAX, service, SERVICE_MAX, flags),
    );
  }

  /** Names of an address, looked up on another thread. */
  names(address: Uint8Array, flags: number, done: (result: [string, string] | LookupFailure) => void): void {
    const memory = new NameMemory(address);
    const { host, service } = memory;
    const { length } = address;
    this.getnameinfo.async(memory.address, length, host, HOST_MAX, service, SERVICE_MAX, flags, (_failure, error) =>
      done(this.named(memory, error)),
    );
  }

  private found(memory: AddressMemory, error: number): Found[] | LookupFailure {
    return error === 0 ? this.collect(memory.first) : this.failed(error);
  }

  private named(memory: NameMemory, error: number): [string, string] | LookupFailure {
    return error === 0 ? memory.names : this.failed(error);
  }

  private failed(error: number): LookupFailure {
    return { error, errno: this.errno[0]! };
  }

  /** Reads the list that the system has made, and frees it. */
  private collect(first: bigint): Found[] {
    const found: Found[] = [];
    try {
      let at = first;
      while (at !== 0n) at = this.read(at, found);
    } finally {
      this.freeaddrinfo(first);
    }
    return found;
  }

  /** @returns the next. */
  private read(at: bigint, found: Found[]): bigint {
    const { abi, netdb } = this;
    const info = copyOf(at, ADDRINFO_SIZE);
    const length = info.readUInt32LE(16);
    const canonname = info.readBigUInt64LE(netdb.canonname);
    found.push({
      family: info.readInt32LE(4),
      type: info.readInt32LE(8),
      proto: info.readInt32LE(12),
      canonname: canonname === 0n ? '' : koffi().decode.string(canonname),
      address: decodeAddress(copyOf(info.readBigUInt64LE(netdb.addr), length), length, abi),
    });
    return info.readBigUInt64LE(NEXT);
  }
}

/** What one call of getaddrinfo reads and writes: hints, the result, host, service. Off the JavaScript heap, so that it does not move. */
class AddressMemory {
  private readonly memory: ArrayBuffer;
  readonly hints: number;
  readonly result: number;
  readonly host: number;
  readonly service: number;

  constructor({ flags, family, type, proto, host, service }: Query) {
    const texts = ADDRINFO_SIZE + POINTER_SIZE;
    this.memory = new ArrayBuffer(texts + (host?.length ?? 0) + (service?.length ?? 0));
    new Int32Array(this.memory, 0, 4).set([flags, family, type, proto]);
    const bytes = new Uint8Array(this.memory);
    if (host !== null) bytes.set(host, texts);
    if (service !== null) bytes.set(service, texts + (host?.length ?? 0));
    this.hints = addressOf(this.memory);
    this.result = this.hints + ADDRINFO_SIZE;
    this.host = host === null ? 0 : this.hints + texts;
    this.service = service === null ? 0 : this.hints + texts + (host?.length ?? 0);
  }

  /** The first of the list. */
  get first(): bigint {
    return new BigUint64Array(this.memory, ADDRINFO_SIZE, 1)[0]!;
  }
}

/** What one call of getnameinfo reads and writes: host, service, address. */
class NameMemory {
  private readonly memory: ArrayBuffer;
  readonly host: number;
  readonly service: number;
  readonly address: number;

  constructor(address: Uint8Array) {
    this.memory = new ArrayBuffer(HOST_MAX + SERVICE_MAX + address.length);
    new Uint8Array(this.memory).set(address, HOST_MAX + SERVICE_MAX);
    this.host = addressOf(this.memory);
    this.service = this.host + HOST_MAX;
    this.address = this.service + SERVICE_MAX;
  }

  get names(): [host: string, service: string] {
    return [textOf(Buffer.from(this.memory, 0, HOST_MAX)), textOf(Buffer.from(this.memory, HOST_MAX, SERVICE_MAX))];
  }
}

/** A copy of the system's memory, which may be freed after it. */
function copyOf(at: bigint, length: number): Buffer {
  return Buffer.from(Buffer.from(koffi().view(at, length)));
}

function textOf(bytes: Buffer): string {
  return bytes.toString('utf8', 0, bytes.indexOf(0));
}

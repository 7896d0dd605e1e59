import { osError } from '@tsyncio/core';
import { type Address, type AddressLike, AF_UNIX, SHUT_RD, SHUT_WR, Socket, SOCK_STREAM } from '@tsyncio/socket';

/** How much a direction holds, as a small kernel buffer. */
const CAPACITY = 64 * 1024;

const ERRNO: Readonly<Record<string, number>> = {
  EBADF: 9,
  ENOMEM: 12,
  EINVAL: 22,
  EAGAIN: 11,
  ENFILE: 23,
  EMFILE: 24,
  EPIPE: 32,
  EMSGSIZE: 90,
  ENOBUFS: 105,
  ECONNRESET: 104,
  ENOTCONN: 107,
  ECONNREFUSED: 111,
};

/** The OSError of a system call that was never made. */
export function memoryError(code: string, syscall: string): ReturnType<typeof osError> {
  return osError({ code, errno: -(ERRNO[code] ?? 5), syscall });
}

/** Bytes on their way from one end to the other. */
class Direction {
  size = 0;
  /** The sender sends no more. */
  ended = false;
  /** The receiver takes no more. */
  refused = false;
  private pieces: Buffer[] = [];

  put(data: Uint8Array): void {
    this.pieces.push(Buffer.from(data));
    this.size += data.length;
  }

  take(into: Uint8Array): number {
    let taken = 0;
    while (taken < into.length && this.pieces.length > 0) {
      const piece = this.pieces[0]!;
      const n = Math.min(piece.length, into.length - taken);
      into.set(piece.subarray(0, n), taken);
      taken += n;
      if (n === piece.length) this.pieces.shift();
      else this.pieces[0] = piece.subarray(n);
    }
    this.size -= taken;
    return taken;
  }

  clear(): void {
    this.pieces = [];
    this.size = 0;
  }
}

/**
 * One end of a connection without a kernel. It behaves as an end of a Unix stream socket; several {@link MemorySocket}s may share it (`dup`).
 *
 * The public variables are the faults that a test can set.
 */
export class MemoryEnd {
  /** Most bytes that one write takes. */
  atMost = Infinity;
  /** The code of the error that the next write fails with. */
  writeFailure: string | null = null;
  /** The code of the error that the next receive fails with. */
  readFailure: string | null = null;
  /** Iterations for which the end is not reported as ready, whatever its state. */
  delay = 0;
  /** Called after each change that may have made the end ready. */
  readonly observers = new Set<() => void>();
  references = 0;
  private peer!: MemoryEnd;

  private constructor(
    private readonly incoming: Direction,
    private readonly outgoing: Direction,
  ) {}

  static pair(): [MemoryEnd, MemoryEnd] {
    const there = new Direction();
    const back = new Direction();
    const ends: [MemoryEnd, MemoryEnd] = [new MemoryEnd(back, there), new MemoryEnd(there, back)];
    ends[0].peer = ends[1];
    ends[1].peer = ends[0];
    return ends;
  }

  get readable(): boolean {
    const { size, ended } = this.incoming;
    return this.readFailure !== null || size > 0 || ended;
  }

  get writable(): boolean {
    const { size, ended, refused } = this.outgoing;
    return this.writeFailure !== null || ended || refused || size < CAPACITY;
  }

  /** @returns how many bytes were received, 0 at the end of the stream; null for none yet. Throws OSError. */
  receive(into: Uint8Array): number | null {
    const { readFailure, incoming } = this;
    if (readFailure !== null) {
      this.readFailure = null;
      throw memoryError(readFailure, 'recv');
    }
    if (incoming.size === 0) return incoming.ended ? 0 : null;
    const taken = incoming.take(into);
    this.peer.changed();
    return taken;
  }

  /** @returns how many bytes were taken; null if there is no room. Throws OSError. */
  transmit(data: Uint8Array): number | null {
    const { writeFailure, outgoing } = this;
    if (writeFailure !== null) {
      this.writeFailure = null;
      throw memoryError(writeFailure, 'send');
    }
    if (outgoing.ended || outgoing.refused) throw memoryError('EPIPE', 'send');
    const n = Math.min(data.length, this.atMost, CAPACITY - outgoing.size);
    if (n === 0) return data.length === 0 ? 0 : null;
    outgoing.put(data.subarray(0, n));
    this.peer.changed();
    return n;
  }

  /** Ends one direction or both. */
  shutdown(how: number): void {
    if (how !== SHUT_WR) this.incoming.refused = this.incoming.ended = true;
    if (how !== SHUT_RD) this.outgoing.ended = true;
    this.changed();
    this.peer.changed();
  }

  /** Goes away; what had arrived and was not received resets the peer, as with a kernel. */
  close(): void {
    if (this.incoming.size > 0) this.peer.readFailure = 'ECONNRESET';
    this.incoming.clear();
    this.incoming.refused = true;
    this.outgoing.ended = true;
    this.peer.changed();
  }

  /** Goes away without a word: the peer gets ECONNRESET, and nothing of what was on its way. */
  reset(): void {
    this.outgoing.clear();
    this.incoming.clear();
    this.close();
    this.peer.readFailure = 'ECONNRESET';
    this.peer.changed();
  }

  private changed(): void {
    for (const observer of this.observers) observer();
  }
}

/** Above any real descriptor. Never reused. */
let nextFd = 1_000_000;

/**
 * A connected stream socket without a kernel: what transports, and tests that play the peer, use of a {@link Socket}. Non-blocking. There is no
 * descriptor: `fileno` gives a number that no system call knows.
 */
export class MemorySocket extends Socket {
  private readonly options = new Map<string, number>();
  private blocking = false;

  constructor(
    readonly end: MemoryEnd,
    private readonly names: readonly [own: Address, peer: Address] = ['', ''],
    family = AF_UNIX,
  ) {
    super(family, SOCK_STREAM, 0, { fileno: nextFd++ });
    end.references++;
  }

  override recv(nbytes: number): Buffer {
    const data = Buffer.alloc(Math.min(nbytes, CAPACITY));
    return data.subarray(0, this.recvInto(data));
  }

  override recvInto(buffer: Uint8Array): number {
    return waitless(this.opened('recv').receive(buffer), 'recv');
  }

  override send(data: Uint8Array): number {
    return waitless(this.opened('send').transmit(data), 'send');
  }

  override shutdown(how: number): void {
    this.opened('shutdown').shutdown(how);
  }

  override close(): void {
    if (this.closed) return;
    this.detach();
    if (--this.end.references === 0) this.end.close();
  }

  /** Closes it as a crash would: see {@link MemoryEnd.reset}. */
  reset(): void {
    this.end.reset();
    this.close();
  }

  override dup(): Socket {
    return new MemorySocket(this.opened('dup'), this.names, this.family);
  }

  override getsockname(): Address {
    this.opened('getsockname');
    return this.names[0];
  }

  override getpeername(): Address {
    this.opened('getpeername');
    return this.names[1];
  }

  override setblocking(blocking: boolean): void {
    this.opened('fcntl');
    this.blocking = blocking;
  }

  override getblocking(): boolean {
    this.opened('fcntl');
    return this.blocking;
  }

  override setsockopt(level: number, name: number, value: number | boolean | Uint8Array): void {
    this.opened('setsockopt');
    this.options.set(`${level} ${name}`, Number(value));
  }

  override getsockopt(level: number, name: number): number;
  override getsockopt(level: number, name: number, length: number): Buffer;
  override getsockopt(level: number, name: number): number | Buffer {
    this.opened('getsockopt');
    return this.options.get(`${level} ${name}`) ?? 0;
  }

  override bind(_address: AddressLike): void {
    throw memoryError('EINVAL', 'bind');
  }

  private opened(syscall: string): MemoryEnd {
    if (this.closed) throw memoryError('EBADF', syscall);
    return this.end;
  }
}

/** Two sockets connected to each other, as `socketpair` makes them, without a kernel. */
export function memoryPair(): [MemorySocket, MemorySocket] {
  const [one, other] = MemoryEnd.pair();
  return [new MemorySocket(one), new MemorySocket(other)];
}

function waitless(n: number | null, syscall: string): number {
  if (n === null) throw memoryError('EAGAIN', syscall);
  return n;
}

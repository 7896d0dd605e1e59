import {
  type Address,
  type AddressLike,
  AF_UNIX,
  IPPROTO_TCP,
  SO_LINGER,
  SO_SNDBUF,
  Socket,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from '@tsyncio/socket';

import { MemoryEnd } from './end.js';
import { Mailbox } from './mailbox.js';
import { describe, memoryError, newDescriptor, type Simulated, type Source } from './source.js';

/** The `struct linger` that makes `close` a reset: on, for no time. */
const RESET = Buffer.from(new Int32Array([1, 0]).buffer);

/** What sockets without a kernel have in common: a number that no system call knows, options that are only remembered. Non-blocking. */
abstract class PlayedSocket extends Socket implements Simulated {
  abstract readonly source: Source;
  private readonly options = new Map<string, number>();
  private blocking = false;

  constructor(
    family: number,
    type: number,
    private readonly names: readonly [own: Address, peer: Address],
  ) {
    super(family, type, type === SOCK_STREAM && family !== AF_UNIX ? IPPROTO_TCP : 0, { fileno: newDescriptor() });
    describe(this.fileno(), this);
  }

  /** The last one that names the source is closed. */
  protected abstract release(): void;

  override close(): void {
    if (this.closed) return;
    describe(this.fileno(), null);
    this.detach();
    this.release();
  }

  override getsockname(): Address {
    this.check('getsockname');
    return this.names[0];
  }

  override getpeername(): Address {
    this.check('getpeername');
    return this.names[1];
  }

  override setblocking(blocking: boolean): void {
    this.check('fcntl');
    this.blocking = blocking;
  }

  override getblocking(): boolean {
    this.check('fcntl');
    return this.blocking;
  }

  override setsockopt(level: number, name: number, value: number | boolean | Uint8Array): void {
    this.check('setsockopt');
    this.options.set(`${level} ${name}`, Number(value));
  }

  override getsockopt(level: number, name: number): number;
  override getsockopt(level: number, name: number, length: number): Buffer;
  override getsockopt(level: number, name: number, length?: number): number | Buffer {
    this.check('getsockopt');
    const value = this.options.get(`${level} ${name}`) ?? 0;
    return length === undefined ? value : Buffer.from(new Int32Array([value]).buffer);
  }

  override bind(_address: AddressLike): void {
    throw memoryError('EINVAL', 'bind');
  }

  protected check(syscall: string): void {
    if (this.closed) throw memoryError('EBADF', syscall);
  }
}

/** A connected stream socket without a kernel: what transports, sock methods and tests that play the peer use of a {@link Socket}. */
export class MemorySocket extends PlayedSocket {
  readonly source: MemoryEnd;
  private resets = false;

  constructor(end: MemoryEnd, names: readonly [own: Address, peer: Address] = ['', ''], family = AF_UNIX) {
    super(family, SOCK_STREAM, names);
    this.source = end;
    end.references++;
  }

  /** For faults. */
  get end(): MemoryEnd {
    return this.source;
  }

  override setsockopt(level: number, name: number, value: number | boolean | Uint8Array): void {
    if (level === SOL_SOCKET && name === SO_LINGER) this.resets = value instanceof Uint8Array && RESET.equals(value);
    else super.setsockopt(level, name, value);
  }

  override recv(nbytes: number): Buffer {
    const data = Buffer.allocUnsafeSlow(Math.min(nbytes, 1 << 16));
    return data.subarray(0, this.recvInto(data));
  }

  override recvInto(buffer: Uint8Array): number {
    this.check('recv');
    return waitless(this.end.receive(buffer), 'recv');
  }

  override send(data: Uint8Array): number {
    this.check('send');
    return waitless(this.end.transmit(data), 'send');
  }

  override shutdown(how: number): void {
    this.check('shutdown');
    this.end.shutdown(how);
  }

  /** Closes it as a crash would: see {@link MemoryEnd.reset}. */
  reset(): void {
    this.end.reset();
    this.close();
  }

  override dup(): Socket {
    this.check('dup');
    return new MemorySocket(this.end, [this.getsockname(), this.getpeername()], this.family);
  }

  protected override release(): void {
    if (--this.end.references > 0) return;
    if (this.resets) this.end.reset();
    else this.end.close();
  }
}

/** A datagram socket that is connected to another one, without a kernel. */
export class MemoryDatagramSocket extends PlayedSocket {
  readonly source: Mailbox;

  constructor() {
    super(AF_UNIX, SOCK_DGRAM, ['', '']);
    this.source = new Mailbox(
      AF_UNIX,
      () => null,
      () => null,
    );
  }

  /** For faults. */
  get mailbox(): Mailbox {
    return this.source;
  }

  override setsockopt(level: number, name: number, value: number | boolean | Uint8Array): void {
    super.setsockopt(level, name, value);
    if (level === SOL_SOCKET && name === SO_SNDBUF) this.mailbox.limit = Number(value);
  }

  override send(data: Uint8Array): number {
    this.check('send');
    if (!this.mailbox.transmit(data, null)) throw memoryError('EAGAIN', 'send');
    return data.length;
  }

  override recv(nbytes: number): Buffer {
    return this.recvfrom(nbytes)[0];
  }

  override recvfrom(nbytes: number): [Buffer, Address | null] {
    this.check('recvfrom');
    const datagram = this.mailbox.receive();
    if (datagram === null) throw memoryError('EAGAIN', 'recvfrom');
    return [datagram.data.subarray(0, nbytes), datagram.from];
  }

  protected override release(): void {
    this.mailbox.close();
  }
}

/** Two sockets connected to each other, as `socketpair` makes them, without a kernel. */
export function memoryPair(): [MemorySocket, MemorySocket] {
  const [one, other] = MemoryEnd.pair();
  return [new MemorySocket(one), new MemorySocket(other)];
}

/** The same for datagrams. */
export function memoryDatagramPair(): [MemoryDatagramSocket, MemoryDatagramSocket] {
  const pair: [MemoryDatagramSocket, MemoryDatagramSocket] = [new MemoryDatagramSocket(), new MemoryDatagramSocket()];
  pair[0].mailbox.connectTo(pair[1].mailbox);
  pair[1].mailbox.connectTo(pair[0].mailbox);
  return pair;
}

function waitless(n: number | null, syscall: string): number {
  if (n === null) throw memoryError('EAGAIN', syscall);
  return n;
}

import { fileURLToPath } from 'node:url';

import { brand, type EntryPoint, type OSError } from '@tsyncio/core';

import type { Address, AddressLike } from './address.js';
import type { AncillaryMessage } from './ancillary.js';
import { checkBytes, checkChunks, checkInteger, kindOf } from './arguments.js';
import { AF_INET, AF_UNIX, MSG_TRUNC, SHUT_RDWR, SO_ERROR, SOCK_STREAM, SOL_SOCKET } from './constants.js';
import { closedError, E, systemError } from './native/errno.js';
import { systemAbi, systemCalls } from './native/platform.js';
import { decodeControl, descriptorsIn, encodeControl } from './native/posix/control-messages.js';
import { descriptorDebug, ownershipBegins, ownershipEnds, reportStolen } from './ownership.js';
import { receiveBlock, received as takeReceived } from './sock/receive-memory.js';

/** How a socket is made. */
export interface SocketOptions {
  /** Start non-blocking, as everything that a loop touches must be. Default false, as in Python. */
  readonly nonblocking?: boolean | undefined;
  /**
   * Take over this open descriptor in place of making one, believing the family, type and protocol that are given with it.
   * {@link Socket.fromFd} asks the kernel for them.
   */
  readonly fileno?: number | undefined;
}

/** How this package makes sockets of descriptors. */
interface Adoption extends SocketOptions {
  /** What stands above this function on the stack opened the descriptor: a method of `Socket`, and who called it. */
  readonly openedBy?: EntryPoint;
}

/** Windows has no Unix sockets that are worth the name. */
const PAIR_FAMILY = process.platform === 'win32' ? AF_INET : AF_UNIX;
const INT_MAX = 0x7fffffff;
const INT_MIN = -0x80000000;
/** No Linux receives more in one call. */
const MAX_RECV = 0x7ffff000;

/** Who has kept a registration of a socket's descriptor: see `WatchIo.parkReader`. */
export interface DescriptorKeeper {
  /** Ends the registration, if there still is one. */
  release(): void;
  /**
   * The socket was read without a wait. Time and again, that is a reason for the end: the kernel tells a registered descriptor's news whether anybody
   * listens or not, at up to 0.8 us a message.
   */
  unneeded(): void;
}

/**
 * A socket: a descriptor with an owner. Python: `socket.socket`.
 *
 * Thin over the system calls, and synchronous: on a blocking socket a call stops the whole thread until it is done. A loop uses
 * non-blocking sockets (`setblocking(false)`), on which a call that would block throws an OSError with code `EAGAIN`.
 *
 * Descriptors are close-on-exec. Whoever holds the object owns the descriptor and must `close` it (or say `using`): a
 * forgotten socket is not closed by the garbage collector. Every method of a closed socket but `close`, `fileno`, `detach`
 * and `closed` throws an OSError with code `EBADF`.
 *
 * All methods throw `OSError` with Node's `code`, `errno` and `syscall` when the kernel refuses, and `TypeError` or `ValueError`,
 * naming the argument, before the kernel is asked.
 */
export class Socket {
  static {
    brand(this.prototype, 'Socket');
  }
  /** Address family: `AF_INET`, `AF_INET6`, `AF_UNIX`. */
  readonly family: number;
  /** `SOCK_STREAM` and so on, without flags. */
  readonly type: number;
  /** Protocol number, 0 for the default of family and type. */
  readonly proto: number;
  /** Internal: a backend that keeps a registration of the descriptor; told before the descriptor goes. */
  keeper: DescriptorKeeper | null = null;
  private fd: number;

  /**
   * Creates a socket. Python: `socket.socket(family, type, proto, fileno)`.
   *
   * @throws OSError (`EAFNOSUPPORT`, `EMFILE`, ...).
   */
  constructor(family: number = AF_INET, type: number = SOCK_STREAM, proto = 0, options: SocketOptions = {}) {
    checkKind(family, type, proto, options);
    this.family = family;
    this.type = type;
    this.proto = proto;
    const { fileno, nonblocking = false, openedBy = new.target } = options as Adoption;
    if (fileno === undefined) {
      this.fd = made('socket', systemCalls().socket(family, type, proto, nonblocking));
    } else {
      if (nonblocking) made('fcntl', systemCalls().setNonblocking(fileno, true));
      this.fd = fileno;
    }
    if (descriptorDebug()) ownershipBegins(this, this.fd, openedBy);
  }

  /**
   * Takes over an open socket descriptor; family, type and protocol are asked from the kernel, and close-on-exec is set.
   * Python: `socket.socket(fileno=fd)`.
   *
   * Never pass a descriptor that something else will close (a socket of `node:net`, another `Socket`): use {@link dup}.
   *
   * @throws OSError (`EBADF`, `ENOTSOCK`); the descriptor is left as it is.
   */
  static fromFd(fd: number): Socket {
    checkInteger('fd', fd, 0, INT_MAX);
    const kind = systemCalls().kindOf(fd);
    if (typeof kind === 'number') throw systemError(kind, 'getsockopt');
    made('fcntl', systemCalls().setCloseOnExec(fd));
    return adopt(fd, ...kind);
  }

  /** The descriptor, or -1 once closed or detached. Python: `fileno`. */
  fileno(): number {
    return this.fd;
  }

  /** True once closed or detached. */
  get closed(): boolean {
    return this.fd < 0;
  }

  /**
   * Gives the socket a local address. Python: `bind`.
   *
   * @param address - A port of 0, or `''` on a Unix socket, lets the kernel choose: see {@link getsockname}. A host of `''` means all
   *   interfaces.
   * @throws OSError with `address` and `port` (`EADDRINUSE`, `EACCES`); GaiError if the host is no IP literal of the family.
   */
  bind(address: AddressLike): void {
    const fd = this.open('bind');
    const error = systemCalls().bind(fd, systemCalls().encodeAddress(this.family, address));
    if (error < 0) throw systemError(error, 'bind', shownAddress(address));
  }

  /**
   * Begins to take connections. Python: `listen`.
   *
   * @param backlog - How many connections may wait to be accepted; the kernel caps it. Default 128.
   */
  listen(backlog = 128): void {
    checkInteger('backlog', backlog, INT_MIN, INT_MAX);
    made('listen', systemCalls().listen(this.open('listen'), Math.max(backlog, 0)));
  }

  /**
   * Takes a connection that is waiting. Python: `accept`.
   *
   * @returns the new socket, blocking unless asked otherwise, and the address of its peer.
   * @throws OSError (`EAGAIN` if none is waiting and the listener is non-blocking, `EMFILE`, `EINVAL`).
   */
  accept(options: SocketOptions = {}): [Socket, Address] {
    checkOptions(options);
    const fd = made('accept', systemCalls().accept(this.open('accept'), options.nonblocking ?? false));
    const socket = adopt(fd, this.family, this.type, this.proto);
    return [socket, systemCalls().acceptedFrom()];
  }

  /**
   * As {@link accept} for non-blocking sockets, without an exception for what is no failure.
   *
   * @returns the new socket, non-blocking; its peer is {@link acceptedFrom}. Null if no connection waits, or if the one that did
   *   was given up by its peer. Otherwise the OSError, returned: the caller decides.
   */
  tryAccept(): Socket | OSError | null {
    if (this.fd < 0) return closedError('accept');
    const fd = systemCalls().accept(this.fd, true);
    if (fd >= 0) return adopt(fd, this.family, this.type, this.proto);
    if (fd === -E.EAGAIN || fd === -E.ECONNABORTED || fd === -E.EPROTO) return null;
    return systemError(fd, 'accept');
  }

  /**
   * Connects to a peer. Python: `connect`.
   *
   * On a non-blocking socket it throws `EINPROGRESS`; once the socket is writable, `SO_ERROR` tells how it went. A blocking connect
   * that a signal interrupts is waited for.
   *
   * @throws OSError with `address` and `port`: `connect ECONNREFUSED 127.0.0.1:80`. GaiError if the host is no IP literal of the family.
   */
  connect(address: AddressLike): void {
    let error = this.tryConnect(address);
    if (error === -E.EINTR && this.getblocking()) {
      systemCalls().waitWritable(this.fd);
      error = -this.getsockopt(SOL_SOCKET, SO_ERROR);
    }
    if (error < 0) throw connectError(error, address);
  }

  /** As {@link connect}, but gives the negated error number back: 0, `-EINPROGRESS`, ... Python: `connect_ex`. */
  tryConnect(address: AddressLike): number {
    const fd = this.open('connect');
    return systemCalls().connect(fd, systemCalls().encodeAddress(this.family, address));
  }

  /**
   * Receives up to `nbytes` bytes. Python: `recv`.
   *
   * @returns the data, in memory of its own; empty at the end of the stream.
   * @throws OSError (`EAGAIN`, `ECONNRESET`).
   */
  recv(nbytes: number, flags = 0): Buffer {
    checkInteger('nbytes', nbytes, 0, MAX_RECV);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    const fd = this.open('recv');
    if ((flags & MSG_TRUNC) !== 0) {
      // The kernel may say more than it writes.
      const data = receiveMemory(nbytes, flags);
      return received(data, made('recv', systemCalls().recvInto(fd, data, nbytes, flags)));
    }
    const block = receiveBlock(nbytes);
    return takeReceived(block, made('recv', systemCalls().recv(fd, block.address, nbytes, flags)));
  }

  /**
   * Receives into the start of `buffer`. Python: `recv_into`.
   *
   * @param nbytes - How much at most; default (and 0) the size of the buffer.
   * @returns how many bytes were received; 0 at the end of the stream.
   * @throws OSError (`EAGAIN`, `ECONNRESET`).
   */
  recvInto(buffer: Uint8Array, nbytes = 0, flags = 0): number {
    checkBytes('buffer', buffer);
    checkInteger('nbytes', nbytes, 0, buffer.length);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    const length = Math.min(nbytes === 0 ? buffer.length : nbytes, MAX_RECV);
    return made('recv', systemCalls().recvInto(this.open('recv'), buffer, length, flags));
  }

  /**
   * As {@link recvInto} into the whole buffer, for hot paths: no exception for what happens all the time.
   *
   * @returns how many bytes were received, or the negated error number: `-EAGAIN`, `-EBADF` if the socket is closed.
   */
  tryRecvInto(buffer: Uint8Array): number {
    checkBytes('buffer', buffer);
    if (this.fd < 0) return -E.EBADF;
    return systemCalls().recvInto(this.fd, buffer, Math.min(buffer.length, MAX_RECV), 0);
  }

  /**
   * Receives one datagram of up to `nbytes` bytes, and who sent it; what does not fit is lost. Python: `recvfrom`.
   *
   * @returns the data, which may be empty, and the sender's address: null if it has none (a Unix socket without a name, any stream).
   * @throws OSError (`EAGAIN`, `ECONNREFUSED` if an earlier datagram of a connected socket was refused).
   */
  recvfrom(nbytes: number, flags = 0): [Buffer, Address | null] {
    checkInteger('nbytes', nbytes, 0, MAX_RECV);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    const fd = this.open('recvfrom');
    if ((flags & MSG_TRUNC) !== 0) {
      const data = receiveMemory(nbytes, flags);
      const n = made('recvfrom', systemCalls().recvfrom(fd, data, nbytes, flags));
      return [received(data, n), systemCalls().receivedFrom()];
    }
    const block = receiveBlock(nbytes);
    const n = made('recvfrom', systemCalls().recvfrom(fd, block.memory, nbytes, flags));
    return [takeReceived(block, n), systemCalls().receivedFrom()];
  }

  /**
   * As {@link recvfrom}, into the start of `buffer`. Python: `recvfrom_into`.
   *
   * @param nbytes - How much at most; default (and 0) the size of the buffer.
   */
  recvfromInto(buffer: Uint8Array, nbytes = 0, flags = 0): [number, Address | null] {
    checkBytes('buffer', buffer);
    checkInteger('nbytes', nbytes, 0, buffer.length);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    const length = Math.min(nbytes === 0 ? buffer.length : nbytes, MAX_RECV);
    const n = made('recvfrom', systemCalls().recvfrom(this.open('recvfrom'), buffer, length, flags));
    return [n, systemCalls().receivedFrom()];
  }

  /**
   * Receives data together with ancillary data, for example descriptors. Python: `recvmsg`.
   *
   * Descriptors that arrive (`SOL_SOCKET`, `SCM_RIGHTS`: an array of 32-bit integers) are close-on-exec and yours to close:
   * `recvFds` finds them for you.
   *
   * @param ancillaryBytes - Room for ancillary data: the sum of `CMSG_SPACE(n)` of what is expected.
   * @returns data, ancillary data, flags (`MSG_TRUNC`, `MSG_CTRUNC`, `MSG_EOR` ...) and the sender as {@link recvfrom} tells it.
   */
  recvmsg(nbytes: number, ancillaryBytes = 0, flags = 0): [Buffer, AncillaryMessage<Buffer>[], number, Address | null] {
    checkInteger('nbytes', nbytes, 0, MAX_RECV);
    checkInteger('ancillaryBytes', ancillaryBytes, 0, MAX_RECV);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    const fd = this.open('recvmsg');
    const calls = systemCalls();
    const data = receiveMemory(nbytes, flags);
    const control = Buffer.alloc(ancillaryBytes);
    const n = made('recvmsg', calls.recvmsg(fd, data, ancillaryBytes === 0 ? null : control, flags));
    const arrived = calls.receivedControl();
    try {
      const messages = decodeControl(control, arrived, systemAbi);
      return [received(data, n), messages, calls.receivedFlags(), calls.receivedFrom()];
    } catch (error) {
      // Out of memory. Nobody will learn of the descriptors.
      for (const each of descriptorsIn(decodeControl(control, arrived, systemAbi), systemAbi)) calls.close(each);
      throw error;
    }
  }

  /**
   * Sends data, without raising SIGPIPE. Python: `send`.
   *
   * @returns how many bytes the kernel took, which may be fewer than given.
   * @throws OSError (`EAGAIN`, `EPIPE`, `ECONNRESET`, `ENOTCONN`).
   */
  send(data: Uint8Array, flags = 0): number {
    checkBytes('data', data);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    return made('send', systemCalls().send(this.open('send'), data, flags));
  }

  /** As {@link send}, for hot paths: gives the negated error number back in place of an exception (`-EAGAIN`, `-EBADF`). */
  trySend(data: Uint8Array): number {
    checkBytes('data', data);
    return this.fd < 0 ? -E.EBADF : systemCalls().send(this.fd, data, 0);
  }

  /**
   * Sends one datagram to an address. Python: `sendto` (the flags come last here).
   *
   * @returns how many bytes were sent: all of them, on a datagram socket.
   * @throws OSError with `address` and `port` (`EMSGSIZE`, `EAGAIN`, `EISCONN`, `ENOENT`); GaiError if the host is no IP literal.
   */
  sendto(data: Uint8Array, address: AddressLike, flags = 0): number {
    checkBytes('data', data);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    const fd = this.open('sendto');
    const calls = systemCalls();
    const n = calls.sendto(fd, data, flags, calls.encodeAddress(this.family, address));
    if (n < 0) throw systemError(n, 'sendto', shownAddress(address));
    return n;
  }

  /**
   * Sends several pieces of data as one message, with ancillary data. Python: `sendmsg`.
   *
   * @param address - The receiver; null for that of a connected socket.
   * @returns how many bytes the kernel took.
   * @throws OSError (`EMSGSIZE`, also for more than 1,024 chunks; `EAGAIN`, `EINVAL` for ancillary data that it does not know).
   */
  sendmsg(
    chunks: readonly Uint8Array[],
    ancillary: readonly AncillaryMessage[] = [],
    flags = 0,
    address: AddressLike | null = null,
  ): number {
    checkChunks('chunks', chunks);
    checkAncillary(ancillary);
    checkInteger('flags', flags, INT_MIN, INT_MAX);
    const fd = this.open('sendmsg');
    const calls = systemCalls();
    const to = address === null ? null : calls.encodeAddress(this.family, address);
    const control = ancillary.length === 0 ? null : encodeControl(ancillary, systemAbi);
    const n = calls.sendmsg(fd, chunks, control, flags, to);
    if (n < 0) throw systemError(n, 'sendmsg', address === null ? undefined : shownAddress(address));
    return n;
  }

  /**
   * Ends one direction or both. Python: `shutdown`.
   *
   * @param how - `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`.
   * @throws OSError (`ENOTCONN`).
   */
  shutdown(how: number): void {
    checkInteger('how', how, 0, SHUT_RDWR);
    made('shutdown', systemCalls().shutdown(this.open('shutdown'), how));
  }

  /**
   * Reads an option. Python: `getsockopt`.
   *
   * @param length - Left out for an option that is a number; for any other the size of its buffer in bytes.
   */
  getsockopt(level: number, name: number): number;
  getsockopt(level: number, name: number, length: number): Buffer;
  getsockopt(level: number, name: number, length?: number): number | Buffer {
    checkInteger('level', level, INT_MIN, INT_MAX);
    checkInteger('name', name, INT_MIN, INT_MAX);
    const fd = this.open('getsockopt');
    if (length === undefined) return optionOf(fd, level, name);
    checkInteger('length', length, 1, 1024);
    const into = Buffer.alloc(length);
    return into.subarray(0, made('getsockopt', systemCalls().getOptionBytes(fd, level, name, into)));
  }

  /** Sets an option: a number, a boolean (1 or 0), or the bytes of a structure. Python: `setsockopt`. */
  setsockopt(level: number, name: number, value: number | boolean | Uint8Array): void {
    checkInteger('level', level, INT_MIN, INT_MAX);
    checkInteger('name', name, INT_MIN, INT_MAX);
    if (typeof value === 'number' || typeof value === 'boolean') {
      const number = Number(value);
      checkInteger('value', number, INT_MIN, INT_MAX);
      made('setsockopt', systemCalls().setOption(this.open('setsockopt'), level, name, number));
    } else {
      checkBytes('value', value);
      made('setsockopt', systemCalls().setOptionBytes(this.open('setsockopt'), level, name, value));
    }
  }

  /** The local address. A Unix socket without a name has `''`. Python: `getsockname`. */
  getsockname(): Address {
    return addressOrThrow('getsockname', systemCalls().getsockname(this.open('getsockname')));
  }

  /** The peer's address. Python: `getpeername`. Throws OSError (`ENOTCONN`). */
  getpeername(): Address {
    return addressOrThrow('getpeername', systemCalls().getpeername(this.open('getpeername')));
  }

  /** Makes the socket blocking or non-blocking. Python: `setblocking`. */
  setblocking(blocking: boolean): void {
    if (typeof blocking !== 'boolean') throw new TypeError(`blocking must be a boolean, not ${kindOf(blocking)}`);
    made('fcntl', systemCalls().setNonblocking(this.open('fcntl'), !blocking));
  }

  /** Whether calls may block. Python: `getblocking`. */
  getblocking(): boolean {
    return made('fcntl', systemCalls().isNonblocking(this.open('fcntl'))) === 0;
  }

  /** A second socket object on a duplicate of the descriptor. Python: `dup`. */
  dup(): Socket {
    return adopt(made('dup', systemCalls().dup(this.open('dup'))), this.family, this.type, this.proto);
  }

  /** Gives the descriptor away, open: this object is closed from now on. Returns -1 if it was. Python: `detach`. */
  detach(): number {
    const { fd } = this;
    this.dismissKeeper();
    if (fd >= 0 && descriptorDebug()) ownershipEnds(this);
    this.fd = -1;
    return fd;
  }

  /** Closes the descriptor; a second call does nothing. Python: `close`. Throws OSError if the kernel reports one (it is closed then). */
  close(): void {
    const { fd } = this;
    if (fd < 0) return;
    const ownership = descriptorDebug() ? ownershipEnds(this) : null;
    this.dismissKeeper();
    this.fd = -1;
    const error = systemCalls().close(fd);
    if (error === -E.EBADF && descriptorDebug()) reportStolen(fd, ownership);
    // After EINTR the descriptor is gone (Linux), and a reset by the peer is no failure of closing.
    if (error < 0 && error !== -E.EINTR && error !== -E.ECONNRESET) throw systemError(error, 'close');
  }

  [Symbol.dispose](): void {
    this.close();
  }

  toString(): string {
    return `<Socket fd=${this.fd} family=${this.family} type=${this.type} proto=${this.proto}>`;
  }

  private dismissKeeper(): void {
    const { keeper } = this;
    this.keeper = null;
    keeper?.release();
  }

  /** The descriptor, for a call that needs it open. */
  private open(syscall: string): number {
    if (this.fd < 0) throw closedError(syscall);
    return this.fd;
  }
}

/** The peer of the connection that `tryAccept` returned last: read it before the next call. Internal. */
export function acceptedFrom(): Address {
  return systemCalls().acceptedFrom();
}

/**
 * Two sockets connected to each other. Python: `socket.socketpair`.
 *
 * @param family - Default `AF_UNIX`; on Windows `AF_INET`: two TCP sockets, connected over the loopback interface.
 * @throws OSError (`ENOTSUP` for families other than `AF_UNIX`; on Windows for other types than streams).
 */
export function socketpair(
  family: number = PAIR_FAMILY,
  type: number = SOCK_STREAM,
  proto = 0,
  options: SocketOptions = {},
): [Socket, Socket] {
  checkKind(family, type, proto, options);
  const pair = systemCalls().socketpair(family, type, proto, options.nonblocking ?? false);
  if (typeof pair === 'number') throw systemError(pair, 'socketpair');
  return [adopt(pair[0], family, type, proto), adopt(pair[1], family, type, proto)];
}

/** The OSError of a failed connect: `connect ECONNREFUSED 127.0.0.1:80`. `negated` as {@link Socket.tryConnect} gives it. Internal. */
export function connectError(negated: number, address: AddressLike): OSError {
  return systemError(negated, 'connect', shownAddress(address));
}

/** How an address is written in errors: a Unix path given as URL or bytes becomes text. */
function shownAddress(address: AddressLike): Address {
  return address instanceof URL ? fileURLToPath(address) : (address as Address);
}

function adopt(fd: number, family: number, type: number, proto: number): Socket {
  const adoption: Adoption = { fileno: fd, openedBy: adopt };
  return new Socket(family, type, proto, adoption);
}

function made(syscall: string, result: number): number {
  if (result < 0) throw systemError(result, syscall);
  return result;
}

function addressOrThrow(syscall: string, result: number | Address): Address {
  if (typeof result === 'number') throw systemError(result, syscall);
  return result;
}

/** Memory for `nbytes` bytes. With MSG_TRUNC the kernel may write fewer than it says. */
function receiveMemory(nbytes: number, flags: number): Buffer {
  return (flags & MSG_TRUNC) === 0 ? Buffer.allocUnsafeSlow(nbytes) : Buffer.alloc(nbytes);
}

/** The `n` bytes that arrived in `data`. */
function received(data: Buffer, n: number): Buffer {
  if (n >= data.length) return data;
  // Do not let a short message hold on to a large block.
  return n < data.length / 2 ? Buffer.from(data.subarray(0, n)) : data.subarray(0, n);
}

function checkAncillary(ancillary: unknown): asserts ancillary is readonly AncillaryMessage[] {
  if (!Array.isArray(ancillary)) throw new TypeError(`ancillary must be an array, not ${kindOf(ancillary)}`);
  for (const message of ancillary as readonly unknown[]) {
    if (!Array.isArray(message) || message.length !== 3) {
      throw new TypeError('an ancillary message must be [level, type, data]');
    }
    const [level, type, data] = message as readonly unknown[];
    checkInteger('the level of an ancillary message', level, INT_MIN, INT_MAX);
    checkInteger('the type of an ancillary message', type, INT_MIN, INT_MAX);
    checkBytes('the data of an ancillary message', data);
  }
}

function optionOf(fd: number, level: number, name: number): number {
  const option = systemCalls().getOption(fd, level, name);
  if (typeof option === 'number') throw systemError(option, 'getsockopt');
  return option.value;
}

function checkKind(family: number, type: number, proto: number, options: SocketOptions): void {
  checkInteger('family', family, 0, 0xffff);
  checkInteger('type', type, 0, 0xf);
  checkInteger('proto', proto, 0, 0xffff);
  checkOptions(options);
}

function checkOptions(options: unknown): asserts options is SocketOptions {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, not ${kindOf(options)}`);
  }
  const { fileno, nonblocking } = options as SocketOptions;
  if (nonblocking !== undefined && typeof nonblocking !== 'boolean') {
    throw new TypeError(`nonblocking must be a boolean, not ${kindOf(nonblocking)}`);
  }
  if (fileno !== undefined) checkInteger('fileno', fileno, 0, INT_MAX);
}

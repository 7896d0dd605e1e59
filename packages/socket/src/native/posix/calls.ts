import type { Address } from '../../address.js';
import { E } from '../errno.js';
import { koffi } from '../koffi.js';
import { GATHER_MAX, type SystemCalls } from '../system-calls.js';
import {
  type Abi,
  F_GETFD,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  IOVEC_SIZE,
  MSGHDR_CONTROLLEN,
  MSGHDR_IOVLEN,
  MSGHDR_NAMELEN,
  POLLOUT,
  SOCKADDR_MAX,
} from './abi.js';
import { decodeControl, descriptorsIn } from './control-messages.js';
import { declareLibc } from './libc.js';
import { pointerTo, Scratch } from './scratch.js';
import { decodeAddress, encodeAddress } from './sockaddr.js';

/** No system moves more bytes in a call than Linux does; it also keeps lengths inside an `int`. */
const MAX_LENGTH = 0x7ffff000;

/** The system calls of systems with Berkeley sockets; what differs between them is in the table. Made once for a thread. */
export class PosixCalls implements SystemCalls {
  private readonly c;
  private readonly scratch = new Scratch();
  private readonly noSignal: number;
  /** Memory that a call in progress uses. */
  private held: unknown = null;
  /** The kernel makes descriptors close-on-exec and non-blocking by itself. */
  private readonly atomic: boolean;

  constructor(private readonly abi: Abi) {
    this.c = declareLibc(abi);
    this.noSignal = abi.MSG_NOSIGNAL;
    this.atomic = abi.SOCK_CLOEXEC !== 0;
  }

  socket(family: number, type: number, protocol: number, nonblocking: boolean): number {
    const fd = this.made(this.c.socket(family, type | this.creationFlags(nonblocking), protocol));
    return this.atomic || fd < 0 ? fd : this.prepared(fd, nonblocking);
  }

  socketpair(family: number, type: number, protocol: number, nonblocking: boolean): number | [number, number] {
    const { c, scratch } = this;
    const flags = this.creationFlags(nonblocking);
    const failed = this.made(c.socketpair(family, type | flags, protocol, scratch.at.value));
    if (failed < 0) return failed;
    const [a, b] = [scratch.ints[Scratch.value / 4]!, scratch.ints[Scratch.value / 4 + 1]!];
    if (this.atomic) return [a, b];
    const first = this.prepared(a, nonblocking);
    const second = first < 0 ? first : this.prepared(b, nonblocking);
    if (second >= 0) return [a, b];
    c.close(first < 0 ? b : a); // the other one is closed already
    return second;
  }

  bind(fd: number, address: Uint8Array): number {
    return this.made(this.c.bind(fd, address, address.length));
  }

  listen(fd: number, backlog: number): number {
    return this.made(this.c.listen(fd, backlog));
  }

  accept(fd: number, nonblocking: boolean): number {
    const { c, scratch } = this;
    for (;;) {
      scratch.length = SOCKADDR_MAX;
      const accepted = c.accept(fd, scratch.at.address, scratch.at.length, this.creationFlags(nonblocking));
      if (accepted >= 0) return this.atomic ? accepted : this.prepared(accepted, nonblocking);
      const errno = c.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  acceptedFrom(): Address {
    return decodeAddress(this.scratch.bytes, this.scratch.length, this.abi);
  }

  connect(fd: number, address: Uint8Array): number {
    return this.made(this.c.connect(fd, address, address.length));
  }

  recv(fd: number, address: number, length: number, flags: number): number {
    const { c } = this;
    for (;;) {
      const n = c.recv(fd, address, length, flags);
      if (n >= 0) return n;
      const errno = c.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  recvInto(fd: number, into: Uint8Array, length: number, flags: number): number {
    const { c } = this;
    for (;;) {
      const n = c.recvInto(fd, into, length, flags);
      if (n >= 0) return n;
      const errno = c.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  send(fd: number, data: Uint8Array, flags: number): number {
    const { c } = this;
    for (;;) {
      const n = c.send(fd, data, Math.min(data.length, MAX_LENGTH), flags | this.noSignal);
      if (n >= 0) return n;
      const errno = c.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  gather(fd: number, chunks: readonly Uint8Array[], from: number): number {
    const { c, scratch } = this;
    const { address } = koffi();
    const count = Math.min(chunks.length - from, GATHER_MAX);
    let total = 0;
    let used = 0;
    for (; used < count && total < MAX_LENGTH; used++) {
      const chunk = chunks[from + used]!;
      const length = Math.min(chunk.length, MAX_LENGTH - total);
      const at = Scratch.vector + used * IOVEC_SIZE;
      scratch.longs[at / 8] = address(chunk);
      scratch.words[at / 4 + 2] = length;
      scratch.words[at / 4 + 3] = 0;
      total += length;
    }
    scratch.words[(Scratch.message + MSGHDR_IOVLEN) / 4] = used;
    for (;;) {
      const n = c.sendmsg(fd, scratch.at.message, this.noSignal);
      if (n >= 0) return n;
      const errno = c.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  sendto(fd: number, data: Uint8Array, flags: number, address: Uint8Array): number {
    const { c } = this;
    const length = Math.min(data.length, MAX_LENGTH);
    for (;;) {
      const n = this.made(c.sendto(fd, data, length, flags | this.noSignal, address, address.length));
      if (n !== -E.EINTR) return n;
    }
  }

  recvfrom(fd: number, into: Uint8Array, length: number, flags: number): number {
    const { c, scratch } = this;
    for (;;) {
      scratch.length = SOCKADDR_MAX;
      const n = this.made(c.recvfrom(fd, into, length, flags, scratch.at.address, scratch.at.length));
      if (n !== -E.EINTR) return n;
    }
  }

  receivedFrom(): Address | null {
    const address = decodeAddress(this.scratch.bytes, this.scratch.length, this.abi);
    return address === '' ? null : address;
  }

  sendmsg(
    fd: number,
    chunks: readonly Uint8Array[],
    control: Uint8Array | null,
    flags: number,
    address: Uint8Array | null,
  ): number {
    const { c, scratch } = this;
    const name = address === null ? 0n : pointerTo(address);
    this.held = [scratch.seal(name, address?.length ?? 0, chunks, control), chunks, control, address];
    for (;;) {
      const n = this.made(c.sendmsg(fd, scratch.at.envelope, flags | this.noSignal));
      if (n === -E.EINTR) continue;
      this.held = null;
      return n;
    }
  }

  recvmsg(fd: number, into: Uint8Array, control: Uint8Array | null, flags: number): number {
    const { c, scratch, abi } = this;
    for (;;) {
      scratch.seal(BigInt(scratch.at.address), SOCKADDR_MAX, [into], control);
      const n = this.made(c.recvmsg(fd, scratch.at.envelope, flags | abi.MSG_CMSG_CLOEXEC));
      if (n === -E.EINTR) continue;
      if (n < 0) return n;
      scratch.length = scratch.words[(Scratch.envelope + MSGHDR_NAMELEN) / 4]!;
      if (control !== null && abi.MSG_CMSG_CLOEXEC === 0) {
        const arrived = decodeControl(control, this.receivedControl(), abi);
        for (const received of descriptorsIn(arrived, abi)) this.setCloseOnExec(received);
      }
      return n;
    }
  }

  receivedControl(): number {
    return this.scratch.words[(Scratch.envelope + MSGHDR_CONTROLLEN) / 4]!;
  }

  receivedFlags(): number {
    const { abi, scratch } = this;
    // Linux echoes the flag of the call.
    return scratch.ints[(Scratch.envelope + abi.messageFlags) / 4]! & ~abi.MSG_CMSG_CLOEXEC;
  }

  kindOf(fd: number): number | [family: number, type: number, protocol: number] {
    const { abi } = this;
    const type = this.getOption(fd, abi.SOL_SOCKET, abi.SO_TYPE);
    if (typeof type === 'number') return type;
    const protocol = abi.SO_PROTOCOL === 0 ? { value: 0 } : this.getOption(fd, abi.SOL_SOCKET, abi.SO_PROTOCOL);
    if (typeof protocol === 'number') return protocol;
    const family = this.familyOf(fd);
    return family < 0 ? family : [family, type.value, protocol.value];
  }

  private familyOf(fd: number): number {
    const { abi, c, scratch } = this;
    if (abi.SO_DOMAIN !== 0) {
      const family = this.getOption(fd, abi.SOL_SOCKET, abi.SO_DOMAIN);
      return typeof family === 'number' ? family : family.value;
    }
    scratch.length = SOCKADDR_MAX;
    const failed = this.made(c.getsockname(fd, scratch.at.address, scratch.at.length));
    if (failed < 0) return failed;
    return abi.sockaddrHasLength ? scratch.bytes[1]! : scratch.bytes[0]! | (scratch.bytes[1]! << 8);
  }

  shutdown(fd: number, how: number): number {
    return this.made(this.c.shutdown(fd, how));
  }

  getsockname(fd: number): number | Address {
    const { c, scratch } = this;
    scratch.length = SOCKADDR_MAX;
    const failed = this.made(c.getsockname(fd, scratch.at.address, scratch.at.length));
    return failed < 0 ? failed : decodeAddress(scratch.bytes, scratch.length, this.abi);
  }

  getpeername(fd: number): number | Address {
    const { c, scratch } = this;
    scratch.length = SOCKADDR_MAX;
    const failed = this.made(c.getpeername(fd, scratch.at.address, scratch.at.length));
    return failed < 0 ? failed : decodeAddress(scratch.bytes, scratch.length, this.abi);
  }

  getOption(fd: number, level: number, name: number): { value: number } | number {
    const { c, scratch } = this;
    scratch.length = 4;
    scratch.value = 0;
    const failed = this.made(c.getsockopt(fd, level, name, scratch.at.value, scratch.at.length));
    return failed < 0 ? failed : { value: scratch.value };
  }

  getOptionBytes(fd: number, level: number, name: number, into: Uint8Array): number {
    const { c, scratch } = this;
    scratch.length = into.length;
    const failed = this.made(c.getsockoptInto(fd, level, name, into, scratch.at.length));
    return failed < 0 ? failed : scratch.length;
  }

  setOption(fd: number, level: number, name: number, value: number): number {
    const { c, scratch } = this;
    scratch.value = value;
    return this.made(c.setsockopt(fd, level, name, scratch.at.value, 4));
  }

  setOptionBytes(fd: number, level: number, name: number, value: Uint8Array): number {
    return this.made(this.c.setsockoptFrom(fd, level, name, value, value.length));
  }

  setNonblocking(fd: number, nonblocking: boolean): number {
    const flags = this.made(this.c.fcntl(fd, F_GETFL, 'int', 0));
    if (flags < 0) return flags;
    const wanted = nonblocking ? flags | this.abi.O_NONBLOCK : flags & ~this.abi.O_NONBLOCK;
    return wanted === flags ? 0 : this.made(this.c.fcntl(fd, F_SETFL, 'int', wanted));
  }

  isNonblocking(fd: number): number {
    const flags = this.made(this.c.fcntl(fd, F_GETFL, 'int', 0));
    return flags < 0 ? flags : Number((flags & this.abi.O_NONBLOCK) !== 0);
  }

  setCloseOnExec(fd: number): number {
    const flags = this.made(this.c.fcntl(fd, F_GETFD, 'int', 0));
    if (flags < 0 || (flags & FD_CLOEXEC) !== 0) return Math.min(flags, 0);
    return this.made(this.c.fcntl(fd, F_SETFD, 'int', flags | FD_CLOEXEC));
  }

  dup(fd: number): number {
    return this.made(this.c.fcntl(fd, this.abi.F_DUPFD_CLOEXEC, 'int', 0));
  }

  close(fd: number): number {
    return this.made(this.c.close(fd));
  }

  waitWritable(fd: number): number {
    const { c, scratch } = this;
    for (;;) {
      scratch.ints[Scratch.value / 4] = fd;
      scratch.ints[Scratch.value / 4 + 1] = POLLOUT; // events; revents, the upper half, is 0
      const n = this.made(c.poll(scratch.at.value, 1, -1));
      if (n !== -E.EINTR) return n;
    }
  }

  encodeAddress(family: number, address: unknown): Uint8Array {
    return encodeAddress(family, address, (name) => this.c.ifNameToIndex(name), this.abi);
  }

  /** Turns -1 into the negated errno. Must be the first thing after the call. */
  private made(result: number): number {
    return result < 0 ? -this.c.errno[0]! : result;
  }

  private creationFlags(nonblocking: boolean): number {
    const { SOCK_CLOEXEC, SOCK_NONBLOCK } = this.abi;
    return nonblocking ? SOCK_CLOEXEC | SOCK_NONBLOCK : SOCK_CLOEXEC;
  }

  /** Does to a new descriptor what other systems do at its creation. On failure closes it; errno stays that of the failure. */
  private prepared(fd: number, nonblocking: boolean): number {
    let failed = this.setCloseOnExec(fd);
    // An accepted socket has the mode of its listener, whichever that is.
    if (failed >= 0) failed = this.setNonblocking(fd, nonblocking);
    if (failed >= 0 && this.abi.SO_NOSIGPIPE !== 0) {
      failed = this.setOption(fd, this.abi.SOL_SOCKET, this.abi.SO_NOSIGPIPE, 1);
      // macOS says EINVAL of a socket whose peer is gone already: that one answers EPIPE by itself.
      if (failed === -E.EINVAL) failed = 0;
    }
    if (failed >= 0) return fd;
    this.c.close(fd);
    return failed;
  }
}

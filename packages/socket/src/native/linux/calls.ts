import type { Address } from '../../address.js';
import { E } from '../errno.js';
import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from '../posix/errno-memory.js';
import { GATHER_MAX, type SystemCalls } from '../system-calls.js';
import * as abi from './abi.js';
import { decodeAddress, encodeAddress } from './sockaddr.js';

/**
 * Declares the functions of libc. Found in the process itself (`load(null)`: Node links libc), so glibc and musl need no file
 * names of their own.
 *
 * Memory of ours goes as a number (`uintptr_t`), memory of callers as `void *` (README, measurements). Results that are `ssize_t`
 * are read as `int`: the lower half of the register, and no call here moves 2 GiB. `fcntl` is variadic in C; on Linux that makes no
 * difference to how an argument is passed.
 */
export function declareLibc() {
  const libc = koffi().load(null);
  const declare = <F extends (...args: never[]) => number>(name: string, ...parameters: string[]): F =>
    libc.func(name, 'int', parameters) as unknown as F;
  type Fd = number;
  return {
    socket: declare<(family: number, type: number, protocol: number) => Fd>('socket', 'int', 'int', 'int'),
    socketpair: declare<(f: number, t: number, p: number, pair: number) => number>(
      'socketpair',
      'int',
      'int',
      'int',
      'uintptr_t',
    ),
    bind: declare<(fd: Fd, address: Uint8Array, length: number) => number>('bind', 'int', 'void *', 'int'),
    connect: declare<(fd: Fd, address: Uint8Array, length: number) => number>('connect', 'int', 'void *', 'int'),
    listen: declare<(fd: Fd, backlog: number) => number>('listen', 'int', 'int'),
    accept4: declare<(fd: Fd, address: number, length: number, flags: number) => Fd>(
      'accept4',
      'int',
      'uintptr_t',
      'uintptr_t',
      'int',
    ),
    recv: declare<(fd: Fd, at: number, length: number, flags: number) => number>(
      'recv',
      'int',
      'uintptr_t',
      'size_t',
      'int',
    ),
    recvInto: declare<(fd: Fd, into: Uint8Array, length: number, flags: number) => number>(
      'recv',
      'int',
      'void *',
      'size_t',
      'int',
    ),
    send: declare<(fd: Fd, data: Uint8Array, length: number, flags: number) => number>(
      'send',
      'int',
      'void *',
      'size_t',
      'int',
    ),
    sendmsg: declare<(fd: Fd, message: number, flags: number) => number>('sendmsg', 'int', 'uintptr_t', 'int'),
    shutdown: declare<(fd: Fd, how: number) => number>('shutdown', 'int', 'int'),
    getsockname: declare<(fd: Fd, address: number, length: number) => number>(
      'getsockname',
      'int',
      'uintptr_t',
      'uintptr_t',
    ),
    getpeername: declare<(fd: Fd, address: number, length: number) => number>(
      'getpeername',
      'int',
      'uintptr_t',
      'uintptr_t',
    ),
    getsockopt: declare<(fd: Fd, level: number, name: number, value: number, length: number) => number>(
      'getsockopt',
      'int',
      'int',
      'int',
      'uintptr_t',
      'uintptr_t',
    ),
    getsockoptInto: declare<(fd: Fd, level: number, name: number, value: Uint8Array, length: number) => number>(
      'getsockopt',
      'int',
      'int',
      'int',
      'void *',
      'uintptr_t',
    ),
    setsockopt: declare<(fd: Fd, level: number, name: number, value: number, length: number) => number>(
      'setsockopt',
      'int',
      'int',
      'int',
      'uintptr_t',
      'int',
    ),
    setsockoptFrom: declare<(fd: Fd, level: number, name: number, value: Uint8Array, length: number) => number>(
      'setsockopt',
      'int',
      'int',
      'int',
      'void *',
      'int',
    ),
    fcntl: declare<(fd: Fd, command: number, argument: number) => number>('fcntl', 'int', 'int', 'int'),
    poll: declare<(fds: number, count: number, timeout: number) => number>('poll', 'uintptr_t', 'size_t', 'int'),
    close: declare<(fd: Fd) => number>('close', 'int'),
    ifNameToIndex: declare<(name: string) => number>('if_nametoindex', 'string'),
    epollCreate: declare<(flags: number) => Fd>('epoll_create1', 'int'),
    epollCtl: declare<(epoll: Fd, operation: number, fd: Fd, event: number) => number>(
      'epoll_ctl',
      'int',
      'int',
      'int',
      'uintptr_t',
    ),
    epollWait: declare<(epoll: Fd, events: number, count: number, timeoutMs: number) => number>(
      'epoll_wait',
      'int',
      'uintptr_t',
      'int',
      'int',
    ),
    errno: errnoMemory(),
  };
}

export type Libc = ReturnType<typeof declareLibc>;

let declared: Libc | undefined;

/** libc, declared at the first call of this thread. */
export function libc(): Libc {
  return (declared ??= declareLibc());
}

/** The memory that calls write their small results to. One for the thread: calls do not overlap. */
class Scratch {
  static readonly address = 0; // struct sockaddr_storage
  static readonly length = 128; // socklen_t of it; at the same time the length of an option
  static readonly value = 136; // an int, or a pair of them, or a struct pollfd
  static readonly message = 144; // struct msghdr
  static readonly vector = Scratch.message + abi.MSGHDR_SIZE; // struct iovec[GATHER_MAX]
  static readonly size = Scratch.vector + GATHER_MAX * abi.IOVEC_SIZE;

  private readonly memory = new ArrayBuffer(Scratch.size);
  private readonly base = addressOf(this.memory);
  readonly bytes = new Uint8Array(this.memory);
  readonly ints = new Int32Array(this.memory);
  readonly words = new Uint32Array(this.memory);
  readonly longs = new BigUint64Array(this.memory);
  readonly at = {
    address: this.base + Scratch.address,
    length: this.base + Scratch.length,
    value: this.base + Scratch.value,
    message: this.base + Scratch.message,
  };

  constructor() {
    this.longs[(Scratch.message + abi.MSGHDR_IOV) / 8] = BigInt(this.base + Scratch.vector);
  }

  get length(): number {
    return this.ints[Scratch.length / 4]!;
  }
  set length(length: number) {
    this.ints[Scratch.length / 4] = length;
  }
  get value(): number {
    return this.ints[Scratch.value / 4]!;
  }
  set value(value: number) {
    this.ints[Scratch.value / 4] = value;
  }
}

/** The system calls on Linux. Made once for a thread, by {@link systemCalls}. */
export class LinuxCalls implements SystemCalls {
  private readonly c = libc();
  private readonly scratch = new Scratch();

  socket(family: number, type: number, protocol: number, nonblocking: boolean): number {
    return this.made(this.c.socket(family, type | creationFlags(nonblocking), protocol));
  }

  socketpair(family: number, type: number, protocol: number, nonblocking: boolean): number | [number, number] {
    const { c, scratch } = this;
    const failed = this.made(c.socketpair(family, type | creationFlags(nonblocking), protocol, scratch.at.value));
    if (failed < 0) return failed;
    return [scratch.ints[Scratch.value / 4]!, scratch.ints[Scratch.value / 4 + 1]!];
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
      scratch.length = abi.SOCKADDR_MAX;
      const accepted = c.accept4(fd, scratch.at.address, scratch.at.length, creationFlags(nonblocking));
      if (accepted >= 0) return accepted;
      const errno = c.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  acceptedFrom(): Address {
    return decodeAddress(this.scratch.bytes, this.scratch.length);
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
      const n = c.send(fd, data, Math.min(data.length, MAX_LENGTH), flags | abi.MSG_NOSIGNAL);
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
      const at = Scratch.vector + used * abi.IOVEC_SIZE;
      scratch.longs[at / 8] = address(chunk);
      scratch.words[at / 4 + 2] = length;
      scratch.words[at / 4 + 3] = 0;
      total += length;
    }
    scratch.words[(Scratch.message + abi.MSGHDR_IOVLEN) / 4] = used;
    for (;;) {
      const n = c.sendmsg(fd, scratch.at.message, abi.MSG_NOSIGNAL);
      if (n >= 0) return n;
      const errno = c.errno[0]!;
      if (errno !== E.EINTR) return -errno;
    }
  }

  shutdown(fd: number, how: number): number {
    return this.made(this.c.shutdown(fd, how));
  }

  getsockname(fd: number): number | Address {
    const { c, scratch } = this;
    scratch.length = abi.SOCKADDR_MAX;
    const failed = this.made(c.getsockname(fd, scratch.at.address, scratch.at.length));
    return failed < 0 ? failed : decodeAddress(scratch.bytes, scratch.length);
  }

  getpeername(fd: number): number | Address {
    const { c, scratch } = this;
    scratch.length = abi.SOCKADDR_MAX;
    const failed = this.made(c.getpeername(fd, scratch.at.address, scratch.at.length));
    return failed < 0 ? failed : decodeAddress(scratch.bytes, scratch.length);
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
    const flags = this.made(this.c.fcntl(fd, abi.F_GETFL, 0));
    if (flags < 0) return flags;
    const wanted = nonblocking ? flags | abi.O_NONBLOCK : flags & ~abi.O_NONBLOCK;
    return wanted === flags ? 0 : this.made(this.c.fcntl(fd, abi.F_SETFL, wanted));
  }

  isNonblocking(fd: number): number {
    const flags = this.made(this.c.fcntl(fd, abi.F_GETFL, 0));
    return flags < 0 ? flags : Number((flags & abi.O_NONBLOCK) !== 0);
  }

  setCloseOnExec(fd: number): number {
    const flags = this.made(this.c.fcntl(fd, abi.F_GETFD, 0));
    if (flags < 0 || (flags & abi.FD_CLOEXEC) !== 0) return Math.min(flags, 0);
    return this.made(this.c.fcntl(fd, abi.F_SETFD, flags | abi.FD_CLOEXEC));
  }

  dup(fd: number): number {
    return this.made(this.c.fcntl(fd, abi.F_DUPFD_CLOEXEC, 0));
  }

  close(fd: number): number {
    return this.made(this.c.close(fd));
  }

  waitWritable(fd: number): number {
    const { c, scratch } = this;
    for (;;) {
      scratch.ints[Scratch.value / 4] = fd;
      scratch.ints[Scratch.value / 4 + 1] = abi.POLLOUT; // events; revents, the upper half, is 0
      const n = this.made(c.poll(scratch.at.value, 1, -1));
      if (n !== -E.EINTR) return n;
    }
  }

  encodeAddress(family: number, address: unknown): Uint8Array {
    return encodeAddress(family, address, (name) => this.c.ifNameToIndex(name));
  }

  /** Turns -1 into the negated errno. Must be the first thing after the call. */
  private made(result: number): number {
    return result < 0 ? -this.c.errno[0]! : result;
  }
}

/** Linux moves at most this many bytes in a call; it also keeps lengths inside an `int`. */
const MAX_LENGTH = 0x7ffff000;

function creationFlags(nonblocking: boolean): number {
  return nonblocking ? abi.SOCK_CLOEXEC | abi.SOCK_NONBLOCK : abi.SOCK_CLOEXEC;
}

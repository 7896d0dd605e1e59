import { koffi } from '../koffi.js';
import type { Abi } from './abi.js';
import { errnoMemory } from './errno-memory.js';

/**
 * Declares the functions of libc. Found in the process itself (`load(null)`: Node links libc), so glibc and musl need no file
 * names of their own.
 *
 * Memory of ours goes as a number (`uintptr_t`), memory of callers as `void *` (README, measurements). Results that are `ssize_t`
 * are read as `int`: the lower half of the register, and no call here moves 2 GiB. `fcntl` is variadic in C, which makes a difference to
 * how the argument is passed on arm64 macOS.
 */
export function declareLibc(abi: Abi) {
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
    accept:
      abi.SOCK_CLOEXEC !== 0
        ? declare<Accept>('accept4', 'int', 'uintptr_t', 'uintptr_t', 'int')
        : acceptWithoutFlags(declare('accept', 'int', 'uintptr_t', 'uintptr_t')),
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
    recvmsg: declare<(fd: Fd, message: number, flags: number) => number>('recvmsg', 'int', 'uintptr_t', 'int'),
    sendto: declare<(fd: Fd, data: Uint8Array, length: number, flags: number, to: Uint8Array, size: number) => number>(
      'sendto',
      'int',
      'void *',
      'size_t',
      'int',
      'void *',
      'int',
    ),
    recvfrom: declare<(fd: Fd, into: Uint8Array, length: number, flags: number, from: number, size: number) => number>(
      'recvfrom',
      'int',
      'void *',
      'size_t',
      'int',
      'uintptr_t',
      'uintptr_t',
    ),
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
    fcntl: declare<(fd: Fd, command: number, type: 'int', argument: number) => number>('fcntl', 'int', 'int', '...'),
    poll: declare<(fds: number, count: number, timeout: number) => number>('poll', 'uintptr_t', 'size_t', 'int'),
    close: declare<(fd: Fd) => number>('close', 'int'),
    ifNameToIndex: declare<(name: string) => number>('if_nametoindex', 'string'),
    errno: errnoMemory(),
  };
}

type Accept = (fd: number, address: number, length: number, flags: number) => number;

/** macOS has no `accept4`. */
function acceptWithoutFlags(accept: (fd: number, address: number, length: number) => number): Accept {
  return (fd, address, length) => accept(fd, address, length);
}

import { koffi } from '../koffi.js';
import { errnoMemory } from '../posix/errno-memory.js';
import * as abi from './io-uring-abi.js';

/** The system calls of io_uring, and those that its memory and its wake-up need. Negated error numbers, as in `SystemCalls`. */
export interface IoUringCalls {
  /** @param parameters - A `struct io_uring_params`. @returns the ring's descriptor, close-on-exec. */
  setup(entries: number, parameters: Int32Array): number;
  enter(ring: number, toSubmit: number, minComplete: number, flags: number): number;
  register(ring: number, operation: number, argument: Int32Array | null, count: number): number;
  /** Memory of a descriptor, or with -1 fresh and zeroed. @returns its address. */
  map(fd: number, length: number, offset: number): number;
  unmap(address: number, length: number): number;
  /** A counter, close-on-exec and non-blocking, that the kernel adds to and a poller sees as readable. */
  eventfd(): number;
  /** Sets the counter to 0, so that it is no longer readable. */
  drain(eventfd: number): number;
  close(fd: number): number;
  /** Copies memory that is not JavaScript's, or is: no view of either is needed. */
  readonly copy: (to: number, from: number, length: number) => void;
}

let calls: IoUringCalls | undefined;

/** Loads koffi at the first call of a thread. */
export function ioUringCalls(): IoUringCalls {
  return (calls ??= declare());
}

function declare(): IoUringCalls {
  const libc = koffi().load(null);
  const errno = errnoMemory();
  const func = (name: string, result: string, ...parameters: string[]): unknown => libc.func(name, result, parameters);
  // libc has no functions for these. `syscall` is variadic in C; on Linux its arguments go where those of any function do.
  const setup = func('syscall', 'int', 'long', 'uint', 'void *') as (n: number, e: number, p: Int32Array) => number;
  const enter = func('syscall', 'int', 'long', 'uint', 'uint', 'uint', 'uint', 'uintptr_t', 'size_t') as (
    ...numbers: number[]
  ) => number;
  const register = func('syscall', 'int', 'long', 'uint', 'uint', 'void *', 'uint') as (
    n: number,
    ring: number,
    operation: number,
    argument: Int32Array | null,
    count: number,
  ) => number;
  const mmap = func('mmap', 'int64_t', 'uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t') as (
    ...numbers: number[]
  ) => number | bigint;
  const munmap = func('munmap', 'int', 'uintptr_t', 'size_t') as (address: number, length: number) => number;
  const eventfd = func('eventfd', 'int', 'uint', 'int') as (value: number, flags: number) => number;
  const read = func('read', 'int', 'int', 'void *', 'size_t') as (fd: number, into: Uint8Array, n: number) => number;
  const close = func('close', 'int', 'int') as (fd: number) => number;
  const memcpy = func('memcpy', 'void', 'uintptr_t', 'uintptr_t', 'size_t') as (
    t: number,
    f: number,
    n: number,
  ) => void;
  const counter = new Uint8Array(8);
  const made = (result: number): number => (result < 0 ? -errno[0]! : result);
  return {
    setup: (entries, parameters) => made(setup(abi.SYS_IO_URING_SETUP, entries, parameters)),
    enter: (ring, toSubmit, minComplete, flags) =>
      made(enter(abi.SYS_IO_URING_ENTER, ring, toSubmit, minComplete, flags, 0, 0)),
    register: (ring, operation, argument, count) =>
      made(register(abi.SYS_IO_URING_REGISTER, ring, operation, argument, count)),
    map: (fd, length, offset) => {
      const flags = fd < 0 ? abi.MAP_PRIVATE | abi.MAP_ANONYMOUS : abi.MAP_SHARED | abi.MAP_POPULATE;
      const at = Number(mmap(0, length, abi.PROT_READ | abi.PROT_WRITE, flags, fd, offset));
      return at === -1 ? -errno[0]! : at;
    },
    unmap: (address, length) => made(munmap(address, length)),
    eventfd: () => made(eventfd(0, abi.EFD_CLOEXEC | abi.EFD_NONBLOCK)),
    drain: (fd) => made(read(fd, counter, 8)),
    close: (fd) => made(close(fd)),
    copy: memcpy,
  };
}

import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from './errno-memory.js';

/** Linux's numbers. */
const O_RDWR = 2;
const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;

interface PipeMaking {
  readonly pipe2: (pair: number, flags: number) => number;
  readonly fcntl: (fd: number, command: number, type: 'int', argument: number) => number;
  readonly open: (path: string, flags: number) => number;
  readonly errno: Int32Array;
  readonly pair: Int32Array;
  readonly pairAt: number;
}

let declared: PipeMaking | undefined;

function calls(): PipeMaking {
  return (declared ??= declare());
}

function declare(): PipeMaking {
  const libc = koffi().load(null);
  const pair = new Int32Array(new ArrayBuffer(8));
  return {
    pipe2: libc.func('pipe2', 'int', ['uintptr_t', 'int']),
    fcntl: libc.func('fcntl', 'int', ['int', 'int', '...']),
    open: libc.func('open', 'int', ['str', 'int']),
    errno: errnoMemory(),
    pair,
    pairAt: addressOf(pair.buffer),
  };
}

/** `pipe2(2)`; both ends close-on-exec and blocking. @returns the ends, or the negated error number. */
export function makePipe(): [read: number, write: number] | number {
  const { pipe2, errno, pair, pairAt } = calls();
  return pipe2(pairAt, O_CLOEXEC) < 0 ? -errno[0]! : [pair[0]!, pair[1]!];
}

/** A close-on-exec duplicate whose number is `least` or more. @returns it, or the negated error number. */
export function dupAbove(fd: number, least: number): number {
  const { fcntl, errno } = calls();
  const copy = fcntl(fd, F_DUPFD_CLOEXEC, 'int', least);
  return copy < 0 ? -errno[0]! : copy;
}

/** The null device, for reading and writing; close-on-exec. (What `node:fs` opens, only `node:fs` may close.) @returns it, or the negated error number. */
export function openNull(): number {
  const { open, errno } = calls();
  const fd = open('/dev/null', O_RDWR | O_CLOEXEC);
  return fd < 0 ? -errno[0]! : fd;
}

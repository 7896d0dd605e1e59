import { addressOf, koffi } from '../koffi.js';
import { systemAbi, systemCalls } from '../platform.js';
import { errnoMemory } from './errno-memory.js';

const O_RDWR = 2;
const F_SETPIPE_SZ = 1031;
/** Four times the ordinary. Of a mebibyte nothing more is gained, and 64 such pipes are all that a user may have. */
const GROWN = 256 * 1024;
/** Linux's, where the descriptors of a child are made close-on-exec by the very call. Elsewhere that is done after it. */
const O_CLOEXEC = process.platform === 'linux' ? 0o2000000 : 0;

interface PipeMaking {
  readonly pipe: (pair: number) => number;
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
    pipe: declarePipe(libc.func.bind(libc)),
    fcntl: libc.func('fcntl', 'int', ['int', 'int', '...']),
    open: libc.func('open', 'int', ['str', 'int', '...']),
    errno: errnoMemory(),
    pair,
    pairAt: addressOf(pair.buffer),
  };
}

function declarePipe(func: (name: string, result: string, parameters: string[]) => unknown): PipeMaking['pipe'] {
  if (O_CLOEXEC === 0) return func('pipe', 'int', ['uintptr_t']) as PipeMaking['pipe'];
  const pipe2 = func('pipe2', 'int', ['uintptr_t', 'int']) as (pair: number, flags: number) => number;
  return (pair) => pipe2(pair, O_CLOEXEC);
}

/** `pipe(2)`; both ends close-on-exec and blocking. @returns the ends, or the negated error number. */
export function makePipe(): [read: number, write: number] | number {
  const { pipe, errno, pair, pairAt } = calls();
  return pipe(pairAt) < 0 ? -errno[0]! : [prepared(pair[0]!), prepared(pair[1]!)];
}

/** Gives a pipe, by either end, room for 256 KiB. Where that cannot be, or the user has too many such pipes, it stays as it is. */
export function growPipe(fd: number): void {
  if (process.platform === 'linux') calls().fcntl(fd, F_SETPIPE_SZ, 'int', GROWN);
}

/** A close-on-exec duplicate whose number is `least` or more. @returns it, or the negated error number. */
export function dupAbove(fd: number, least: number): number {
  const { fcntl, errno } = calls();
  const copy = fcntl(fd, systemAbi.F_DUPFD_CLOEXEC, 'int', least);
  return copy < 0 ? -errno[0]! : copy;
}

/** The null device, for reading and writing; close-on-exec. (What `node:fs` opens, only `node:fs` may close.) @returns it, or the negated error number. */
export function openNull(): number {
  const { open, errno } = calls();
  const fd = open('/dev/null', O_RDWR | O_CLOEXEC);
  return fd < 0 ? -errno[0]! : prepared(fd);
}

function prepared(fd: number): number {
  if (O_CLOEXEC === 0) systemCalls().setCloseOnExec(fd);
  return fd;
}

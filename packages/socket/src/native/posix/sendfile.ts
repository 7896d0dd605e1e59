import { E } from '../errno.js';
import { addressOf, koffi } from '../koffi.js';
import { declareFileCalls } from '../win32/file-calls.js';
import { errnoMemory } from './errno-memory.js';

/** The calls that send a file and move in it, the same on every system. Negated error numbers, as in `SystemCalls`. */
export interface FileCalls {
  /**
   * Sends up to `length` bytes (1 to 2^31 - 1) of `file` from `offset` on over a socket. Leaves the file's position alone.
   *
   * @returns how many bytes the socket took; 0 at the end of the file. `-EAGAIN` if it took none because it is full.
   */
  sendfile(socket: number, file: number, offset: number, length: number): number;
  /** Sets the file's position. @returns 0, or `-ESPIPE` for what has none. */
  seek(file: number, position: number): number;
}

/** `sendfile` of one system. */
export type Sendfile = FileCalls['sendfile'];

/** A number that goes in and comes out: `off_t *`. */
export interface Cell {
  readonly value: BigInt64Array;
  readonly address: number;
}

/** `ssize_t sendfile(int socket, int file, off_t *offset, size_t length)`: Linux. */
export type LinuxCall = (socket: number, file: number, offset: number, length: number) => number;

/** `int sendfile(int file, int socket, off_t offset, off_t *length, struct sf_hdtr *, int flags)`: the length comes back as what was sent. */
export type DarwinCall = (
  file: number,
  socket: number,
  offset: number,
  length: number,
  headers: number,
  flags: number,
) => number;

/** `int sendfile(int file, int socket, off_t offset, size_t length, struct sf_hdtr *, off_t *sent, int flags)`. */
export type FreebsdCall = (
  file: number,
  socket: number,
  offset: number,
  length: number,
  headers: number,
  sent: number,
  flags: number,
) => number;

const SEEK_SET = 0;

export function linuxSendfile(call: LinuxCall, cell: Cell, errno: Int32Array): Sendfile {
  return (socket, file, offset, length) => {
    for (;;) {
      cell.value[0] = BigInt(offset); // the call moves it on
      const n = call(socket, file, cell.address, length);
      if (n >= 0) return n;
      if (errno[0] !== E.EINTR) return -errno[0]!;
    }
  };
}

export function darwinSendfile(call: DarwinCall, cell: Cell, errno: Int32Array): Sendfile {
  return bsdSendfile(cell, errno, (socket, file, offset, length) => {
    cell.value[0] = BigInt(length);
    return call(file, socket, offset, cell.address, 0, 0);
  });
}

export function freebsdSendfile(call: FreebsdCall, cell: Cell, errno: Int32Array): Sendfile {
  return bsdSendfile(cell, errno, (socket, file, offset, length) => {
    cell.value[0] = 0n;
    return call(file, socket, offset, length, 0, cell.address, 0);
  });
}

/** What was sent before the socket was full, or a signal came, is told beside the error. After other errors nobody says that it is true. */
function bsdSendfile(cell: Cell, errno: Int32Array, call: Sendfile): Sendfile {
  return (socket, file, offset, length) => {
    for (;;) {
      if (call(socket, file, offset, length) >= 0) return Number(cell.value[0]);
      const error = errno[0]!;
      if (error !== E.EINTR && error !== E.EAGAIN && error !== E.EBUSY) return -error;
      const sent = Number(cell.value[0]);
      if (sent > 0) return sent;
      if (error !== E.EINTR) return -E.EAGAIN;
    }
  };
}

let calls: FileCalls | undefined;

/** The calls of this system. Sockets exist, so it is one that we know. */
export function fileCalls(): FileCalls {
  return (calls ??= declare());
}

function declare(): FileCalls {
  if (process.platform === 'win32') return declareFileCalls();
  const libc = koffi().load(null);
  const errno = errnoMemory();
  const lseek = libc.func('lseek', 'int64_t', ['int', 'int64_t', 'int']) as unknown as (
    file: number,
    offset: number,
    whence: number,
  ) => number;
  return {
    sendfile: declareSendfile(libc, errno),
    seek: (file, position) => (lseek(file, position, SEEK_SET) < 0 ? -errno[0]! : 0),
  };
}

function declareSendfile(libc: ReturnType<ReturnType<typeof koffi>['load']>, errno: Int32Array): Sendfile {
  const value = new BigInt64Array(1);
  const cell: Cell = { value, address: addressOf(value.buffer) };
  const declared = (...parameters: string[]): unknown => libc.func('sendfile', 'int', parameters);
  switch (process.platform) {
    case 'darwin':
      return darwinSendfile(
        declared('int', 'int', 'int64_t', 'uintptr_t', 'uintptr_t', 'int') as DarwinCall,
        cell,
        errno,
      );
    case 'freebsd':
      return freebsdSendfile(
        declared('int', 'int', 'int64_t', 'size_t', 'uintptr_t', 'uintptr_t', 'int') as FreebsdCall,
        cell,
        errno,
      );
    default:
      return linuxSendfile(declared('int', 'int', 'uintptr_t', 'size_t') as LinuxCall, cell, errno);
  }
}

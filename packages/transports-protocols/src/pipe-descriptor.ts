import { closeSync, fstatSync, type Stats } from 'node:fs';

import { isStep, osError, repr, ValueError } from '@tsyncio/core';
import { fileDescriptor, type OwnedDescriptor, type PipeIo, type PipeKind } from '@tsyncio/socket';

/**
 * One end of a pipe: a descriptor number, an object with `fileno()` and `close()` (a `Socket` too), or a FileHandle of `node:fs/promises`.
 * Whatever it is, the transport closes it. Windows: a `PipeHandle`, or another object whose `fileno()` is an overlapped handle.
 */
export type PipeLike = number | OwnedDescriptor | { readonly fd: number; close(): unknown };

/** Who opens the channel of a pipe transport: the loop's backend, or whoever else has the pipe. */
export type PipeOpener = Pick<PipeIo, 'openPipe' | 'pipeKind'>;

/** The one who closes it. @throws ValueError for what has no descriptor, TypeError for what cannot be closed or is no handle of Windows. */
export function ownedDescriptor(method: string, pipe: PipeLike): OwnedDescriptor {
  const fd = fileDescriptor(pipe);
  // Node's descriptors are numbers of its own there, and their handles cannot be overlapped.
  if (process.platform === 'win32' && (typeof pipe === 'number' || !('fileno' in pipe))) {
    throw new TypeError(`${method}: on Windows the pipe must be a PipeHandle, got ${repr(pipe)}`);
  }
  if (typeof pipe === 'number') return { fileno: () => fd, close: () => closeSync(fd) };
  if (typeof pipe.close !== 'function') throw new TypeError(`${method}: the pipe must have a method close()`);
  return { fileno: () => fd, close: () => closeQuietly(pipe) };
}

/** @throws ValueError for regular files, directories and block devices. OSError (`EBADF`) for a descriptor that is closed. */
export function pipeKind(backend: PipeOpener, method: string, fd: number): PipeKind {
  const known = backend.pipeKind?.(fd) ?? null;
  if (known !== null) return known;
  const stat = statOf(fd);
  if (stat.isFIFO()) return 'fifo';
  if (stat.isSocket()) return 'socket';
  if (stat.isCharacterDevice()) return 'character device';
  throw new ValueError(`${method}: pipe transports are for pipes, sockets and character devices only`);
}

function statOf(fd: number): Stats {
  try {
    return fstatSync(fd);
  } catch (error) {
    const { code, errno, syscall } = error as NodeJS.ErrnoException;
    throw osError({ code, errno, syscall, cause: error });
  }
}

/** A FileHandle closes in its own time; what it says about that comes too late for anybody. */
function closeQuietly(pipe: Exclude<PipeLike, number>): void {
  const closed = pipe.close();
  if (isStep(closed)) closed.then(undefined, () => {});
}

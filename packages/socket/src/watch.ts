import { type HandleOwner, NotImplementedError, repeatingHandle, RuntimeError } from '@tsyncio/core';

import type { FileDescriptorLike } from './address.js';
import { kindOf } from './arguments.js';
import type { WatchIo } from './ports.js';

/** What the functions below need of the loop: any loop whose backend watches descriptors has it. */
export interface WatchingLoop extends HandleOwner {
  readonly backend: WatchIo;
  isClosed(): boolean;
}

type Callback<A extends unknown[]> = (...args: A) => unknown;

/**
 * Calls `callback(...args)` once per iteration while `file` is readable (data, end of stream, an error, a waiting connection).
 * asyncio: `loop.add_reader`.
 *
 * A callback that was there is replaced; its handle is cancelled. The callback runs in the async context of this call, and
 * what it sets in context variables is there at its next run.
 *
 * @param file - A descriptor, or anything with `fileno()` or `fd`. It stays the caller's: remove the reader before closing it.
 * @throws NotImplementedError on completion ports (Windows). RuntimeError if the loop is closed, or a transport of the loop uses the descriptor and is not closing.
 * @throws ValueError if `file` is no descriptor or negative. TypeError if `callback` is no function.
 * @throws OSError if the descriptor cannot be watched: `EPERM` for a regular file on epoll, `EBADF`.
 */
export function addReader<A extends unknown[]>(
  loop: WatchingLoop,
  file: FileDescriptorLike,
  callback: Callback<A>,
  ...args: A
): void {
  check(loop, 'addReader', callback);
  loop.backend.addReader(file, repeatingHandle(callback, args, loop));
}

/**
 * Ends {@link addReader}; a call that is queued already does not happen. asyncio: `loop.remove_reader`.
 *
 * @returns true if there was a reader. Always false on a closed loop.
 * @throws RuntimeError if a transport of the loop uses the descriptor and is not closing. ValueError as {@link addReader}.
 */
export function removeReader(loop: WatchingLoop, file: FileDescriptorLike): boolean {
  checkReaders(loop, 'removeReader');
  return !loop.isClosed() && loop.backend.removeReader(file);
}

/** As {@link addReader}, while `file` is writable (also: broken, or a connect came to its end). asyncio: `loop.add_writer`. */
export function addWriter<A extends unknown[]>(
  loop: WatchingLoop,
  file: FileDescriptorLike,
  callback: Callback<A>,
  ...args: A
): void {
  check(loop, 'addWriter', callback);
  loop.backend.addWriter(file, repeatingHandle(callback, args, loop));
}

/** Ends {@link addWriter}, as {@link removeReader} does for readers. asyncio: `loop.remove_writer`. */
export function removeWriter(loop: WatchingLoop, file: FileDescriptorLike): boolean {
  checkReaders(loop, 'removeWriter');
  return !loop.isClosed() && loop.backend.removeWriter(file);
}

function check(loop: WatchingLoop, method: string, callback: unknown): void {
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  checkReaders(loop, method);
  if (typeof callback !== 'function') {
    throw new TypeError(`${method}: callback must be a function, not ${kindOf(callback)}`);
  }
}

function checkReaders(loop: WatchingLoop, method: string): void {
  const { noReaders } = loop.backend;
  if (noReaders !== undefined) throw new NotImplementedError(`${method}: ${noReaders}`);
}

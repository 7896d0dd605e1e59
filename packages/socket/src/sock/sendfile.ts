import { hasBrand, SendfileNotAvailableError, ValueError } from '@tsyncio/core';
import { type CoroutineGenerator, type Operation, operation } from '@tsyncio/futures-tasks';

import { kindOf } from '../arguments.js';
import { SOCK_STREAM } from '../constants.js';
import { closedError } from '../native/errno.js';
import type { Socket } from '../socket.js';
import { sendByReading } from './sendfile-fallback.js';
import { type FileLike, FileSource } from './sendfile-source.js';
import { FileTransfer } from './sendfile-transfer.js';
import { checkSocket } from './sock-operation.js';
import { repeatWhenReady, type SockLoop } from './wait-ready.js';

/** Options of {@link sockSendfile}. */
export interface SendfileOptions {
  /** Read and send the file where the system call cannot be used. Default true. */
  readonly fallback?: boolean | undefined;
}

/**
 * Sends a file, from `offset` to its end or `count` bytes of it. asyncio: `loop.sock_sendfile`.
 *
 * The kernel does it by `sendfile(2)`, without the data passing through this process. What that call does not take (files without a descriptor,
 * pipes, devices) is read in pieces off the thread and sent. `offset` counts from the start of the file, wherever the file's position is; the
 * position is then `offset` plus what was sent, also after a failure or a cancellation.
 *
 * @param sock - A non-blocking stream.
 * @param file - A descriptor, or an object with `fd` or `fileno()`, such as a `FileHandle`: keep it open until the operation is done. Or
 *   anything with the `read` of a `FileHandle`.
 * @param count - How many bytes at most; null: all that there are.
 * @returns How many bytes were sent: fewer than `count` if the file is shorter.
 * @throws Through the operation: SendfileNotAvailableError without `fallback`, nothing was sent then; ConnectionError and other OSErrors, also for a
 *   file or socket that is closed; TypeError and ValueError for wrong arguments; RuntimeError as `sockRecv`.
 */
export function sockSendfile(
  loop: SockLoop,
  sock: Socket,
  file: FileLike,
  offset = 0,
  count: number | null = null,
  options: SendfileOptions = {},
): Operation<number> {
  // An object may have methods of the caller's.
  return operation(loop, send(loop, sock, file, offset, count, options), { context: typeof file !== 'number' });
}

function* send(
  loop: SockLoop,
  sock: Socket,
  file: FileLike,
  offset: number,
  count: number | null,
  { fallback = true }: SendfileOptions,
): CoroutineGenerator<number> {
  checkSocket(loop, sock);
  const source = new FileSource(file);
  if (sock.type !== SOCK_STREAM) throw new ValueError('only a stream socket can send a file');
  if (count !== null) checkPlace('count', count, 1);
  checkPlace('offset', offset, 0);
  if (sock.closed) throw closedError('sendfile');
  try {
    return yield* sendBySystem(loop, sock, source, offset, count);
  } catch (error) {
    if (!fallback || !hasBrand(error, 'SendfileNotAvailableError')) throw error;
  }
  return yield* sendByReading(loop, sock, source, offset, count);
}

function* sendBySystem(
  loop: SockLoop,
  sock: Socket,
  source: FileSource,
  offset: number,
  count: number | null,
): CoroutineGenerator<number> {
  const size = sizeOf(source);
  if (size === 0 ? count === null : offset >= size) return 0;
  const transfer = new FileTransfer(sock, source, offset, count);
  if (!transfer.advance()) yield* repeatWhenReady(loop, sock, 'writable', () => transfer.advance());
  return transfer.sent;
}

function sizeOf(source: FileSource): number {
  if (!source.hasDescriptor) throw new SendfileNotAvailableError('sendfile cannot be used: the file has no descriptor');
  try {
    return source.size();
  } catch (cause) {
    throw new SendfileNotAvailableError('sendfile cannot be used: no regular file', { cause });
  }
}

/** Unlike other numbers, one that is no integer is a wrong type: so it is in asyncio. */
function checkPlace(name: string, value: unknown, min: number): void {
  if (!Number.isInteger(value)) {
    throw new TypeError(`${name} must be an integer, not ${typeof value === 'number' ? value : kindOf(value)}`);
  }
  if ((value as number) < min || (value as number) > Number.MAX_SAFE_INTEGER) {
    throw new ValueError(`${name} must be an integer of at least ${min} and below 2^53, not ${value as number}`);
  }
}

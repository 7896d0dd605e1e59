import { hasBrand, ValueError } from '@tsyncio/core';
import { type CoroutineGenerator, type Operation, operation } from '@tsyncio/futures-tasks';

import { SOCK_STREAM } from '../constants.js';
import { closedError } from '../native/errno.js';
import { fileCalls } from '../native/posix/sendfile.js';
import type { Socket } from '../socket.js';
import { sendByReading } from './sendfile-fallback.js';
import { checkRange } from './sendfile-range.js';
import { type FileLike, FileSource } from './sendfile-source.js';
import { FileTransfer } from './sendfile-transfer.js';
import { checkSocket } from './sock-operation.js';
import { countOf } from './sock-recv.js';
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
  checkRange(offset, count);
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
  const outlet = {
    sendFile: (from: number, at: number, length: number) =>
      countOf('sendfile', fileCalls().sendfile(sock.fileno(), from, at, length)),
  };
  const transfer = new FileTransfer(outlet, source, offset, count);
  const advance = (): boolean => {
    if (sock.closed) throw closedError('sendfile');
    return transfer.advance();
  };
  if (!transfer.isEmpty() && !advance()) yield* repeatWhenReady(loop, sock, 'writable', advance);
  return transfer.sent;
}

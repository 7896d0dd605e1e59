import { hasBrand, type IoBackend, repr, RuntimeError } from '@tsyncio/core';
import { type CoroutineGenerator, type Operation, operation, type TaskLoop, wrapPromise } from '@tsyncio/futures-tasks';
import { checkRange, type FileLike, FileSource, type SendfileOptions } from '@tsyncio/socket';

import { takeDetour } from './file-detour.js';
import type { FileSender } from './file-sender.js';
import type { Transport } from './transport.js';

/** As asyncio reads. */
const PIECE = 16 * 1024;

/**
 * Sends a file over a transport, from `offset` to its end or `count` bytes of it, after everything that was written before. asyncio:
 * `loop.sendfile`.
 *
 * Over TCP and Unix the kernel does it by `sendfile(2)`, without the data passing through this process. What that call does not take (files
 * without a descriptor, pipes, devices), and everything over TLS, is read in pieces off the thread and written, as flow control allows; the
 * last piece may still be in the write buffer when the operation is done.
 *
 * Until then `write`, `writelines` and `writeEof` of the transport throw RuntimeError, and it receives nothing: what the peer sends waits in the
 * kernel. `offset` counts from the start of the file, wherever the file's position is; the position is then `offset` plus what was sent, also
 * after a failure or a cancellation.
 *
 * @param transport - From `createConnection`, `createServer` and their kin; not closing.
 * @param file - A descriptor, or an object with `fd` or `fileno()`, such as a `FileHandle`: keep it open until the operation is done. Or
 *   anything with the `read` of a `FileHandle`.
 * @param count - How many bytes at most; null: all that there are.
 * @returns How many bytes were sent: fewer than `count` if the file is shorter.
 * @throws Through the operation: RuntimeError for a transport that is closing, cannot send files, or is sending one; without `fallback`
 *   SendfileNotAvailableError where the call cannot be used (RuntimeError over TLS), nothing was sent then; ConnectionError if the connection ends
 *   or is closed midway; other OSErrors of the file; TypeError and ValueError for wrong arguments.
 *
 * @example
 * await using file = await open('index.html');
 * await sendfile(loop, transport, file);
 */
export function sendfile(
  loop: TaskLoop<IoBackend>,
  transport: Transport,
  file: FileLike,
  offset = 0,
  count: number | null = null,
  options: SendfileOptions = {},
): Operation<number> {
  return operation(loop, sending(loop, transport, file, offset, count, options), { context: true });
}

function* sending(
  loop: TaskLoop<IoBackend>,
  transport: Transport,
  file: FileLike,
  offset: number,
  count: number | null,
  { fallback = true }: SendfileOptions,
): CoroutineGenerator<number> {
  if (!hasBrand(transport, 'FileSender')) throw new RuntimeError(`sendfile: ${repr(transport)} cannot send files`);
  const sender = transport as FileSender;
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  const source = new FileSource(file);
  checkRange(offset, count);
  if (sender.isClosing()) throw new RuntimeError('sendfile: the transport is closing');
  if (sender.sendingFile) throw new RuntimeError('sendfile: the transport is sending a file already');
  if (sender.sendFile === undefined && !fallback) {
    throw new RuntimeError(`sendfile: ${repr(transport)} needs the fallback, which is off`);
  }
  const wasReading = sender.isReading();
  sender.pauseReading();
  sender.sendingFile = true;
  try {
    return yield* sendEitherWay(loop, sender, source, offset, count, fallback);
  } finally {
    sender.sendingFile = false;
    if (wasReading) sender.resumeReading();
  }
}

function* sendEitherWay(
  loop: TaskLoop<IoBackend>,
  sender: FileSender,
  source: FileSource,
  offset: number,
  count: number | null,
  fallback: boolean,
): CoroutineGenerator<number> {
  if (sender.sendFile !== undefined) {
    try {
      return yield* sender.sendFile(source, offset, count);
    } catch (error) {
      if (!fallback || !hasBrand(error, 'SendfileNotAvailableError')) throw error;
    }
  }
  return yield* sendByWriting(loop, sender, source, offset, count);
}

/** Cancelled during a read, it leaves the read to end by itself, into memory that the read keeps. */
function* sendByWriting(
  loop: TaskLoop<IoBackend>,
  sender: FileSender,
  source: FileSource,
  offset: number,
  count: number | null,
): CoroutineGenerator<number> {
  if (offset > 0) source.seek(offset);
  const buffer = Buffer.allocUnsafeSlow(count === null ? PIECE : Math.min(PIECE, count));
  const detour = takeDetour(sender, () => loop.createFuture<void>());
  let sent = 0;
  try {
    while (sent !== count) {
      const length = count === null ? buffer.length : Math.min(buffer.length, count - sent);
      const n = yield* detour.wait(wrapPromise(source.read(buffer, length, offset + sent), { loop }));
      if (n === 0) break;
      yield* detour.drain();
      sender.sendingFile = false;
      sender.write(buffer.subarray(0, n));
      sender.sendingFile = true;
      yield* detour.check();
      sent += n;
      source.seek(offset + sent);
    }
  } finally {
    detour.restore();
  }
  return sent;
}

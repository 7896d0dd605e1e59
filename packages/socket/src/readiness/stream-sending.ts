import { systemError } from '../native/errno.js';
import { WOULD_BLOCK } from '../native/platform.js';
import type { StreamCalls } from '../native/posix/pipes.js';
import { fileCalls } from '../native/posix/sendfile.js';
import { GATHER_MAX } from '../native/system-calls.js';

/** The names of the calls that a stream is read and written by, for errors. Internal, like all of this file. */
export interface CallNames {
  readonly read: string;
  readonly write: string;
  readonly writev: string;
}

export const SOCKET_CALLS: CallNames = { read: 'recv', write: 'send', writev: 'sendmsg' };
export const PIPE_CALLS: CallNames = { read: 'read', write: 'write', writev: 'writev' };

/** `StreamChannel.write` of a backend that sends by a call, there and then. */
export function sendNow(calls: StreamCalls, names: CallNames, fd: number, data: Uint8Array): number {
  if (data.length === 0) return 0;
  const n = calls.send(fd, data, 0);
  return n >= 0 ? n : refused(n, names.write);
}

/** `StreamChannel.writev`, as {@link sendNow}. */
export function gatherNow(calls: StreamCalls, names: CallNames, fd: number, chunks: readonly Uint8Array[]): number {
  let total = 0;
  for (let from = 0; from < chunks.length; from += GATHER_MAX) {
    const n = calls.gather(fd, chunks, from);
    if (n < 0) return total + refused(n, names.writev);
    total += n;
    if (n < lengthOf(chunks, from)) break;
  }
  return total;
}

/** `StreamChannel.sendFile`, as {@link sendNow}. */
export function sendFileNow(fd: number, file: number, offset: number, length: number): number | null {
  const n = fileCalls().sendfile(fd, file, offset, length);
  return n >= 0 ? n : n === WOULD_BLOCK ? null : refused(n, 'sendfile');
}

/** Nothing was sent: it would block (0), or an error. */
function refused(n: number, syscall: string): 0 {
  if (n === WOULD_BLOCK) return 0;
  throw systemError(n, syscall);
}

/** Bytes in the chunks that one `gather` takes. */
function lengthOf(chunks: readonly Uint8Array[], from: number): number {
  let length = 0;
  const end = Math.min(from + GATHER_MAX, chunks.length);
  for (let i = from; i < end; i++) length += chunks[i]!.length;
  return length;
}

import { type CoroutineGenerator, wrapPromise } from '@tsyncio/futures-tasks';

import type { Socket } from '../socket.js';
import type { FileSource } from './sendfile-source.js';
import { countOf } from './sock-recv.js';
import { type SockLoop, waitReady } from './wait-ready.js';

/** As asyncio reads. */
const PIECE = 256 * 1024;

/**
 * Sends a file without the system call: reads a piece off the thread, sends it, and so on. The file's position is where the transfer is, at
 * any time; the reads themselves do not move it.
 *
 * Cancelled during a read, it leaves the read to end by itself, into memory that the read keeps.
 */
export function* sendByReading(
  loop: SockLoop,
  sock: Socket,
  source: FileSource,
  offset: number,
  count: number | null,
): CoroutineGenerator<number> {
  if (offset > 0) source.seek(offset);
  const buffer = Buffer.allocUnsafeSlow(count === null ? PIECE : Math.min(PIECE, count));
  let sent = 0;
  while (sent !== count) {
    const length = count === null ? buffer.length : Math.min(buffer.length, count - sent);
    const reading = source.read(buffer, length, offset + sent);
    const end = sent + (yield* wrapPromise(reading, { loop }));
    if (end === sent) break;
    for (const start = sent; sent < end;) {
      const n = countOf('send', sock.trySend(buffer.subarray(sent - start, end - start)));
      if (n === null) {
        yield* waitReady(loop, sock, 'writable');
        continue;
      }
      sent += n;
      source.seek(offset + sent);
    }
  }
  return sent;
}

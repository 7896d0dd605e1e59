import { ConnectionError, SendfileNotAvailableError } from '@tsyncio/core';

import { closedError, E, systemError } from '../native/errno.js';
import { WOULD_BLOCK } from '../native/platform.js';
import { fileCalls } from '../native/posix/sendfile.js';
import type { Socket } from '../socket.js';
import type { FileSource } from './sendfile-source.js';

/** What one turn sends at most: a peer that reads as fast as we send would otherwise keep the call going to the end of the file. */
const TURN_BYTES = 1024 * 1024;

/**
 * A file on its way into a socket by the system call, in turns. The file's position is where the transfer is, at any time: it need not be put
 * right after an error or a cancellation.
 */
export class FileTransfer {
  /** Bytes that the socket has taken. */
  sent = 0;

  /** @param count - How many bytes at most; null: to the end of the file, wherever that is by then. */
  constructor(
    private readonly sock: Socket,
    private readonly source: FileSource,
    private readonly offset: number,
    private readonly count: number | null,
  ) {}

  /**
   * Sends what the socket takes, but no more than a turn's share.
   *
   * @returns true if that was all; otherwise go on when the socket is writable.
   * @throws SendfileNotAvailableError if the call fails before anything was sent. OSError if it fails later, or something was closed.
   */
  advance(): boolean {
    const { sock, source, offset, count } = this;
    const calls = fileCalls();
    const socket = sock.fileno();
    if (socket < 0) throw closedError('sendfile');
    const file = source.descriptor();
    for (let room = TURN_BYTES; room > 0;) {
      const length = count === null ? room : Math.min(room, count - this.sent);
      const n = calls.sendfile(socket, file, offset + this.sent, length);
      if (n === WOULD_BLOCK) return false;
      if (n < 0) throw this.failure(n);
      if (n === 0) return true;
      this.sent += n;
      room -= n;
      source.seek(offset + this.sent);
      if (this.sent === count) return true;
    }
    return false;
  }

  private failure(negated: number): Error {
    const cause = systemError(negated, 'sendfile');
    if (this.sent === 0) return new SendfileNotAvailableError(`sendfile cannot be used: ${cause.message}`, { cause });
    if (negated !== -E.ENOTCONN) return cause;
    // The connection was there: it is lost.
    return new ConnectionError(cause.message, { code: 'ENOTCONN', errno: negated, syscall: 'sendfile', cause });
  }
}

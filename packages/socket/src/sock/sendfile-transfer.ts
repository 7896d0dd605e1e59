import { ConnectionError, isOSError, type OSError, SendfileNotAvailableError } from '@tsyncio/core';

import type { StreamChannel } from '../ports.js';
import type { FileSource } from './sendfile-source.js';

/**
 * What one turn sends at most: a peer that reads as fast as we send would otherwise keep the call going to the end of the file. As much as a socket
 * of Linux takes at once, about a millisecond.
 */
const TURN_BYTES = 4 * 1024 * 1024;

/** Where files go: a channel, or a socket made to look like one. */
export type FileOutlet = Pick<StreamChannel, 'sendFile'>;

/**
 * A file on its way into a socket by the system call, in turns. The file's position is where the transfer is, at any time: it need not be put
 * right after an error or a cancellation.
 */
export class FileTransfer {
  /** Bytes that the socket has taken. */
  sent = 0;
  private complete = false;

  /** @param count - How many bytes at most; null: to the end of the file, wherever that is by then. */
  constructor(
    private readonly outlet: FileOutlet,
    private readonly source: FileSource,
    private readonly offset: number,
    private readonly count: number | null,
  ) {}

  /**
   * Whether there is nothing to send, by what the system says of the file.
   *
   * @throws SendfileNotAvailableError if it is none that the call can send.
   */
  isEmpty(): boolean {
    const { source, count } = this;
    if (!source.hasDescriptor) {
      throw new SendfileNotAvailableError('sendfile cannot be used: the file has no descriptor');
    }
    try {
      return source.size() === 0 && count === null;
    } catch (cause) {
      throw new SendfileNotAvailableError('sendfile cannot be used: no regular file', { cause });
    }
  }

  /**
   * Sends what the socket takes, but no more than a turn's share.
   *
   * @returns true if that was all; otherwise go on when the socket is writable.
   * @throws SendfileNotAvailableError if the call fails before anything was sent. OSError if it fails later, or the file was closed.
   */
  advance(): boolean {
    const { source, offset, count } = this;
    if (this.complete) return true;
    const file = source.descriptor();
    for (let room = TURN_BYTES; room > 0;) {
      const length = count === null ? room : Math.min(room, count - this.sent);
      const n = this.send(file, offset + this.sent, length);
      if (n === null) return false;
      this.sent += n;
      room -= n;
      if (n > 0) source.seek(offset + this.sent);
      if (n === 0 || this.sent === count) return (this.complete = true);
    }
    return false;
  }

  private send(file: number, offset: number, length: number): number | null {
    try {
      return this.outlet.sendFile(file, offset, length);
    } catch (error) {
      throw isOSError(error) ? this.failure(error) : error;
    }
  }

  private failure(cause: OSError): Error {
    if (this.sent === 0) return new SendfileNotAvailableError(`sendfile cannot be used: ${cause.message}`, { cause });
    if (cause.code !== 'ENOTCONN') return cause;
    // The connection was there: it is lost.
    const { code, errno, syscall } = cause;
    return new ConnectionError(cause.message, { code, errno, syscall, cause });
  }
}

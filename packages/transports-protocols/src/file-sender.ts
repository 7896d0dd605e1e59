import { ConnectionError, hasBrand, RuntimeError } from '@tsyncio/core';
import type { CoroutineGenerator } from '@tsyncio/futures-tasks';
import type { FileSource } from '@tsyncio/socket';

import type { StreamProtocol } from './protocol.js';
import type { Transport } from './transport.js';

/**
 * What `sendfile` needs of a transport beside its public methods. A transport without it cannot send files. asyncio:
 * `_sendfile_compatible`. Internal; told by the brand `FileSender`.
 */
export interface FileSender extends Transport {
  /** A file is being sent: `write`, `writelines` and `writeEof` throw RuntimeError. Set by `sendfile` alone. */
  sendingFile: boolean;
  /** Whether the protocol was told to stop writing, and not yet to go on. */
  readonly writingPaused: boolean;
  /** The protocol has changed, and the new one knows of a pause, or of none: calls `pauseWriting` or `resumeWriting` if that is wrong. */
  settleWriting(knowsPause: boolean): void;
  getProtocol(): StreamProtocol | null;
  /**
   * Sends a file by the system call, after everything that was written before. Absent if what is written does not go out as it is, as with
   * TLS: then the file is read and written.
   *
   * @returns how many bytes.
   * @throws SendfileNotAvailableError if the call cannot be used; nothing was sent then. ConnectionError if the transport is closed meanwhile,
   *   or the connection is lost: it is closing then. Other OSErrors leave the transport as it is.
   */
  sendFile?(source: FileSource, offset: number, count: number | null): CoroutineGenerator<number>;
}

/** @throws RuntimeError: a call that would put something into the middle of a file. */
export function refuseWhileSending(method: string): never {
  throw new RuntimeError(`Cannot call ${method}() while a file is being sent`);
}

/** What a transfer fails with when its connection ends: the reason itself, where it is of that kind. */
export function connectionLostError(reason: unknown): Error {
  if (hasBrand(reason, 'ConnectionError')) return reason as Error;
  return new ConnectionError('the transport was closed while a file was being sent', { cause: reason ?? undefined });
}

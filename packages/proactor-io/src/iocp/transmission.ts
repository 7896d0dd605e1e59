import { fstatSync, readSync } from 'node:fs';

import { osError } from '@tsyncio/core';
import { E, systemError } from '@tsyncio/socket/native';

import { Operation } from '../operation.js';
import type { PortQueue } from './port-queue.js';

/**
 * Bytes of one call. What has been handed over counts as sent, and leaves even if whoever sends the file is cancelled or closes the transport: so it
 * is little more than a socket's buffer takes. (A file of 10 MB under Wine: 64 KiB 530 ms, 256 KiB 350 ms, 1 MiB 285 ms.)
 */
const MOST = 256 * 1024;
const PROBE = new Uint8Array(1);

/** A part of a file on its way into a socket, one at a time. */
export class Transmission extends Operation {
  /** Bytes that are pending. */
  length = 0;
  private starting = false;
  private result = 0;

  /** @param done - Called for what was pending, inside of a poll; with 0, or what it has failed with. */
  constructor(
    private readonly queue: PortQueue,
    private readonly socket: number,
    private readonly skips: boolean,
    private readonly done: (error: number) => void,
  ) {
    super();
  }

  /** @returns bytes; 0 at the end of the file. @throws OSError if the file cannot be read, or the call refuses it. */
  start(file: number, offset: number, most: number): number {
    const length = Math.min(most, remaining(file, offset), MOST);
    if (length <= 0) return 0;
    this.length = length;
    this.queue.want(this);
    this.starting = true;
    this.result = 0;
    this.queue.transmitFile(this, this.socket, file, offset, length, this.skips);
    this.starting = false;
    if (this.result < 0) throw systemError(this.result, 'TransmitFile');
    return length;
  }

  stop(): void {
    this.queue.cancelNow(this);
  }

  override reconcile(): void {}

  override completed(result: number): void {
    const isWanted = this.wanted;
    this.queue.unwant(this);
    // A file that has become shorter meanwhile leaves the peer without what it was promised.
    this.result = result >= 0 && result < this.length ? -E.EIO : Math.min(result, 0);
    // asyncio: what was cut off is a connection that was reset.
    if (this.result === -E.ECANCELED) this.result = -E.ECONNRESET;
    this.length = 0;
    if (isWanted && !this.starting) this.done(this.result);
  }
}

/**
 * Bytes of a file from `offset` on. It is read from first: of a file that cannot be read one would learn by the packet only, when its sender can no
 * longer take the other way.
 */
function remaining(file: number, offset: number): number {
  try {
    return readSync(file, PROBE, 0, 1, offset) === 0 ? 0 : fstatSync(file).size - offset;
  } catch (error) {
    const { code, errno, syscall } = error as NodeJS.ErrnoException;
    throw osError({ code, errno, syscall });
  }
}

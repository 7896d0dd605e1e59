import { readlinkSync } from 'node:fs';

import { type Handle, hasBrand } from '@tsyncio/core';
import { fileDescriptor, type FileDescriptorLike } from '@tsyncio/socket';
import { POLLIN, POLLOUT } from '@tsyncio/socket/native';

import { PollRequest } from './poll-request.js';
import type { CompletionProactor } from './completion-proactor.js';
import { READ, type Reporter, WRITE } from './readiness.js';

/** What user code runs while a descriptor is ready in one direction. */
export class Interest extends PollRequest {
  constructor(
    private readonly io: CompletionProactor,
    private readonly watch: Watch,
    private readonly direction: number,
    readonly handle: Handle,
  ) {
    super(io.queue, watch.fd, direction === READ ? POLLIN : POLLOUT);
  }

  /** Ends it, and the kernel lets go of the file before this returns. */
  end(): void {
    this.handle.cancel();
    this.io.endRequest(this);
  }

  protected override holds(): boolean {
    return !this.watch.isClosed();
  }

  protected override ready(): void {
    this.watch.due |= this.direction;
    if (this.watch.isEventfd) this.queue.afterEventfd?.();
    this.io.reports.add(this.watch, this.queue.isFresh(this));
  }
}

/** What user code watches of one descriptor. */
export class Watch implements Reporter {
  reader: Interest | null = null;
  writer: Interest | null = null;
  /** The directions that were found ready. */
  due = 0;
  listed = false;
  /** It needs special care. */
  readonly isEventfd: boolean;

  /**
   * @param fd - The descriptor.
   * @param file - The object it was named by.
   */
  constructor(
    private readonly io: CompletionProactor,
    readonly fd: number,
    readonly file: FileDescriptorLike,
  ) {
    // A socket is none; anything else may be.
    this.isEventfd = !hasBrand(file, 'Socket') && kindOf(fd) === 'anon_inode:[eventfd]';
  }

  /** The reader first. */
  report(): void {
    const { due, reader, writer } = this;
    this.due = 0;
    if ((due & READ) !== 0 && reader !== null) this.io.runInterest(this, reader);
    if ((due & WRITE) !== 0 && writer !== null) this.io.runInterest(this, writer);
  }

  /** True if the object that is watched has been closed. */
  isClosed(): boolean {
    return this.number() < 0;
  }

  /** True if it has been closed, or its number is another one's now. */
  isGone(): boolean {
    return this.number() !== this.fd;
  }

  private number(): number {
    if (typeof this.file === 'number') return this.fd;
    try {
      return fileDescriptor(this.file);
    } catch {
      return -1;
    }
  }

  /** Ends everything, at once. */
  end(): void {
    this.reader?.end();
    this.writer?.end();
    this.reader = null;
    this.writer = null;
  }
}

/** What the kernel calls the open file: `socket:[123]`, `anon_inode:[eventfd]`, a path. */
function kindOf(fd: number): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return ''; // without /proc nobody knows
  }
}

import type { Handle } from '@tsyncio/core';
import { fileDescriptor, type FileDescriptorLike } from '@tsyncio/socket';

import { PollRequest } from './poll-request.js';
import type { IoUringProactor } from './proactor.js';

/** What user code runs while a descriptor is ready in one direction. */
export class Interest extends PollRequest {
  constructor(
    private readonly io: IoUringProactor,
    private readonly watch: Watch,
    events: number,
    public handle: Handle,
  ) {
    super(io.ring, watch.fd, events);
  }

  protected override holds(): boolean {
    return !this.watch.isGone();
  }

  protected override ready(): void {
    // Cancelled by other means than its removal: it is not called, and the registration goes as well.
    if (this.handle.cancelled()) this.io.forgetInterest(this.watch, this);
    else this.io.addReady(this.handle);
  }
}

/** What user code watches of one descriptor. */
export class Watch {
  reader: Interest | null = null;
  writer: Interest | null = null;

  /**
   * @param fd - The descriptor.
   * @param file - The object it was named by.
   */
  constructor(
    readonly fd: number,
    readonly file: FileDescriptorLike,
  ) {}

  /** Nothing is watched any more. */
  get isIdle(): boolean {
    return this.reader === null && this.writer === null;
  }

  /** True if the object that is watched has been closed, and its number may be another one's. */
  isGone(): boolean {
    if (typeof this.file === 'number') return false;
    try {
      return fileDescriptor(this.file) !== this.fd;
    } catch {
      return true;
    }
  }

  /** Ends everything, at once. */
  end(): void {
    for (const interest of [this.reader, this.writer]) {
      if (interest === null) continue;
      interest.handle.cancel();
      interest.end();
    }
    this.reader = null;
    this.writer = null;
  }
}

import type { Handle } from '@tsyncio/core';
import type { FileDescriptorLike } from '@tsyncio/socket';

/** What the backend knows of one descriptor: the data of its selector key. */
export class Watch {
  /** Run while the descriptor is readable. */
  reader: Handle | null = null;
  /** Run while it is writable. */
  writer: Handle | null = null;
  /** True if it stays in the backend's table while nothing is asked about it. */
  readonly stays: boolean = false;
  /** The events that the selector is asked for; 0: the descriptor is not registered. */
  events = 0;
  /** The events whose handles went to the ready queue. A stream clears them when they run. */
  queued = 0;

  /**
   * @param fd - The descriptor.
   * @param file - The object it was named by.
   */
  constructor(
    public fd: number,
    readonly file: FileDescriptorLike,
  ) {}

  /** Cancels what user code has registered here. */
  cancelHandles(): void {
    this.reader?.cancel();
    this.writer?.cancel();
    this.reader = null;
    this.writer = null;
  }

  /** True while user code may not watch the descriptor for `events`. */
  refuses(_events: number): boolean {
    return false;
  }
}

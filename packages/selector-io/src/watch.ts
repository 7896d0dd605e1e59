import type { Handle, ReadySink } from '@tsyncio/core';
import type { FileDescriptorLike } from '@tsyncio/socket';

import { EVENT_READ, EVENT_WRITE } from './selector.js';

/** What the backend knows of one descriptor: the data of its selector key. */
export class Watch {
  /** What user code runs while the descriptor is readable. */
  reader: Handle | null = null;
  /** What user code runs while it is writable. */
  writer: Handle | null = null;
  /** The events that the selector is asked for; 0: the descriptor is not registered. */
  events = 0;

  /**
   * @param fd - The descriptor.
   * @param file - The object it was named by.
   */
  constructor(
    public fd: number,
    readonly file: FileDescriptorLike,
  ) {}

  /** True if it stays in the backend's table while nothing is asked about it. */
  get stays(): boolean {
    return false;
  }

  /** The events that someone here waits for. */
  wanted(): number {
    return (this.reader === null ? 0 : EVENT_READ) | (this.writer === null ? 0 : EVENT_WRITE);
  }

  /**
   * Puts the handles for `events` on the ready queue.
   *
   * @returns false if a handle was found cancelled by other means than its removal: its registration must go as well.
   */
  dispatch(events: number, ready: ReadySink): boolean {
    const { reader, writer } = this;
    let sound = true;
    if ((events & EVENT_READ) !== 0 && reader !== null) {
      if (reader.cancelled()) {
        this.reader = null;
        sound = false;
      } else ready.addReady(reader);
    }
    if ((events & EVENT_WRITE) !== 0 && writer !== null) {
      if (writer.cancelled()) {
        this.writer = null;
        sound = false;
      } else ready.addReady(writer);
    }
    return sound;
  }

  /** Cancels what was registered here. */
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

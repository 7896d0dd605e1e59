import type { Handle, ReadySink } from '@tsyncio/core';
import type { DescriptorKeeper, FileDescriptorLike, Socket } from '@tsyncio/socket';

import { EVENT_READ, EVENT_WRITE } from './selector.js';

/** Reports of a parked descriptor that nobody waits for, until it is not watched any more: the first one comes before the waiter has had its turn. */
const STRAYS_MAX = 2;

/** Reads without a wait, from a parked descriptor, until it is not watched any more. */
const UNNEEDED_MAX = 4;

/** Where {@link Watch.keepFor} ends what it keeps. */
interface Settling {
  settle(watch: Watch): void;
}

/** What the backend knows of one descriptor: the data of its selector key. */
export class Watch {
  /** What user code runs while the descriptor is readable. */
  reader: Handle | null = null;
  /** What user code runs while it is writable. */
  writer: Handle | null = null;
  /** The events that the selector is asked for; 0: the descriptor is not registered. */
  events = 0;
  /** Registered, and nobody waits: see `SelectorIo.parkReader`. */
  parked = false;
  /** How often a parked descriptor was reported since someone waited for it. */
  private strays = 0;

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

  /** True if more is registered than someone waits for. */
  asksTooMuch(): boolean {
    return !this.stays && this.events !== this.wanted();
  }

  /** What is registered stays so for the next reader of this socket, and ends with the socket: the kernel would not forget a duplicate. */
  keepFor(socket: Socket, io: Settling): void {
    this.strays = 0;
    this.parked = this.wanted() === 0;
    const { keeper } = socket;
    if (keeper instanceof Keeper && keeper.watch === this) {
      keeper.reads = 0;
      return;
    }
    keeper?.release();
    socket.keeper = new Keeper(this, io);
  }

  /**
   * Puts the handles for `events` on the ready queue.
   *
   * @returns false if a handle was found cancelled by other means than its removal: its registration must go as well.
   */
  dispatch(events: number, ready: ReadySink): boolean {
    const { reader, writer } = this;
    let sound = true;
    if ((events & EVENT_READ) !== 0) {
      if (reader === null) {
        sound = ++this.strays < STRAYS_MAX;
      } else if (reader.cancelled()) {
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

class Keeper implements DescriptorKeeper {
  /** Reads without a wait, one after the other. */
  reads = 0;

  constructor(
    readonly watch: Watch,
    private readonly io: Settling,
  ) {}

  release(): void {
    this.io.settle(this.watch);
  }

  unneeded(): void {
    if (++this.reads === UNNEEDED_MAX) this.release();
  }
}

import { RuntimeError, ValueError } from '@tsyncio/core';
import { fileDescriptor, type FileDescriptorLike } from '@tsyncio/socket';

import { EVENT_READ, EVENT_WRITE, SelectorKey, type SelectorMap } from './selector.js';

/** The keys of a selector: the half that all selectors share. */
export class KeyTable {
  readonly byFd = new Map<number, SelectorKey>();
  readonly view: SelectorMap = new KeyView(this);
  closed = false;

  /**
   * The descriptor of `file`; of an object that was closed, the one it was registered with.
   *
   * @throws ValueError if it is neither a descriptor nor registered.
   */
  lookup(file: FileDescriptorLike): number {
    if (typeof file === 'number') return fileDescriptor(file);
    try {
      return fileDescriptor(file);
    } catch (error) {
      for (const key of this.byFd.values()) if (key.fileobj === file) return key.fd;
      throw error;
    }
  }

  /** Makes a key that is not in the table yet. Throws ValueError if its descriptor is. */
  fresh(file: FileDescriptorLike, events: number, data: unknown): SelectorKey {
    checkEvents(events);
    const fd = this.lookup(file);
    if (this.byFd.has(fd)) throw new ValueError(`descriptor ${fd} is already registered`);
    return new SelectorKey(file, fd, events, data);
  }

  /** @throws ValueError if it is not registered. */
  require(file: FileDescriptorLike): SelectorKey {
    const fd = this.lookup(file);
    const key = this.byFd.get(fd);
    if (key === undefined) throw new ValueError(`descriptor ${fd} is not registered`);
    return key;
  }

  /** Stores a key under its descriptor, in the place of an earlier one. */
  put(key: SelectorKey): SelectorKey {
    this.byFd.set(key.fd, key);
    return key;
  }

  /** @throws ValueError after `close`. */
  checkOpen(): void {
    if (this.closed) throw new ValueError('the selector is closed');
  }

  getKey(file: FileDescriptorLike): SelectorKey {
    if (this.closed) throw new RuntimeError('the selector is closed');
    return this.require(file);
  }

  close(): void {
    this.closed = true;
    this.byFd.clear();
  }
}

/** @throws TypeError if it is no number; ValueError for a mask that is empty or has other bits. */
export function checkEvents(events: number): void {
  if (typeof events !== 'number') throw new TypeError(`events must be a number, not ${typeof events}`);
  if (events === 0 || (events & ~(EVENT_READ | EVENT_WRITE)) !== 0 || !Number.isInteger(events)) {
    throw new ValueError(`events must be EVENT_READ (1), EVENT_WRITE (2) or both, not ${events}`);
  }
}

class KeyView implements SelectorMap {
  constructor(private readonly table: KeyTable) {
    Object.freeze(this); // assigning is refused
  }

  get size(): number {
    return this.table.byFd.size;
  }

  has(file: FileDescriptorLike): boolean {
    return this.table.byFd.has(this.table.lookup(file));
  }

  get(file: FileDescriptorLike): SelectorKey {
    return this.table.require(file);
  }

  keys(): IterableIterator<number> {
    return this.table.byFd.keys();
  }

  values(): IterableIterator<SelectorKey> {
    return this.table.byFd.values();
  }

  entries(): IterableIterator<[number, SelectorKey]> {
    return this.table.byFd.entries();
  }

  [Symbol.iterator](): IterableIterator<number> {
    return this.table.byFd.keys();
  }
}

import { nodeClock, ValueError } from '@tsyncio/core';
import type { FileDescriptorLike } from '@tsyncio/socket';
import { E, Epoll, EPOLLIN, EPOLLOUT, requireLinux, systemError } from '@tsyncio/socket/native';

import { checkEvents, KeyTable } from './key-table.js';
import {
  EVENT_READ,
  EVENT_WRITE,
  SelectorKey,
  type Selector,
  type SelectorEvent,
  type SelectorMap,
} from './selector.js';

/** A wait is cut into pieces of at most this many milliseconds: what an `int` holds. */
const MAX_WAIT_MS = 0x7fffffff;

/**
 * `epoll(7)`, level-triggered. Python: `selectors.EpollSelector`.
 *
 * The epoll descriptor is made at the first need (`register`, `fileno`), so that making a selector, and a loop with it, costs nothing
 * and needs no native code. Throws where there is no epoll, at that first need.
 */
export class EpollSelector implements Selector {
  private readonly table = new KeyTable();
  private epoll: Epoll | null = null;

  register(file: FileDescriptorLike, events: number, data: unknown = null): SelectorKey {
    const epoll = this.open();
    const key = this.table.fresh(file, events, data);
    const error = epoll.add(key.fd, bitsOf(events));
    if (error < 0) throw systemError(error, 'epoll_ctl');
    this.table.byFd.set(key.fd, key);
    return key;
  }

  unregister(file: FileDescriptorLike): SelectorKey {
    this.table.checkOpen();
    const key = this.table.require(file);
    this.table.byFd.delete(key.fd);
    // The kernel forgets a descriptor when it is closed, so any complaint means that it is gone already.
    this.open().remove(key.fd);
    return key;
  }

  modify(file: FileDescriptorLike, events: number, data: unknown = null): SelectorKey {
    const epoll = this.open();
    checkEvents(events);
    const old = this.table.require(file);
    if (old.events === events && old.data === data) return old;
    if (old.events !== events) {
      const error = epoll.modify(old.fd, bitsOf(events));
      if (error < 0) {
        this.table.byFd.delete(old.fd);
        throw systemError(error, 'epoll_ctl');
      }
    }
    const key = new SelectorKey(old.fileobj, old.fd, events, data);
    this.table.byFd.set(key.fd, key);
    return key;
  }

  select(timeout: number | null = null): SelectorEvent[] {
    const events: SelectorEvent[] = [];
    this.harvest(timeout, (key, mask) => events.push([key, mask]));
    return events;
  }

  /**
   * As {@link select}, but hands each result to `visit` and allocates nothing: what a loop uses.
   *
   * @param timeout - Seconds, as for `select`. Rounded up to a millisecond; a wait that a signal interrupts goes on.
   */
  harvest(timeout: number | null, visit: (key: SelectorKey, events: number) => void): void {
    const epoll = this.open();
    const { byFd } = this.table;
    const ready = this.wait(epoll, timeout);
    for (let i = 0; i < ready; i++) {
      const key = byFd.get(epoll.fdAt(i));
      if (key === undefined) continue;
      const bits = epoll.bitsAt(i);
      // Errors and hang-up are neither: they make both directions ready.
      const mask = ((bits & ~EPOLLIN) !== 0 ? EVENT_WRITE : 0) | ((bits & ~EPOLLOUT) !== 0 ? EVENT_READ : 0);
      if ((mask & key.events) !== 0) visit(key, mask & key.events);
    }
  }

  getKey(file: FileDescriptorLike): SelectorKey {
    return this.table.getKey(file);
  }

  getMap(): SelectorMap | null {
    return this.table.closed ? null : this.table.view;
  }

  /** The epoll descriptor: readable whenever something is ready. Throws ValueError after `close`. */
  fileno(): number {
    return this.open().fd;
  }

  close(): void {
    this.table.close();
    this.epoll?.close();
    this.epoll = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  private open(): Epoll {
    if (this.epoll === null) {
      this.table.checkOpen();
      requireLinux('EpollSelector');
      this.epoll = new Epoll((error) => systemError(error, 'epoll_create1'));
    }
    return this.epoll;
  }

  private wait(epoll: Epoll, timeout: number | null): number {
    // The kernel takes the answer of one call in any number; ask for at least one, as it demands.
    const atMost = Math.max(this.table.byFd.size, 1);
    if (timeout !== null && timeout <= 0) {
      const n = epoll.wait(atMost, 0);
      if (n >= 0) return n;
      if (n === -E.EINTR) return 0;
      throw systemError(n, 'epoll_wait');
    }
    return this.waitFor(epoll, atMost, timeout === null ? Infinity : checkedSeconds(timeout));
  }

  private waitFor(epoll: Epoll, atMost: number, seconds: number): number {
    const end = nodeClock.time() + seconds;
    for (let left = seconds; ; left = end - nodeClock.time()) {
      const ms = Math.max(Math.ceil(left * 1000), 0);
      const n = epoll.wait(atMost, ms > MAX_WAIT_MS ? (ms === Infinity ? -1 : MAX_WAIT_MS) : ms);
      if (n > 0 || (n === 0 && ms <= MAX_WAIT_MS)) return n;
      if (n < 0 && n !== -E.EINTR) throw systemError(n, 'epoll_wait');
    }
  }
}

function bitsOf(events: number): number {
  return ((events & EVENT_READ) !== 0 ? EPOLLIN : 0) | ((events & EVENT_WRITE) !== 0 ? EPOLLOUT : 0);
}

function checkedSeconds(timeout: number): number {
  if (typeof timeout !== 'number')
    throw new TypeError(`timeout must be a number of seconds or null, not ${typeof timeout}`);
  if (Number.isNaN(timeout)) throw new ValueError('timeout must not be NaN');
  return timeout;
}

import {
  EV_ADD,
  EV_DELETE,
  EVFILT_READ,
  EVFILT_WRITE,
  type KernelQueue,
  Kqueue,
  requireKqueue,
  systemError,
} from '@tsyncio/socket/native';

import { BaseSelector } from './base-selector.js';
import { EVENT_READ, EVENT_WRITE, type SelectorKey } from './selector.js';

/**
 * `kqueue(2)`, level-triggered: the cost of a wait is that of what is ready. macOS and FreeBSD. Python: `selectors.KqueueSelector`.
 *
 * A descriptor that is ready for both directions is reported twice, once for each. Throws where there is no kqueue, at the first use.
 *
 * Not run by its authors on a Mac or a BSD: only its logic and its layouts are tested.
 */
export class KqueueSelector extends BaseSelector {
  private kqueue: KernelQueue | null = null;

  /** The kqueue descriptor: readable whenever something is ready. Throws ValueError after `close`. */
  fileno(): number {
    return this.open().fd;
  }

  protected get syscall(): string {
    return 'kevent';
  }

  protected override get namesAnew(): boolean {
    return true;
  }

  protected add(fd: number, events: number): void {
    this.control(fd, events, 0);
  }

  protected change(fd: number, events: number, before: number): void {
    this.control(fd, events, before);
  }

  protected remove(fd: number, events: number): void {
    this.forget(fd, events);
  }

  protected wait(seconds: number): number {
    // As many events as there can be, one for each direction; at least one.
    return this.open().wait(Math.max(2 * this.keys.size, 1), seconds);
  }

  protected report(ready: number, visit: (key: SelectorKey, events: number) => void): void {
    const { keys } = this;
    const kqueue = this.kqueue!;
    for (let i = 0; i < ready; i++) {
      const key = keys.get(kqueue.fdAt(i));
      if (key === undefined) continue;
      const mask = kqueue.filterAt(i) === EVFILT_WRITE ? EVENT_WRITE : EVENT_READ;
      if ((mask & key.events) !== 0) visit(key, mask);
    }
  }

  protected release(): void {
    this.kqueue?.close();
    this.kqueue = null;
  }

  /** Adds and deletes filters, so that those for `events` remain of those for `before`; none remains after an error. */
  private control(fd: number, events: number, before: number): void {
    const kqueue = this.open();
    let held = before;
    for (const direction of DIRECTIONS) {
      if ((events & direction) === (before & direction)) continue;
      const error = kqueue.control(fd, filterOf(direction), (events & direction) !== 0 ? EV_ADD : EV_DELETE);
      if (error < 0) {
        this.forget(fd, held);
        throw systemError(error, 'kevent');
      }
      held ^= direction;
    }
  }

  private forget(fd: number, events: number): void {
    const kqueue = this.open();
    for (const direction of DIRECTIONS) {
      // The kernel forgets a descriptor when it is closed, so any complaint means that it is gone already.
      if ((events & direction) !== 0) kqueue.control(fd, filterOf(direction), EV_DELETE);
    }
  }

  private open(): KernelQueue {
    if (this.kqueue === null) {
      this.checkOpen();
      requireKqueue('KqueueSelector');
      this.kqueue = new Kqueue((error) => systemError(error, 'kqueue'));
    }
    return this.kqueue;
  }
}

const DIRECTIONS = [EVENT_READ, EVENT_WRITE] as const;

function filterOf(direction: number): number {
  return direction === EVENT_READ ? EVFILT_READ : EVFILT_WRITE;
}

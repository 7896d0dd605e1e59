import { Epoll, EPOLLIN, EPOLLOUT, requireLinux, systemError } from '@tsyncio/socket/native';

import { BaseSelector } from './base-selector.js';
import { EVENT_READ, EVENT_WRITE, type SelectorKey } from './selector.js';

/**
 * `epoll(7)`, level-triggered: the cost of a wait is that of what is ready, however many descriptors are watched. Linux. Python:
 * `selectors.EpollSelector`.
 *
 * The epoll descriptor is made at the first need (`register`, `select`, `fileno`), so that making a selector, and a loop with it, costs nothing
 * and needs no native code. Throws where there is no epoll, at that first need.
 */
export class EpollSelector extends BaseSelector {
  private epoll: Epoll | null = null;

  /** The epoll descriptor: readable whenever something is ready. Throws ValueError after `close`. */
  fileno(): number {
    return this.open().fd;
  }

  protected get syscall(): string {
    return 'epoll_wait';
  }

  protected add(fd: number, events: number): void {
    const error = this.open().add(fd, bitsOf(events));
    if (error < 0) throw systemError(error, 'epoll_ctl');
  }

  protected change(fd: number, events: number): void {
    const error = this.open().modify(fd, bitsOf(events));
    if (error < 0) throw systemError(error, 'epoll_ctl');
  }

  protected remove(fd: number): void {
    // The kernel forgets a descriptor when it is closed, so any complaint means that it is gone already.
    this.open().remove(fd);
  }

  protected wait(seconds: number): number {
    // As many events as there can be, so that one call takes them all; at least one, as the kernel demands.
    return this.open().wait(Math.max(this.keys.size, 1), Math.ceil(seconds * 1000));
  }

  protected report(ready: number, visit: (key: SelectorKey, events: number) => void): void {
    const { keys } = this;
    const epoll = this.epoll!;
    for (let i = 0; i < ready; i++) {
      const key = keys.get(epoll.fdAt(i));
      if (key === undefined) continue;
      const bits = epoll.bitsAt(i);
      // Errors and hang-up are neither: they make both directions ready.
      const mask = ((bits & ~EPOLLIN) !== 0 ? EVENT_WRITE : 0) | ((bits & ~EPOLLOUT) !== 0 ? EVENT_READ : 0);
      if ((mask & key.events) !== 0) visit(key, mask & key.events);
    }
  }

  protected release(): void {
    this.epoll?.close();
    this.epoll = null;
  }

  private open(): Epoll {
    if (this.epoll === null) {
      this.checkOpen();
      requireLinux('EpollSelector');
      this.epoll = new Epoll((error) => systemError(error, 'epoll_create1'));
    }
    return this.epoll;
  }
}

function bitsOf(events: number): number {
  return ((events & EVENT_READ) !== 0 ? EPOLLIN : 0) | ((events & EVENT_WRITE) !== 0 ? EPOLLOUT : 0);
}

import { Epoll, EPOLLET, EPOLLIN, EPOLLOUT, hasKqueue, requireLinux, systemError } from '@tsyncio/socket/native';

import type { BaseSelector } from './base-selector.js';
import { KqueueSelector } from './kqueue-selector.js';
import { EVENT_READ, EVENT_WRITE } from './selector.js';

/** What a {@link Mirror} tells the kernel: a set with a descriptor that is readable when one of its descriptors is ready. */
export interface MirrorSet {
  readonly fd: number;
  /** Each gives a negative number if the kernel complains. */
  add(fd: number, events: number): number;
  modify(fd: number, events: number): number;
  remove(fd: number): number;
  /**
   * Stops telling of what is no news: what was reported without having been asked for, what is over.
   *
   * @param told - What the set was asked for: events by descriptor.
   * @returns a negative number if the kernel complains.
   */
  calm(told: ReadonlyMap<number, number>): number;
  close(): void;
}

/**
 * The set of this platform.
 *
 * @throws OSError without a descriptor to spare (`EMFILE`). Error where there is neither epoll nor kqueue.
 */
export function makeMirrorSet(): MirrorSet {
  if (hasKqueue(process.platform)) return new SelectorSet(new KqueueSelector());
  requireLinux('loop over a selector without fileno()');
  return new EpollSet();
}

/** Linux. */
class EpollSet implements MirrorSet {
  private readonly epoll = new Epoll((error) => systemError(error, 'epoll_create1'));
  readonly fd = this.epoll.fd;

  add(fd: number, events: number): number {
    return this.epoll.add(fd, bitsOf(events));
  }

  modify(fd: number, events: number): number {
    return this.epoll.modify(fd, bitsOf(events));
  }

  remove(fd: number): number {
    return this.epoll.remove(fd);
  }

  calm(told: ReadonlyMap<number, number>): number {
    const { epoll } = this;
    const most = Math.max(told.size, 1);
    const n = epoll.wait(most, 0);
    for (let i = 0; i < n; i++) {
      const fd = epoll.fdAt(i);
      const bits = bitsOf(told.get(fd) ?? 0);
      if ((epoll.bitsAt(i) & bits) !== 0) continue;
      const error = epoll.modify(fd, bits | EPOLLET);
      if (error < 0) return error;
    }
    epoll.wait(most, 0); // takes the last report of what is edge-triggered now
    return 0;
  }

  close(): void {
    this.epoll.close();
  }
}

/**
 * macOS and FreeBSD: one of our own selectors that has a descriptor. A kqueue goes on telling of what was ready once, until somebody
 * looks. Exported for the tests, which run it over epoll.
 */
export class SelectorSet implements MirrorSet {
  readonly fd: number;

  constructor(private readonly selector: BaseSelector & { fileno(): number }) {
    this.fd = selector.fileno();
  }

  add(fd: number, events: number): number {
    return this.attempt(() => this.selector.register(fd, events));
  }

  modify(fd: number, events: number): number {
    return this.attempt(() => this.selector.modify(fd, events));
  }

  remove(fd: number): number {
    return this.attempt(() => this.selector.unregister(fd));
  }

  calm(): number {
    return this.attempt(() => this.selector.harvest(0, () => undefined));
  }

  close(): void {
    this.selector.close();
  }

  private attempt(action: () => unknown): number {
    try {
      action();
      return 0;
    } catch {
      return -1;
    }
  }
}

function bitsOf(events: number): number {
  return ((events & EVENT_READ) !== 0 ? EPOLLIN : 0) | ((events & EVENT_WRITE) !== 0 ? EPOLLOUT : 0);
}

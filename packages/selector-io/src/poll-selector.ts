import { POLLIN, PollList, POLLOUT } from '@tsyncio/socket/native';

import { BaseSelector } from './base-selector.js';
import { EVENT_READ, EVENT_WRITE, type SelectorKey } from './selector.js';

/**
 * `poll(2)`: any descriptor on any POSIX system, regular files too (always ready); a wait costs as much as descriptors are watched.
 * Python: `selectors.PollSelector`.
 *
 * A descriptor that was closed without being unregistered is reported as ready for whatever was asked. Throws on Windows, at the
 * first `register` or `select`.
 */
export class PollSelector extends BaseSelector {
  private list: PollList | null = null;

  protected get syscall(): string {
    return 'poll';
  }

  protected add(fd: number, events: number): void {
    this.open().add(fd, bitsOf(events));
  }

  protected change(fd: number, events: number): void {
    this.open().modify(fd, bitsOf(events));
  }

  protected remove(fd: number): void {
    this.open().remove(fd);
  }

  protected wait(seconds: number): number {
    return this.open().wait(Math.ceil(seconds * 1000));
  }

  protected report(ready: number, visit: (key: SelectorKey, events: number) => void): void {
    const { keys } = this;
    const list = this.list!;
    for (let i = 0, left = ready; left > 0 && i < list.length; i++) {
      const bits = list.bitsAt(i);
      if (bits === 0) continue;
      left--;
      const key = keys.get(list.fdAt(i));
      if (key === undefined) continue;
      // Errors, hang-up and "not open" are neither: they make both directions ready.
      const mask = ((bits & ~POLLIN) !== 0 ? EVENT_WRITE : 0) | ((bits & ~POLLOUT) !== 0 ? EVENT_READ : 0);
      if ((mask & key.events) !== 0) visit(key, mask & key.events);
    }
  }

  protected release(): void {
    this.list = null;
  }

  private open(): PollList {
    return (this.list ??= new PollList());
  }
}

function bitsOf(events: number): number {
  return ((events & EVENT_READ) !== 0 ? POLLIN : 0) | ((events & EVENT_WRITE) !== 0 ? POLLOUT : 0);
}

import { DescriptorSets, type ReadySets, SocketSets } from '@tsyncio/socket/native';

import { BaseSelector } from './base-selector.js';
import { EVENT_READ, EVENT_WRITE, type SelectorKey } from './selector.js';

/**
 * `select(2)`, which is everywhere: descriptors 0 to 1023 (a greater one is a ValueError at `register`), regular files too (always ready).
 * Python: `selectors.SelectSelector`.
 *
 * On Windows: sockets only, whatever their numbers, and 512 of them for each direction; beyond that, `register` is a ValueError, and an OSError
 * (`ENOTSOCK`) for what is no socket. A connect that failed makes its socket writable.
 *
 * A descriptor that was closed without being unregistered makes every `select` fail with EBADF (Windows: ENOTSOCK).
 */
export class SelectSelector extends BaseSelector {
  private sets: ReadySets | null = null;

  protected get syscall(): string {
    return 'select';
  }

  protected override get namesAnew(): boolean {
    return true;
  }

  protected add(fd: number, events: number): void {
    this.watch(fd, events);
  }

  protected change(fd: number, events: number): void {
    this.watch(fd, events);
  }

  protected remove(fd: number): void {
    this.watch(fd, 0);
  }

  protected wait(seconds: number): number {
    return this.open().wait(seconds);
  }

  protected report(ready: number, visit: (key: SelectorKey, events: number) => void): void {
    const { keys } = this;
    this.sets!.report(ready, (fd, readable, writable) => {
      const mask = (readable ? EVENT_READ : 0) | (writable ? EVENT_WRITE : 0);
      const key = keys.get(fd);
      if (key !== undefined && (mask & key.events) !== 0) visit(key, mask & key.events);
    });
  }

  protected release(): void {
    this.sets = null;
  }

  private watch(fd: number, events: number): void {
    this.open().set(fd, (events & EVENT_READ) !== 0, (events & EVENT_WRITE) !== 0);
  }

  private open(): ReadySets {
    return (this.sets ??= process.platform === 'win32' ? new SocketSets() : new DescriptorSets());
  }
}

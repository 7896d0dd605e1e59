import { ValueError } from '@tsyncio/core';
import { DescriptorSets, FD_SETSIZE } from '@tsyncio/socket/native';

import { BaseSelector } from './base-selector.js';
import { EVENT_READ, EVENT_WRITE, type SelectorKey } from './selector.js';

/**
 * `select(2)`, which is everywhere: descriptors 0 to 1023 (a greater one is a ValueError at `register`), regular files too (always ready).
 * Python: `selectors.SelectSelector`.
 *
 * A descriptor that was closed without being unregistered makes every `select` fail with EBADF. Throws on Windows, at the first
 * `register` or `select`.
 */
export class SelectSelector extends BaseSelector {
  private sets: DescriptorSets | null = null;

  protected get syscall(): string {
    return 'select';
  }

  protected override get namesAnew(): boolean {
    return true;
  }

  protected add(fd: number, events: number): void {
    if (fd >= FD_SETSIZE) {
      throw new ValueError(`descriptor ${fd} is out of range for select(): FD_SETSIZE is ${FD_SETSIZE}`);
    }
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
    const sets = this.sets!;
    for (let word = 0, left = ready; left > 0 && word < FD_SETSIZE / 32; word++) {
      const readable = sets.readable(word);
      const writable = sets.writable(word);
      for (let bits = readable | writable; bits !== 0; bits &= bits - 1) {
        const bit = bits & -bits;
        const mask = ((readable & bit) !== 0 ? EVENT_READ : 0) | ((writable & bit) !== 0 ? EVENT_WRITE : 0);
        left -= mask === (EVENT_READ | EVENT_WRITE) ? 2 : 1;
        const key = keys.get(32 * word + 31 - Math.clz32(bit));
        if (key !== undefined && (mask & key.events) !== 0) visit(key, mask & key.events);
      }
    }
  }

  protected release(): void {
    this.sets = null;
  }

  private watch(fd: number, events: number): void {
    this.open().set(fd, (events & EVENT_READ) !== 0, (events & EVENT_WRITE) !== 0);
  }

  private open(): DescriptorSets {
    return (this.sets ??= new DescriptorSets());
  }
}

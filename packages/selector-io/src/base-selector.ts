import { nodeClock, ValueError } from '@tsyncio/core';
import type { FileDescriptorLike } from '@tsyncio/socket';
import { E, systemError } from '@tsyncio/socket/native';

import { checkEvents, KeyTable } from './key-table.js';
import { SelectorKey, type Selector, type SelectorEvent, type SelectorMap } from './selector.js';

/** A wait is cut into pieces of at most this many seconds: as many milliseconds as an `int` holds. */
const LONGEST_WAIT = 0x7fffffff / 1000;

/**
 * What all selectors have in common: the keys, the checks and the clock. A subclass adds what it asks of the kernel: six methods.
 *
 * Python: `selectors.BaseSelector` and its private descendants.
 */
export abstract class BaseSelector implements Selector {
  private readonly table = new KeyTable();
  /** The keys by descriptor. What the kernel reports and is not here is nobody's business any more. */
  protected readonly keys: ReadonlyMap<number, SelectorKey> = this.table.byFd;

  /** The system call that waits, for the errors. */
  protected abstract readonly syscall: string;

  register(file: FileDescriptorLike, events: number, data: unknown = null): SelectorKey {
    this.table.checkOpen();
    const key = this.table.fresh(file, events, data);
    this.add(key.fd, events);
    return this.table.put(key);
  }

  unregister(file: FileDescriptorLike): SelectorKey {
    this.table.checkOpen();
    const key = this.table.require(file);
    this.table.byFd.delete(key.fd);
    this.remove(key.fd, key.events);
    return key;
  }

  modify(file: FileDescriptorLike, events: number, data: unknown = null): SelectorKey {
    this.table.checkOpen();
    checkEvents(events);
    const old = this.table.require(file);
    if (old.events === events) {
      return old.data === data ? old : this.table.put(new SelectorKey(old.fileobj, old.fd, events, data));
    }
    try {
      this.change(old.fd, events, old.events);
    } catch (error) {
      this.table.byFd.delete(old.fd);
      throw error;
    }
    return this.table.put(new SelectorKey(this.namesAnew ? file : old.fileobj, old.fd, events, data));
  }

  select(timeout: number | null = null): SelectorEvent[] {
    const events: SelectorEvent[] = [];
    this.harvest(timeout, (key, mask) => events.push([key, mask]));
    return events;
  }

  /**
   * As {@link select}, but hands each result to `visit` and allocates nothing: what a loop uses. `visit` may register, modify and
   * unregister (what it unregisters is not reported any more), but not wait.
   *
   * @param timeout - Seconds, as for `select`. Never ends early; a wait that a signal interrupts goes on for the rest of the time.
   */
  harvest(timeout: number | null, visit: (key: SelectorKey, events: number) => void): void {
    this.table.checkOpen();
    const ready = timeout !== null && timeout <= 0 ? this.wait(0) : this.waitFor(secondsOf(timeout));
    if (ready > 0) this.report(ready, visit);
    else if (ready < 0 && ready !== -E.EINTR) throw systemError(ready, this.syscall);
  }

  getKey(file: FileDescriptorLike): SelectorKey {
    return this.table.getKey(file);
  }

  getMap(): SelectorMap | null {
    return this.table.closed ? null : this.table.view;
  }

  close(): void {
    if (this.table.closed) return;
    this.table.close();
    this.release();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  // ---- For the subclasses ---------------------------------------------------------------------------------------------------------

  /** @throws ValueError after `close`. */
  protected checkOpen(): void {
    this.table.checkOpen();
  }

  /** True if `modify` to other events stores the object that it was given, as Python's select and kqueue do, not the first one. */
  protected get namesAnew(): boolean {
    return false;
  }

  /** Begins to watch a descriptor that is not registered. What it throws comes out of `register`, and nothing is registered. */
  protected abstract add(fd: number, events: number): void;

  /** Watches a descriptor for other events. If it throws, the descriptor must not be watched any more. */
  protected abstract change(fd: number, events: number, before: number): void;

  /** Ends watching. Must not throw for a descriptor that was closed meanwhile. */
  protected abstract remove(fd: number, events: number): void;

  /**
   * Asks the kernel once.
   *
   * @param seconds - How long to wait at most, rounded up to what the call can tell apart. 0 does not wait.
   * @returns how much is ready (0: nothing), or the negated error number.
   */
  protected abstract wait(seconds: number): number;

  /** Hands what the last `wait` has found to `visit`: keys that are still registered, with the events that they ask for. */
  protected abstract report(ready: number, visit: (key: SelectorKey, events: number) => void): void;

  /** Frees what the kernel holds. Called once. */
  protected abstract release(): void;

  // ---- Private --------------------------------------------------------------------------------------------------------------------

  private waitFor(seconds: number): number {
    const end = nodeClock.time() + seconds;
    for (let left = seconds; ; left = end - nodeClock.time()) {
      const ready = this.wait(Math.min(Math.max(left, 0), LONGEST_WAIT));
      if (ready === 0 ? left <= LONGEST_WAIT : ready !== -E.EINTR) return ready;
    }
  }
}

function secondsOf(timeout: number | null): number {
  if (timeout === null) return Infinity;
  if (typeof timeout !== 'number')
    throw new TypeError(`timeout must be a number of seconds or null, not ${typeof timeout}`);
  if (Number.isNaN(timeout)) throw new ValueError('timeout must not be NaN');
  return timeout;
}

/**
 * `uv_poll` on one descriptor: how Node's loop learns that ours has something to do.
 *
 * Rules. Each of them, broken, aborts the process or loses events; that is why nothing else calls `koffi.node.poll`:
 *  1. Only a descriptor that epoll can watch: no regular file, no /dev/null, no closed descriptor. Here: always an epoll
 *     descriptor (or an eventfd) of ours. On Windows: only a socket, which becomes non-blocking, and nothing that is none (`isSocket`).
 *  2. One poll for a descriptor; no second one while the first is open.
 *  3. Close the poll before the descriptor.
 *  4. No `stop`, `ref` or `unref` after `close`.
 *  5. Keep the handle referenced: a collected one stops without a word.
 *  6. The callback never throws, and only schedules. Node has no callback scope around it: on Node 26 no microtask runs after it, and before that
 *     whatever of Node's opens a scope in it (its TLS) ends the process by an assertion.
 *  7. The addon is pinned before the first poll, and every poll is closed before its thread ends (`pin.ts`).
 */
import { NodeHost } from '@tsyncio/core';
import type { node } from 'koffi';

import { koffi } from './koffi.js';
import { pinAddon } from './pin.js';

/** What of a descriptor is news. */
export interface PollInterest {
  readonly readable?: boolean;
  readonly writable?: boolean;
}

const READABLE: PollInterest = { readable: true };

/**
 * On Windows an event comes once for each `arm`. libuv asks again right after the callback, when nobody has read yet, so that a second event always
 * followed; and one that comes while `terminate` ends a worker is the end of the process.
 */
const ONCE = process.platform === 'win32';

/** Polls that are open in this thread, to be closed when it ends (rule 7). `terminate()` of a worker runs no hook: see README. */
const open = new Set<DescriptorPoll>();
const host = new NodeHost();
let forgetExit: (() => void) | null = null;

function opened(poll: DescriptorPoll): void {
  open.add(poll);
  forgetExit ??= host.onExit(() => {
    for (const each of open) each.close();
  });
}

function closed(poll: DescriptorPoll): void {
  open.delete(poll);
  if (open.size > 0) return;
  forgetExit?.();
  forgetExit = null;
}

/**
 * Tells when a descriptor is ready, usually readable, level-triggered, once for each round of Node's loop.
 *
 * It never keeps the process alive: whoever waits holds the process by other means.
 *
 * Starting and stopping cost two system calls and 1 to 2 us, so `disarm` does neither: it leaves the poll running, and the first
 * event that nobody asked for stops it. A loop under load, which sleeps and wakes all the time, thus never touches it.
 */
export class DescriptorPoll {
  private handle: node.PollHandle | null = null;
  private started = false;
  private onReadable: (() => void) | null = null;
  private isClosed = false;

  /** @param fd - A pollable descriptor (rule 1), which must stay open until {@link close}. */
  constructor(
    private readonly fd: number,
    private interest = READABLE,
  ) {}

  /** Waits for something else from now on. */
  change(interest: PollInterest): void {
    this.interest = interest;
    if (this.started) this.handle!.start(interest, this.fire);
  }

  /** Calls `callback`, which must only schedule, when the descriptor is ready; again and again until {@link disarm}, on Windows once. */
  arm(callback: () => void): void {
    if (this.isClosed) return;
    this.onReadable = callback;
    if (this.started) return;
    if (this.handle === null) {
      pinAddon();
      this.handle = koffi().node.poll(this.fd, this.interest, this.fire);
      this.handle.unref();
      opened(this);
    } else {
      this.handle.start(this.interest, this.fire);
    }
    this.started = true;
  }

  /** No call from now on. Cheap; idempotent. */
  disarm(): void {
    this.onReadable = null;
  }

  /** Ends the poll for good; idempotent. The descriptor may be closed after it. */
  close(): void {
    this.isClosed = true;
    this.onReadable = null;
    this.started = false;
    const { handle } = this;
    if (handle === null) return;
    this.handle = null;
    closed(this);
    handle.close();
  }

  private readonly fire = (): void => {
    const { onReadable } = this;
    if (onReadable === null || ONCE) {
      if (!this.started) return;
      this.started = false;
      this.handle?.stop();
    }
    if (onReadable === null) return;
    try {
      onReadable();
    } catch (error) {
      // Rule 6. The port forbids it, so this is a bug of the backend: do not lose it, and do not let it reach libuv.
      host.scheduleTurn(() => {
        throw error;
      });
    }
  };
}

import { E } from '@tsyncio/socket/native';

import { Operation } from './operation.js';
import type { CompletionQueue } from './completion-queue.js';

/** Waits, as long as it is wanted, for a descriptor to become ready; reports once in each poll that finds it so. */
export abstract class PollRequest extends Operation {
  /** @param events - `POLLIN` or `POLLOUT`. An error condition or the end of the connection counts as both. */
  constructor(
    protected readonly queue: CompletionQueue,
    private readonly fd: number,
    private readonly events: number,
  ) {
    super();
  }

  override reconcile(): void {
    if (this.slot >= 0) {
      if (!this.wanted) this.queue.cancel(this);
    } else if (this.wanted && this.holds()) this.queue.poll(this, this.fd, this.events);
  }

  override completed(result: number): void {
    if (!this.wanted) return;
    if (result >= 0) this.ready();
    // The descriptor is closed: it is never ready, as for epoll.
    else if (result !== -E.ECANCELED) return;
    this.queue.touch(this);
  }

  /** Whether the descriptor still is what it was: asked before each request. */
  protected holds(): boolean {
    return true;
  }

  /** The descriptor is ready. Called inside of a poll. */
  protected abstract ready(): void;
}

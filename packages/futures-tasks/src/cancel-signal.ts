import { CancelledError } from '@tsyncio/core';

/** The AbortSignal of something that can be asked to cancel more than once. Internal. */
export class CancelSignal {
  private controller: AbortController | null = null;
  /** A request has come, and the error has not reached the coroutine. */
  private pending = false;
  /** How often it was asked to cancel, less what was taken back. */
  requests = 0;
  /** What is waited for is being asked to cancel. */
  asking = false;

  /** Cancelling is asked for. */
  request(): void {
    this.requests++;
    this.pending = true;
    this.controller?.abort(new CancelledError());
  }

  /** The error has reached the coroutine: what it goes on with gets a new signal. */
  delivered(): void {
    if (!this.pending) return;
    this.pending = false;
    this.controller = null;
  }

  /** @param ended - True once nothing can be done any more: it is aborted then. */
  get(ended: boolean): AbortSignal {
    if (this.controller === null) {
      this.controller = new AbortController();
      if (this.pending || ended) this.controller.abort(new CancelledError());
    }
    return this.controller.signal;
  }
}

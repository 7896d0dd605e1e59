import { CancelledError } from '@tsyncio/core';
import type { LoopAwaitable } from './awaitable.js';

/** The AbortSignal of something that can be asked to cancel more than once. Internal. */
export class CancelSignal {
  private controller: AbortController | null = null;
  /** A request has come, and the error has not reached the coroutine. */
  private pending = false;
  /** How often it was asked to cancel, less what was taken back. */
  requests = 0;
  /** What the last request said. */
  message: string | undefined = undefined;
  /** What is waited for is being asked to cancel. */
  asking = false;
  /** The error has been thrown at the coroutine at least once. */
  thrown = false;

  /** Cancelling is asked for. */
  request(message?: string): void {
    this.requests++;
    this.pending = true;
    this.message = message;
    this.controller?.abort(new CancelledError(message));
  }

  /**
   * The request has been answered: what the coroutine goes on with gets a new signal.
   *
   * @param by - What it waited for and what has answered; null if the error is thrown.
   */
  delivered(by: LoopAwaitable | null): void {
    if (!this.pending) return;
    this.pending = false;
    this.thrown ||= by === null || by.outcome() === 'cancelled';
    this.controller = null;
  }

  /** @param ended - True once nothing can be done any more: it is aborted then. */
  get(ended: boolean): AbortSignal {
    if (this.controller === null) {
      this.controller = new AbortController();
      if (this.pending || ended) this.controller.abort(new CancelledError(this.message));
    }
    return this.controller.signal;
  }
}

import type { AnyScheduler } from './awaitable.js';
import { Operation } from './operation.js';
import { liveOwner } from './promise-waiter.js';

/**
 * An operation that runs code inside the calling task and may cancel it of its own accord: what asyncio writes as an asynchronous context
 * manager that cancels the task.
 *
 * It cancels what runs inside of it, not the task: other operations of the same task, side by side with it in a `Promise.all`, go on. It
 * tells its own cancellation from those of others by counting the requests that come from outside: what `uncancel` is for in CPython. Inside
 * of it both count in `task.cancelling()`. Internal.
 */
export abstract class ScopedOperation<T> extends Operation<T> {
  /** Requests to cancel that came from outside since the operation began, less those taken back. */
  protected requests = 0;
  private own = 0;

  constructor(loop: AnyScheduler) {
    super(loop);
    // One that was made before is delivered at the first wait, and does not count.
    if (liveOwner()?.cancelRequested() === true) this.requests--;
  }

  override requestCancel(message?: string): boolean {
    this.requests++;
    return super.requestCancel(message);
  }

  override withdrawCancel(): void {
    this.requests--;
    super.withdrawCancel();
  }

  override interruptions(): number {
    return this.own;
  }

  override takeBackInterruption(): void {
    this.own--;
    if (this.own === 0) this.dropCancel();
    super.withdrawCancel();
  }

  protected override interrupt(): void {
    this.own++;
    super.interrupt();
  }
}

import type { Job, Scheduler, IoBackend } from '@tsyncio/core';

/** A loop of whatever backend, seen from a future: it schedules and reports, and does not care about I/O. */
export type AnyScheduler = Scheduler<IoBackend>;

/** The outcome of a {@link LoopAwaitable}. */
export type Outcome = 'pending' | 'result' | 'exception' | 'cancelled';

/** Something of the loop that can be waited for: a future, a task or an operation. Internal. */
export interface LoopAwaitable<T = unknown> {
  /** The loop it belongs to; null for an operation that failed because there was none. */
  readonly scheduler: AnyScheduler | null;
  /**
   * True for an operation: it ends in the very step of its awaiter, so that nothing can come between its end and the delivery. A
   * future is done first and delivered later; a cancellation in between takes the place of its outcome (TASK-CANCEL-06).
   */
  readonly endsInStep: boolean;
  /** How it stands. */
  outcome(): Outcome;
  /** The value of `'result'`. */
  takeResult(): T;
  /** The error of `'exception'`; it counts as retrieved. */
  takeException(): unknown;
  /** `waiter.run()` will be called when it is done; it must be pending. */
  addWaiter(waiter: Waiter): void;
  /** Takes `waiter` back. */
  removeWaiter(waiter: Waiter): void;
  /** Asks it to end cancelled, on behalf of its awaiter. @returns Whether it accepted. */
  requestCancel(): boolean;
}

/** Something that waits for a {@link LoopAwaitable}; its `run` resumes whoever waits. Internal. */
export interface Waiter extends Job {
  /** What it waits for; null while it does not wait. */
  source: LoopAwaitable | null;
  /** The task behind it, if there is one. */
  awaitingTask(): WaitingTask | null;
  /** True if the task behind it was asked to cancel, and the error has not been thrown. */
  cancelRequested(): boolean;
  /** The error is being thrown, or the request has been passed on. */
  cancelTaken(): void;
}

/** The part of a task that its waits need. Internal; found in the async context by its brand. */
export interface WaitingTask {
  readonly scheduler: AnyScheduler | null;
  /** A cancellation that nothing has accepted yet. */
  mustCancel: boolean;
  done(): boolean;
  addWait(waiter: Waiter): void;
  removeWait(waiter: Waiter): void;
  /** A CancelledError reaches the coroutine. */
  cancelDelivered(): void;
  /** A task is a job, and awaiting itself is an error. */
  run(): void;
}

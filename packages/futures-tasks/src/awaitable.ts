import type { CancelledError, Job, RuntimeError, Scheduler, IoBackend } from '@tsyncio/core';

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
  /** An error for each awaiter of `'cancelled'`, with the message of who cancelled it. */
  cancelledError(): CancelledError;
  /** `waiter.run()` will be called when it is done; it must be pending. */
  addWaiter(waiter: Waiter): void;
  /** Takes `waiter` back. */
  removeWaiter(waiter: Waiter): void;
  /** Asks it to end cancelled, on behalf of its awaiter. @returns Whether it accepted. */
  requestCancel(message?: string): boolean;
  /** A request was taken back: its awaiter's task was uncancelled. */
  withdrawCancel(): void;
  /** True if it is pending and nothing in the loop can end it. */
  inForeignWait(): boolean;
}

/** Something that waits for a {@link LoopAwaitable}; its `run` resumes whoever waits. Internal. */
export interface Waiter extends Job {
  /** What it waits for; null while it does not wait. */
  source: LoopAwaitable | null;
  /** The task behind it, if there is one. */
  awaitingTask(): WaitingTask | null;
  /** For call graphs: the future on whose behalf it waits, where that is no task. */
  awaitedBy?(): object | null;
  /** True if the task behind it was asked to cancel, and the error has not been thrown. */
  cancelRequested(): boolean;
  /** The message of that request. */
  cancelMessage(): string | undefined;
  /** The error is being thrown, or the request has been passed on. */
  cancelTaken(): void;
  /** A request to cancel has been answered: see {@link WaitOwner}. */
  cancelDelivered(by: LoopAwaitable | null): void;
}

/**
 * Whose wait it is, and who is cancelled with it: a task, or an operation that runs user code inside a task. Internal; found in the async
 * context.
 */
export interface WaitOwner {
  /** Only an operation that was done at once has none. */
  readonly scheduler: AnyScheduler;
  done(): boolean;
  /** True if a step must not happen, because the task was finished from outside; that is reported. To be asked when it is done. */
  refusesStep(): boolean;
  addWait(waiter: Waiter): void;
  removeWait(waiter: Waiter): void;
  /** True if a CancelledError is due at the next wait. */
  cancelRequested(): boolean;
  /** The message of that request. */
  cancelMessage(): string | undefined;
  /** The error is being thrown, or the request has been passed on. */
  cancelTaken(): void;
  /** A request to cancel has been answered: by what was waited for, with a CancelledError or otherwise; null: by throwing the error. */
  cancelDelivered(by: LoopAwaitable | null): void;
  /** The task itself, or the one that awaits the operation. */
  awaitingTask(): WaitingTask | null;
  /** What is wrong with waiting for `source`, or null. */
  checkWait(source: LoopAwaitable): RuntimeError | null;
}

/** A task, seen from its waits. Internal; found in the async context by its brand. */
export interface WaitingTask extends WaitOwner {
  /** A task is a job, and awaiting itself is an error. */
  run(): void;
}

/** An operation that runs user code: what this code waits for is the operation's. Internal; found in the async context. */
export interface WaitScope extends WaitOwner {
  /** The scope in which the operation began. */
  readonly outerScope: WaitScope | null;
  /** Aborted when the operation is asked to cancel. */
  readonly signal: AbortSignal;
  /** How often it has cancelled the code inside of its own accord, less what was taken back. */
  interruptions(): number;
  /** Takes one of them back: the code inside has caught the error and goes on. */
  takeBackInterruption(): void;
  /** The error is thrown once more, at the next wait inside. */
  interruptAgain(): void;
}

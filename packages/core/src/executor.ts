import { brand } from './brand.js';
import { CancelledError, InvalidStateError } from './errors.js';

/**
 * Runs functions outside of the loop's thread. asyncio: `concurrent.futures.Executor`. Any object with these two methods will do.
 */
export interface Executor {
  /** Starts or queues `fn(...args)`. Throws a RuntimeError after {@link shutdown}. */
  submit<A extends unknown[], R>(fn: (...args: A) => R | PromiseLike<R>, ...args: A): ConcurrentFuture<R>;
  /** Accepts no more work; what is queued is still done. asyncio: `shutdown`. */
  shutdown(options?: ShutdownOptions): Promise<void>;
}

/** How to shut an {@link Executor} down. */
export interface ShutdownOptions {
  /** The promise is fulfilled when all work is done and the workers are gone; false: at once. Default true. */
  readonly wait?: boolean | undefined;
  /** Cancels what is queued and has not begun. Default false. */
  readonly cancelFutures?: boolean | undefined;
}

type State = 'pending' | 'running' | 'cancelled' | 'finished';

/**
 * The outcome of work that belongs to no loop: what an {@link Executor} and `runCoroutineThreadsafe` give back. Its callbacks run at
 * once, in the code that finishes it. asyncio: `concurrent.futures.Future`; where that one blocks, await {@link promise}.
 */
export class ConcurrentFuture<T = unknown> {
  static {
    brand(this.prototype, 'ConcurrentFuture');
  }
  private state: State = 'pending';
  private value: T | undefined;
  private error: unknown;
  private failed = false;
  private callbacks: ((future: this) => void)[] = [];

  /** True once it is finished or cancelled. */
  done(): boolean {
    return this.state === 'cancelled' || this.state === 'finished';
  }

  cancelled(): boolean {
    return this.state === 'cancelled';
  }

  /** True while the work is being done: it can no longer be cancelled. */
  running(): boolean {
    return this.state === 'running';
  }

  /**
   * Calls the work off if it has not begun.
   *
   * @returns True if the future is cancelled now, also if it was before.
   */
  cancel(): boolean {
    if (this.state === 'running' || this.state === 'finished') return false;
    if (this.state === 'pending') this.finish('cancelled');
    return true;
  }

  /** For executors: the work begins. @returns False if it was cancelled and must not be done. */
  setRunningOrNotifyCancel(): boolean {
    if (this.state === 'cancelled') return false;
    if (this.state !== 'pending') throw new InvalidStateError(`the future is already ${this.state}`);
    this.state = 'running';
    return true;
  }

  /** @throws InvalidStateError if it is done. */
  setResult(value: T): void {
    this.checkOpen();
    this.value = value;
    this.finish('finished');
  }

  /** @throws InvalidStateError if it is done. */
  setException(error: unknown): void {
    this.checkOpen();
    this.failed = true;
    this.error = error;
    this.finish('finished');
  }

  /** The result. @throws The error of the work; CancelledError; InvalidStateError if it is not done. */
  result(): T {
    if (this.state === 'cancelled') throw new CancelledError();
    if (this.state !== 'finished') throw new InvalidStateError('the future is not done');
    if (this.failed) throw this.error;
    return this.value as T;
  }

  /** The error of the work, or null. @throws CancelledError; InvalidStateError if it is not done. */
  exception(): unknown {
    if (this.state === 'cancelled') throw new CancelledError();
    if (this.state !== 'finished') throw new InvalidStateError('the future is not done');
    return this.failed ? this.error : null;
  }

  /** Calls `callback(this)` when done, or now if it is. An error that it throws is reported as uncaught, as Node does. */
  addDoneCallback(callback: (future: this) => void): void {
    if (typeof callback !== 'function') throw new TypeError('addDoneCallback: callback must be a function');
    if (this.done()) callback(this);
    else this.callbacks.push(callback);
  }

  /** The outcome as a promise. */
  promise(): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.addDoneCallback(() => {
        if (this.state === 'cancelled') reject(new CancelledError());
        else if (this.failed) reject(this.error);
        else resolve(this.value as T);
      });
    });
  }

  toString(): string {
    return `<ConcurrentFuture state=${this.state}>`;
  }

  private checkOpen(): void {
    if (this.done()) throw new InvalidStateError(`the future is already ${this.state}`);
  }

  private finish(state: State): void {
    this.state = state;
    const { callbacks } = this;
    this.callbacks = [];
    for (const callback of callbacks) callback(this);
  }
}

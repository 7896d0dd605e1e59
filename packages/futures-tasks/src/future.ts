import {
  brand,
  CancelledError,
  captureSource,
  describeCallback,
  getEventLoop,
  Handle,
  hasBrand,
  InvalidStateError,
  repr,
  RuntimeError,
  sourcePlace,
  type EntryPoint,
  type ExceptionContext,
  type Job,
} from '@tsyncio/core';
import type { AnyScheduler, LoopAwaitable, Outcome, Waiter } from './awaitable.js';
import { checkMessage } from './cancel-message.js';
import { FutureWait } from './future-wait.js';
import type { RejectionHandler } from './rejection-handler.js';
import { thenOf } from './promise-waiter.js';
import { forgetFailure, releaseStack, watchFailure } from './unretrieved.js';

/** How to make a {@link Future}. */
export interface FutureOptions {
  /** The loop that runs its callbacks; default `getEventLoop()`. */
  readonly loop?: AnyScheduler | undefined;
}

/**
 * An outcome that is not there yet. asyncio: `asyncio.Future`.
 *
 * `await future` and `yield* future` wait for it inside the task; its callbacks run through the loop, never at once. It is typed as a
 * `Promise<T>` and fits wherever one does, but is none: waiting for it is what makes a task cancellable.
 *
 * @example
 * const future = loop.createFuture<string>();
 * loop.callLater(1, () => future.setResult('done'));
 * console.log(await future);
 */
// What few futures have, in tables: of many that wait, the memory is the cost.
/** In debug mode, the stack of the call that made it. */
const sources = new WeakMap<object, readonly string[]>();
/** Those whose text is being made. */
const describing = new Set<object>();

// Merged with the class below, so that futures fit wherever promises do.
export interface Future<T = unknown> extends Promise<T> {}

export class Future<T = unknown> implements LoopAwaitable<T> {
  static {
    brand(this.prototype, 'Future');
  }
  /** Internal. */
  readonly scheduler: AnyScheduler;
  private state: Outcome = 'pending';
  /** The result or the error. */
  private value: unknown = undefined;
  /** What runs when it is done: handles of callbacks, and waiters. One alone needs no array: it nearly always is alone. */
  private callbacks: Job | Job[] | null = null;
  private watched = false;

  /**
   * @throws TypeError for anything but an options object. RuntimeError if no loop is given and there is no current one.
   */
  constructor(options: FutureOptions = {}, madeBy?: EntryPoint) {
    if (
      typeof options !== 'object' ||
      options === null ||
      (options.loop === undefined && hasBrand(options, 'EventLoop'))
    ) {
      throw new TypeError('Future: options must be an object, { loop }');
    }
    this.scheduler = options.loop ?? (getEventLoop() as AnyScheduler);
    if (this.scheduler.getDebug()) sources.set(this, captureSource(madeBy ?? new.target));
  }

  /** The loop it belongs to. asyncio: `Future.get_loop`. */
  getLoop(): AnyScheduler {
    if (this.scheduler === undefined) throw new RuntimeError('Future object is not initialized.');
    return this.scheduler;
  }

  /** True once there is a result or an error, or it was cancelled. asyncio: `Future.done`. */
  done(): boolean {
    return this.state !== 'pending';
  }

  /** True if it was cancelled. asyncio: `Future.cancelled`. */
  cancelled(): boolean {
    return this.state === 'cancelled';
  }

  /**
   * The result. asyncio: `Future.result`.
   *
   * @throws The very error that was set; CancelledError if it was cancelled; InvalidStateError if it is not done.
   */
  result(): T {
    switch (this.state) {
      case 'result':
        return this.value as T;
      case 'exception':
        throw this.takeException();
      case 'cancelled':
        throw this.cancelledError();
      default:
        throw new InvalidStateError('Result is not ready.');
    }
  }

  /**
   * The error that was set, or null if there is a result. asyncio: `Future.exception`. Where somebody has thrown null, `result()` tells
   * the two apart.
   *
   * @throws CancelledError if it was cancelled; InvalidStateError if it is not done.
   */
  exception(): unknown {
    switch (this.state) {
      case 'result':
        return null;
      case 'exception':
        return this.takeException();
      case 'cancelled':
        throw this.cancelledError();
      default:
        throw new InvalidStateError('Exception is not set.');
    }
  }

  /**
   * Makes it done with a result. asyncio: `Future.set_result`.
   *
   * @throws InvalidStateError if it is done. TypeError if `value` is itself a future, which an `await` would unwrap.
   */
  setResult(value: T): void {
    this.succeed(value);
  }

  /** Makes it done with a result. Internal. */
  protected succeed(value: T): void {
    if (typeof value === 'object' && value !== null && (hasBrand(value, 'Future') || hasBrand(value, 'Operation'))) {
      throw new TypeError(`setResult: a future as result would be unwrapped by await; await ${String(value)} first`);
    }
    this.finish('result', value);
  }

  /**
   * Makes it done with an error. asyncio: `Future.set_exception`.
   *
   * @param error - An Error, or an Error class to be made without arguments.
   * @throws InvalidStateError if it is done. TypeError if `error` is no error.
   */
  setException(error: unknown): void {
    this.fail(toError(error));
  }

  /**
   * Makes it done and cancelled. asyncio: `Future.cancel`.
   *
   * @param message - The message of the CancelledError. Python: `msg`, since 3.9.
   * @returns False if it was done already; a failure then counts as looked at.
   * @throws TypeError if `message` is no text.
   */
  cancel(message?: string): boolean {
    checkMessage(message);
    if (this.state !== 'pending') {
      this.getLoop();
      this.markRetrieved();
      return false;
    }
    this.finish('cancelled', message);
    return true;
  }

  /**
   * Calls `callback(this)` through the loop when it is done; if it is, in the next iteration. asyncio: `Future.add_done_callback`.
   * For asyncio's `context=` write `context.bind(callback)`.
   */
  addDoneCallback(callback: (future: this) => unknown): void {
    if (typeof callback !== 'function') {
      throw new TypeError(`addDoneCallback: callback must be a function, got ${repr(callback)}`);
    }
    const handle = new Handle(
      callback,
      [this],
      this.getLoop(),
      undefined,
      (this as { addDoneCallback: EntryPoint }).addDoneCallback,
    );
    if (this.state === 'pending') this.addJob(handle);
    else this.scheduler.enqueue(handle);
  }

  /**
   * Takes `callback` back, however often it was added. asyncio: `Future.remove_done_callback`.
   *
   * @returns How many there were; 0 once it is done.
   */
  removeDoneCallback(callback: (future: this) => unknown): number {
    this.getLoop();
    const jobs = this.callbackList();
    const kept = jobs.filter((job) => !(job instanceof Handle && job.callback === callback));
    this.callbacks = kept.length === 0 ? null : kept;
    return jobs.length - kept.length;
  }

  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: RejectionHandler<B> | null,
  ): Promise<A | B> {
    return thenOf(this, onFulfilled, onRejected) as Promise<A | B>;
  }

  catch<B = never>(onRejected?: RejectionHandler<B> | null): Promise<T | B> {
    return this.then(undefined, onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<T> {
    return this.then().finally(onFinally);
  }

  /** For `yield* future` in a generator coroutine. */
  [Symbol.iterator](): Iterator<unknown, T, unknown> {
    return new FutureWait(this);
  }

  get [Symbol.toStringTag](): string {
    return 'Future';
  }

  /** As asyncio's repr: `<Future finished result=4>`. */
  toString(): string {
    // Tasks may wait for each other in a circle.
    if (describing.has(this)) return `<${this.constructor.name} ...>`;
    describing.add(this);
    try {
      return `<${[this.constructor.name, ...this.describe()].join(' ')}>`;
    } finally {
      describing.delete(this);
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** Internal: see {@link LoopAwaitable}. */
  get endsInStep(): boolean {
    return false;
  }

  /** Internal: see {@link LoopAwaitable}. */
  outcome(): Outcome {
    return this.state;
  }

  /** Internal: see {@link LoopAwaitable}. */
  takeResult(): T {
    if (this.state === 'cancelled') throw this.cancelledError();
    return this.value as T;
  }

  /** Internal: see {@link LoopAwaitable}. */
  takeException(): unknown {
    this.markRetrieved();
    return this.value;
  }

  /** Internal: see {@link LoopAwaitable}. */
  addWaiter(waiter: Waiter): void {
    if (this.addDoneCallback === ownAddDoneCallback) this.addJob(waiter);
    else this.addDoneCallback(() => waiter.run());
  }

  /** Internal: see {@link LoopAwaitable}. */
  removeWaiter(waiter: Waiter): void {
    const kept = this.callbackList().filter((job) => job !== waiter);
    this.callbacks = kept.length === 0 ? null : kept;
  }

  /** Internal: see {@link LoopAwaitable}. */
  cancelledError(): CancelledError {
    return new CancelledError(this.value as string | undefined);
  }

  /** Internal: see {@link LoopAwaitable}. */
  requestCancel(message?: string): boolean {
    return this.cancel(message);
  }

  /** Internal: see {@link LoopAwaitable}. */
  withdrawCancel(): void {}

  /** Internal: see {@link LoopAwaitable}. */
  inForeignWait(): boolean {
    return false;
  }

  /** Internal: what runs when it is done; for call graphs. */
  waitingJobs(): readonly Job[] {
    return this.callbackList();
  }

  /** The parts of the repr after the class name. Internal. */
  protected describe(): string[] {
    const parts: string[] = [this.describeState()];
    const jobs = this.callbackList();
    if (jobs.length > 0) {
      const names = jobs.map((job) =>
        job instanceof Handle ? describeCallback(job.callback, null) : describeWaiter(job as Waiter),
      );
      const shown = names.length <= 2 ? names : [names[0]!, `<${names.length - 2} more>`, names[names.length - 1]!];
      parts.push(`cb=[${shown.join(', ')}]`);
    }
    const source = sources.get(this);
    if (source !== undefined) parts.push(`created at ${sourcePlace(source)}`);
    return parts;
  }

  /** Internal. */
  protected describeState(): string {
    switch (this.state) {
      case 'result':
        return `finished result=${repr(this.value)}`;
      case 'exception':
        return `finished exception=${repr(this.value)}`;
      default:
        return this.state;
    }
  }

  /** As {@link setException}, for an error from elsewhere: JavaScript lets people throw anything. Internal. */
  adoptError(error: unknown): void {
    this.fail(error);
  }

  /** The error of `'exception'`, without looking at it. Internal. */
  protected failure(): unknown {
    return this.value;
  }

  /** Makes it done with `error` as it is. Internal. */
  protected fail(error: unknown): void {
    const isAwaited = this.callbacks !== null;
    this.finish('exception', error);
    this.watched = true;
    if (!isAwaited) releaseStack(error);
    const context: ExceptionContext = {
      message: `${this.constructor.name} exception was never retrieved`,
      exception: error,
      future: this.snapshot(),
    };
    const source = sources.get(this);
    if (source !== undefined) context['source_traceback'] = source;
    watchFailure(this, this.scheduler, context);
  }

  /** What a report shows in place of this future, which is gone by then. Internal. */
  protected snapshot(): object {
    const copy = Object.create(Object.getPrototypeOf(this) as object) as Record<string, unknown>;
    Object.assign(copy, { scheduler: this.scheduler, state: this.state, value: this.value });
    Object.assign(copy, { callbacks: null, watched: false });
    const source = sources.get(this);
    if (source !== undefined) sources.set(copy, source);
    return copy;
  }

  /** Its failure needs no report. Internal. */
  protected markRetrieved(): void {
    if (!this.watched) return;
    this.watched = false;
    forgetFailure(this);
  }

  private finish(state: Outcome, value: unknown): void {
    if (this.state !== 'pending') {
      this.getLoop();
      throw new InvalidStateError(`invalid state: ${String(this)}`);
    }
    this.state = state;
    this.value = value;
    const jobs = this.callbacks;
    if (jobs === null) return;
    this.callbacks = null;
    if (Array.isArray(jobs)) for (const job of jobs) this.scheduler.enqueue(job);
    else this.scheduler.enqueue(jobs);
  }

  private addJob(job: Job): void {
    if (this.callbacks === null) this.callbacks = job;
    else if (Array.isArray(this.callbacks)) this.callbacks.push(job);
    else this.callbacks = [this.callbacks, job];
  }

  private callbackList(): Job[] {
    if (this.callbacks === null) return [];
    return Array.isArray(this.callbacks) ? this.callbacks : [this.callbacks];
  }
}

// Out here: a class that mentions itself inside is renamed by bundlers, and its name is seen in reprs and reports.
const { addDoneCallback: ownAddDoneCallback } = Future.prototype as { addDoneCallback: unknown };

/** Only the name: the task's own repr shows what it waits for, which is this future. */
function describeWaiter(waiter: Waiter): string {
  const task = waiter.awaitingTask() as { getName?: () => string } | null;
  return task?.getName === undefined ? '<wake-up>' : `<wake-up of ${task.getName()}>`;
}

function toError(error: unknown): unknown {
  const value: unknown =
    typeof error === 'function' && (error === Error || error.prototype instanceof Error || isErrorClass(error))
      ? new (error as new () => unknown)()
      : error;
  if (isError(value)) return value;
  throw new TypeError(`setException: an error was expected, got ${repr(error)}`);
}

/** Errors of another realm (a vm context, a worker's clone) are errors too. */
function isError(value: unknown): boolean {
  return value instanceof Error || Object.prototype.toString.call(value) === '[object Error]' || isDomException(value);
}

function isDomException(value: unknown): boolean {
  return Object.prototype.toString.call(value) === '[object DOMException]';
}

function isErrorClass(value: object): boolean {
  for (let proto: unknown = value; typeof proto === 'function'; proto = Object.getPrototypeOf(proto)) {
    if (proto.name === 'Error' && typeof (proto as { captureStackTrace?: unknown }).captureStackTrace === 'function') {
      return true;
    }
  }
  return false;
}

/**
 * Tells whether `value` is a future or task, of whatever copy of this package, or a foreign object that carries the brand `'Future'`.
 * asyncio: `isfuture`.
 */
export function isFuture(value: unknown): value is Future<unknown> {
  return hasBrand(value, 'Future') && typeof value === 'object';
}

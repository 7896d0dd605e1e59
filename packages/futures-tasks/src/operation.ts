import { AsyncResource } from 'node:async_hooks';
import {
  AsyncStore,
  brand,
  CancelledError,
  hasBrand,
  InvalidStateError,
  isCancelled,
  isExitError,
  repr,
  RuntimeError,
  threadState,
} from '@tsyncio/core';
import type { AnyScheduler, LoopAwaitable, Outcome, Waiter, WaitingTask, WaitScope } from './awaitable.js';
import { checkMessage, messageOf } from './cancel-message.js';
import { CancelSignal } from './cancel-signal.js';
import { FutureWait } from './future-wait.js';
import type { RejectionHandler } from './rejection-handler.js';
import { liveScope, misuse, thenOf } from './promise-waiter.js';
import { Stepper, type CoroutineGenerator, type StepOwner } from './stepper.js';
import { forgetFailure, releaseStack, watchFailure } from './unretrieved.js';
import { cancelAll, listOf, withoutWait, withWait, type Waits } from './waits.js';

/** How an {@link operation} runs. */
export interface OperationOptions {
  /**
   * Run every step in the caller's async context: for operations in which user code is called, such as a protocol factory. Costs one
   * AsyncResource; default false.
   */
  readonly context?: boolean | undefined;
}

/**
 * What asyncio writes as `async def`: given back by `sleep`, `lock.acquire()`, `queue.get()`, `createConnection` and their kin.
 *
 * It begins at the call and runs *inside the task that awaits it*: entering and leaving it costs no iteration, and what follows its
 * inner wait runs in the very step that resumes the awaiter. Wait for it with `await` or `yield*`, or pass it to `gather`, `waitFor` or
 * `ensureFuture`. Errors, also those of arguments, arrive when it is awaited.
 */

export interface Operation<T = unknown> extends Promise<T> {}

export class Operation<T = unknown> implements LoopAwaitable<T>, StepOwner, WaitScope {
  static {
    brand(this.prototype, 'Operation');
  }
  private state: Outcome = 'pending';
  /** The result or the error; of a cancelled operation, and of one that must cancel, the message. */
  private value: unknown = undefined;
  private waiters: Waits = null;
  private stepper: Stepper | null = null;
  /** A `cancel()` of this operation that nothing has accepted yet. */
  private mustCancel = false;
  /** The part that only an operation with user code inside has. */
  private inside: Inside | null = null;
  private watched = false;

  /** Use {@link operation}, {@link finishedOperation} or {@link failedOperation}. */
  constructor(private readonly loop: AnyScheduler | null) {}

  /** Internal: see {@link LoopAwaitable}. Only an operation that was done at once may be without a loop. */
  get scheduler(): AnyScheduler {
    return this.loop as AnyScheduler;
  }

  /** Internal. */
  begin(generator: CoroutineGenerator<T>, options: OperationOptions): this {
    const scope = options.context === true ? this.enterContext() : null;
    this.stepper = new Stepper(generator, this, scope);
    if (scope === null) this.stepper.start();
    else this.stepper.startClaimed();
    return this;
  }

  /** True once there is a result or an error, or it was cancelled. */
  done(): boolean {
    return this.state !== 'pending';
  }

  /** True if it ended cancelled. */
  cancelled(): boolean {
    return this.state === 'cancelled';
  }

  /**
   * Asks it to end: a CancelledError is thrown at its inner wait.
   *
   * @param message - The message of the CancelledError.
   * @returns False if it is done.
   * @throws TypeError if `message` is no text.
   */
  cancel(message?: string): boolean {
    checkMessage(message);
    if (this.state !== 'pending') return false;
    if (!this.requestCancel(message)) {
      this.mustCancel = true;
      this.value = message;
    }
    return true;
  }

  /** Internal: as {@link cancel}, of its own accord: nobody's request. */
  protected interrupt(): void {
    if (!this.cancelInside()) this.mustCancel = true;
  }

  /** Internal: a cancellation of its own that has not been thrown is not thrown any more. */
  protected dropCancel(): void {
    this.mustCancel = false;
  }

  /** Internal: see {@link WaitScope}. */
  interruptions(): number {
    return 0;
  }

  /** Internal: see {@link WaitScope}. */
  takeBackInterruption(): void {}

  /** Internal: see {@link WaitScope}. */
  interruptAgain(): void {
    this.mustCancel = true;
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

  /** For `yield* operation` in a generator coroutine. */
  [Symbol.iterator](): Iterator<unknown, T, unknown> {
    return new FutureWait(this);
  }

  get [Symbol.toStringTag](): string {
    return 'Operation';
  }

  /** `<Operation pending>`, `<Operation finished result=4>`. */
  toString(): string {
    switch (this.state) {
      case 'result':
        return `<Operation finished result=${repr(this.value)}>`;
      case 'exception':
        return `<Operation finished exception=${repr(this.value)}>`;
      default:
        return `<Operation ${this.state}>`;
    }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  // ---- LoopAwaitable: seen by whoever waits for it --------------------------------------------------------------------------

  /** Internal. */
  outcome(): Outcome {
    return this.state;
  }

  /** Internal. */
  takeResult(): T {
    if (this.state === 'cancelled') throw this.cancelledError();
    if (this.state === 'pending') throw new InvalidStateError('the operation is not done');
    return this.value as T;
  }

  /** Internal. */
  takeException(): unknown {
    if (this.watched) {
      this.watched = false;
      forgetFailure(this);
    }
    return this.value;
  }

  /** Internal. */
  get endsInStep(): boolean {
    return true;
  }

  /** Internal. */
  addWaiter(waiter: Waiter): void {
    const task = waiter.awaitingTask();
    if (task !== null) this.refuseSelfWait(task);
    this.waiters = withWait(this.waiters, waiter);
  }

  /** Internal. */
  removeWaiter(waiter: Waiter): void {
    this.waiters = withoutWait(this.waiters, waiter);
  }

  /** Internal. */
  cancelledError(): CancelledError {
    return new CancelledError(this.value as string | undefined);
  }

  /** Internal. */
  requestCancel(message?: string): boolean {
    return this.cancelInside(message);
  }

  /** Internal. */
  withdrawCancel(): void {
    for (const { source } of this.waitsInside()) source?.withdrawCancel();
  }

  /** Internal. */
  inForeignWait(): boolean {
    if (this.stepper === null) return false;
    const waits = this.waitsInside();
    if (waits.length === 0) return this.stepper.waitsForPromise;
    return waits.every(({ source }) => source?.inForeignWait() === true);
  }

  // ---- StepOwner: seen by the stepper of its generator ----------------------------------------------------------------------

  /** Internal: its own request, or that of the task which awaits it. */
  cancelRequested(): boolean {
    return this.mustCancel || listOf(this.waiters).some((waiter) => waiter.cancelRequested());
  }

  /** Internal. */
  cancelMessage(): string | undefined {
    if (this.mustCancel) return this.value as string | undefined;
    return listOf(this.waiters)
      .find((waiter) => waiter.cancelRequested())
      ?.cancelMessage();
  }

  /** Internal. */
  cancelTaken(): void {
    this.mustCancel = false;
    for (const waiter of listOf(this.waiters)) waiter.cancelTaken();
  }

  /** Internal: the task behind it learns of it when the operation has ended; at once if the generator is its user's own. */
  cancelDelivered(by: LoopAwaitable | null): void {
    if (this.inside === null) return;
    this.inside.signal?.delivered(by);
    for (const waiter of listOf(this.waiters)) waiter.cancelDelivered(by);
  }

  /** Internal: the task of its first awaiter. */
  awaitingTask(): WaitingTask | null {
    const [waiter] = listOf(this.waiters);
    return waiter === undefined ? (this.inside?.home ?? null) : waiter.awaitingTask();
  }

  /** Internal. */
  checkWait(source: LoopAwaitable): RuntimeError | null {
    const task = this.awaitingTask();
    if (task !== null) return misuse(task, source);
    if (source.scheduler === null || source.scheduler === this.loop) return null;
    return new RuntimeError(`${String(this)} got ${String(source)} attached to a different loop`);
  }

  /** Internal. */
  refusesStep(): boolean {
    return false;
  }

  /** Internal. */
  addWait(waiter: Waiter): void {
    if (this.inside !== null) this.inside.waits = withWait(this.inside.waits, waiter);
  }

  /** Internal. */
  removeWait(waiter: Waiter): void {
    if (this.inside !== null) this.inside.waits = withoutWait(this.inside.waits, waiter);
  }

  /** Internal: see {@link WaitScope}. */
  get outerScope(): WaitScope | null {
    return this.inside?.outerScope ?? null;
  }

  /** Internal: see {@link WaitScope}. */
  get signal(): AbortSignal {
    return (this.inside!.signal ??= new CancelSignal()).get(this.cancelled());
  }

  /** Internal. */
  finished(value: unknown): void {
    this.finish('result', value);
  }

  /** Internal. */
  failed(error: unknown): void {
    if (isCancelled(error)) {
      this.finish('cancelled', messageOf(error));
      return;
    }
    this.finish('exception', error);
    if (isExitError(error)) this.loop?.abortRun(error);
  }

  /** Internal: resumes the awaiters in this very job. */
  private finish(state: Outcome, value: unknown): void {
    this.state = state;
    this.value = value;
    this.stepper = null;
    const { waiters } = this;
    this.waiters = null;
    if (state === 'exception' && waiters === null && this.loop !== null) {
      releaseStack(value);
      this.watched = true;
      watchFailure(this, this.loop, { message: 'Operation exception was never retrieved', exception: value });
    }
    if (waiters === null) return;
    if (Array.isArray(waiters)) {
      // One goes on in this job, as a sole one does. The others get jobs of their own: steps of several tasks must not mix.
      for (let i = 1; i < waiters.length; i++) this.loop!.enqueue(waiters[i]!);
      waiters[0]!.run();
    } else waiters.run();
  }

  /** Asks what the operation waits for to cancel. @returns False if the request must be kept for the next step. */
  private cancelInside(message?: string): boolean {
    if (this.inside !== null) {
      (this.inside.signal ??= new CancelSignal()).request(message);
      return cancelAll(this.inside.waits, message);
    }
    const source = this.stepper?.source ?? null;
    return source !== null && source.outcome() === 'pending' && source.requestCancel(message);
  }

  private waitsInside(): readonly Waiter[] {
    if (this.inside !== null) return listOf(this.inside.waits);
    return this.stepper === null || this.stepper.source === null ? [] : [this.stepper];
  }

  /** The caller's async context, in which what user code waits for is this operation's, and ends with it. */
  private enterContext(): AsyncResource {
    const store = threadState.storage.getStore();
    const { loop = this.loop, task = null, context = null, origin = null } = store ?? {};
    const variables = store === undefined ? threadState.variables : store.variables;
    this.inside = {
      waits: null,
      signal: null,
      home: task !== null && hasBrand(task, 'Task') ? (task as WaitingTask) : null,
      outerScope: store === undefined ? null : liveScope(store),
    };
    return threadState.storage.run(new AsyncStore(loop, task, context, variables, origin, this), makeResource);
  }

  /** It began to wait, at the call, for the very task that now awaits it. */
  private refuseSelfWait(task: WaitingTask): void {
    const source = this.stepper?.source ?? null;
    if (source instanceof Operation) source.refuseSelfWait(task);
    else if ((source as unknown) === task) this.stepper!.refuseWait(misuse(task, source!)!);
  }
}

/** What an operation needs to be a {@link WaitScope}. */
interface Inside {
  /** What the user code inside waits for. */
  waits: Waits;
  signal: CancelSignal | null;
  /** The task in which the operation began. */
  readonly home: WaitingTask | null;
  readonly outerScope: WaitScope | null;
}

function makeResource(): AsyncResource {
  return new AsyncResource('tsyncio.Operation', { requireManualDestroy: true });
}

/**
 * Starts an operation: how coroutine methods are written.
 *
 * @param loop - The loop whose futures it waits for.
 * @param generator - Its body: `yield* future` waits, a bare `yield` lets one iteration pass, `return` gives the result. It must not have
 *   been started.
 *
 * @example
 * function pause(loop: TaskLoop): Operation<string> {
 *   return operation(loop, (function* () {
 *     yield* sleep(1);
 *     return 'rested';
 *   })());
 * }
 */
export function operation<T>(
  loop: AnyScheduler,
  generator: CoroutineGenerator<T>,
  options: OperationOptions = {},
): Operation<T> {
  return new Operation<T>(loop).begin(generator, options);
}

/**
 * An operation that need not wait: done at once with `value`.
 *
 * @param loop - Null spares looking for the loop: whoever waits for it needs none.
 */
export function finishedOperation<T>(loop: AnyScheduler | null, value: T): Operation<T> {
  const done = new Operation<T>(loop);
  done.finished(value);
  return done;
}

/**
 * An operation that failed at once: argument errors arrive through the operation.
 *
 * @param loop - Null where the error is that there is no loop.
 */
export function failedOperation<T>(loop: AnyScheduler | null, error: unknown): Operation<T> {
  const failed = new Operation<T>(loop);
  failed.failed(error);
  return failed;
}

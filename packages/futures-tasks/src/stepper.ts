import type { AsyncResource } from 'node:async_hooks';
import { CancelledError, hasBrand, repr, RuntimeError } from '@tsyncio/core';
import type { LoopAwaitable, Waiter, WaitingTask, WaitOwner } from './awaitable.js';
import { cancelledBy } from './cancel-message.js';
import { FutureWait } from './future-wait.js';

/** A generator that yields what it waits for: `yield* future`, `yield* operation`, `yield` alone for one iteration. */
export type CoroutineGenerator<T = unknown> = Generator<unknown, T, unknown>;

/** Whoever's generator is driven: a task or an operation. Internal. */
export interface StepOwner extends WaitOwner {
  finished(value: unknown): void;
  failed(error: unknown): void;
}

/** What `yield* call(asyncFunction)` yields: native async code to be run inside the task that drives the generator. */
export class PromiseWait {
  constructor(readonly promise: PromiseLike<unknown>) {}
}

/**
 * Marks a generator that is being driven, or was: a second driver is an error, as a coroutine cannot be awaited twice. A mark on the
 * generator is cheaper than a weak table of them, and two copies of this package see it.
 */
const DRIVEN = Symbol.for('tsyncio.driven');
/** Those that cannot be marked. */
const unmarked = new WeakSet<object>();

/** Takes a generator for oneself. Internal. @throws RuntimeError if somebody drives it, or did. */
export function claim(generator: CoroutineGenerator & { [DRIVEN]?: true }): void {
  if (generator[DRIVEN] === true || unmarked.has(generator)) {
    throw new RuntimeError('cannot reuse already awaited coroutine');
  }
  if (Object.isExtensible(generator)) generator[DRIVEN] = true;
  else unmarked.add(generator);
}

function resume(generator: CoroutineGenerator, value: unknown, isError: boolean): IteratorResult<unknown, unknown> {
  return isError ? generator.throw(value) : generator.next(value);
}

/** Drives a generator coroutine step by step. A job of its own: a step allocates nothing. */
export class Stepper implements Waiter {
  source: LoopAwaitable | null = null;
  /** True while native async code runs, or waits, inside the generator's task. */
  waitsForPromise = false;
  /** To be thrown at the next step. */
  private error: unknown = undefined;

  constructor(
    private readonly generator: CoroutineGenerator,
    private readonly owner: StepOwner,
    /** The async context of the steps; null to run them in whatever context the loop is in. */
    readonly scope: AsyncResource | null,
  ) {}

  /** The first step, at once, of a generator of the library's own. */
  start(): void {
    this.advance(undefined, false);
  }

  /** The first step, at once, of a user's generator: nobody else may have driven it. */
  startClaimed(): void {
    try {
      claim(this.generator);
    } catch (error) {
      this.owner.failed(error);
      return;
    }
    this.advance(undefined, false);
  }

  /** The next step: what was waited for is done, or a bare yield is over. */
  run(): void {
    const { owner, source } = this;
    if (owner.done() && owner.refusesStep()) return;
    const cancelRequested = owner.cancelRequested();
    if (source !== null) {
      this.source = null;
      owner.removeWait(this);
      // Whatever has accepted a request has answered it now, with a CancelledError or otherwise.
      if (!cancelRequested) owner.cancelDelivered(source);
    }
    if (cancelRequested && source?.endsInStep !== true) {
      const error = cancelledBy(owner, source);
      owner.cancelTaken();
      owner.cancelDelivered(null);
      this.error = undefined;
      // The failure of what was waited for, if any, was on its way to be looked at.
      if (source?.outcome() === 'exception') source.takeException();
      this.advance(error, true);
    } else if (this.error !== undefined) {
      const { error } = this;
      this.error = undefined;
      this.advance(error, true);
    } else {
      this.advance(undefined, false);
    }
  }

  /** Ends the wait for `source` with an error, in the next iteration: it was found to be impossible after it had begun. */
  refuseWait(problem: RuntimeError): void {
    this.source!.removeWaiter(this);
    this.source = null;
    this.owner.removeWait(this);
    this.throwNext(problem);
  }

  /** Throws a CancelledError into a generator that has not begun: its body never runs. */
  cancelUnstarted(message: string | undefined): void {
    claim(this.generator);
    this.advance(new CancelledError(message), true);
  }

  awaitingTask(): WaitingTask | null {
    return this.owner.awaitingTask();
  }

  cancelRequested(): boolean {
    return this.owner.cancelRequested();
  }

  cancelMessage(): string | undefined {
    return this.owner.cancelMessage();
  }

  cancelTaken(): void {
    this.owner.cancelTaken();
  }

  cancelDelivered(by: LoopAwaitable | null): void {
    this.owner.cancelDelivered(by);
  }

  toString(): string {
    return String(this.owner);
  }

  private advance(value: unknown, isError: boolean): void {
    let step: IteratorResult<unknown, unknown>;
    this.waitsForPromise = false;
    try {
      step =
        this.scope === null
          ? resume(this.generator, value, isError)
          : this.scope.runInAsyncScope(resume, undefined, this.generator, value, isError);
    } catch (error) {
      this.owner.failed(error);
      return;
    }
    if (step.done === true) this.owner.finished(step.value);
    else this.wait(step.value);
  }

  private wait(yielded: unknown): void {
    const { owner } = this;
    if (yielded === undefined) {
      try {
        owner.scheduler.enqueue(this);
      } catch (error) {
        this.advance(error, true); // the loop is closed: there is no next iteration to throw it in
      }
    } else if (yielded instanceof FutureWait || hasBrand(yielded, 'FutureWait')) {
      this.waitFor((yielded as FutureWait<unknown>).source);
    } else if (yielded instanceof PromiseWait) {
      this.waitForPromise(yielded.promise);
    } else {
      const hint = hasBrand(yielded, 'Future') || hasBrand(yielded, 'Operation') ? ': use yield* instead of yield' : '';
      this.throwNext(new RuntimeError(`${String(owner)} got bad yield: ${repr(yielded)}${hint}`));
    }
  }

  private waitFor(source: LoopAwaitable): void {
    const { owner } = this;
    const problem = owner.checkWait(source);
    if (problem !== null) {
      this.throwNext(problem);
      return;
    }
    this.source = source;
    source.addWaiter(this);
    owner.addWait(this);
    if (owner.cancelRequested() && source.requestCancel(owner.cancelMessage())) owner.cancelTaken();
  }

  /** The step goes on when the promise is settled, in that very step: there is no iteration in between. */
  private waitForPromise(promise: PromiseLike<unknown>): void {
    const { owner } = this;
    owner.scheduler.beginStep();
    this.waitsForPromise = true;
    promise.then(
      (value) => this.advance(value, false),
      (error: unknown) => this.advance(error, true),
    );
  }

  private throwNext(error: unknown): void {
    this.error = error;
    this.owner.scheduler.enqueue(this);
  }
}

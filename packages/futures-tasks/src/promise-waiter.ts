import { hasBrand, RuntimeError, threadState, type AsyncStore } from '@tsyncio/core';
import { cancelledBy } from './cancel-message.js';
import type { LoopAwaitable, Waiter, WaitingTask, WaitOwner, WaitScope } from './awaitable.js';

type Settle = (value: unknown) => void;
type Callback = ((value: never) => unknown) | null | undefined;

const { toString } = Function.prototype as { toString: unknown };
const toText = Function.prototype.call.bind(toString as () => string) as (fn: unknown) => string;
const NATIVE = 'function () { [native code] }';

/**
 * True for the resolving functions with which the engine calls `then` for an `await`. They may be called directly and nobody looks at
 * what `then` returns; telling them apart (40 ns) saves two promises for each await (20 to 160 ns).
 */
function isResolvingFunction(fn: unknown): fn is Settle {
  return typeof fn === 'function' && fn.name === '' && toText(fn) === NATIVE;
}

/** The innermost operation that runs this code within its task, and has not ended. */
export function liveScope(store: AsyncStore): WaitScope | null {
  // A store made by an older copy of core has no scope.
  return firstLive((store.scope ?? null) as WaitScope | null);
}

function firstLive(scope: WaitScope | null): WaitScope | null {
  while (scope?.done() === true) scope = scope.outerScope;
  return scope;
}

/** The operations that run this code within `task`, and have not ended, from the inside out. */
export function* liveScopes(task: object): Generator<WaitScope, void> {
  const store = threadState.storage.getStore();
  if (store?.task !== task) return;
  for (let scope = liveScope(store); scope !== null; scope = firstLive(scope.outerScope)) yield scope;
}

/** Whose wait an `await` here is: that of an operation that runs this code, or of the task, if they are alive. */
export function liveOwner(): WaitOwner | null {
  const store = threadState.storage.getStore();
  if (store === undefined) return null;
  if (store.scope) {
    const scope = liveScope(store);
    if (scope !== null) return scope;
  }
  const { task } = store;
  if (task === null || !hasBrand(task, 'Task')) return null;
  const waiting = task as WaitingTask;
  return waiting.done() ? null : waiting;
}

/** One `then` on a future or operation: an `await`, or a call by the user. */
class PromiseWaiter implements Waiter {
  source: LoopAwaitable | null;
  private readonly owner: WaitOwner | null;
  /** An error to throw in place of the outcome. */
  private error: unknown = undefined;

  constructor(
    source: LoopAwaitable,
    private readonly resolve: Settle,
    private readonly reject: Settle,
  ) {
    this.source = source;
    this.owner = liveOwner();
  }

  begin(): void {
    const source = this.source!;
    const { owner } = this;
    if (source.outcome() !== 'pending') {
      // Done already: its awaiter goes on without passing through the loop.
      this.settle(source);
      return;
    }
    if (owner !== null) {
      const problem = owner.checkWait(source);
      if (problem !== null) {
        this.error = problem;
        owner.scheduler.enqueue(this);
        return;
      }
      owner.addWait(this);
    }
    source.addWaiter(this);
    if (owner?.cancelRequested() === true && source.requestCancel(owner.cancelMessage())) owner.cancelTaken();
  }

  run(): void {
    const source = this.source!;
    const { owner } = this;
    this.source = null;
    // Refused, it may belong to another loop: the step is one of the task's own.
    (this.error === undefined ? source.scheduler! : owner!.scheduler).beginStep();
    if (owner !== null) {
      owner.removeWait(this);
      if (owner.done() && owner.refusesStep()) return;
      if (!owner.cancelRequested()) {
        // Whatever has accepted a request has answered it now, with a CancelledError or otherwise.
        owner.cancelDelivered(source);
      } else if (!source.endsInStep && !owner.done()) {
        const error = cancelledBy(owner, source);
        owner.cancelTaken();
        owner.cancelDelivered(null);
        // Its failure, if any, was on its way to be looked at.
        if (source.outcome() === 'exception') source.takeException();
        this.reject(error);
        return;
      }
    }
    if (this.error === undefined) this.settle(source);
    else this.reject(this.error);
  }

  awaitingTask(): WaitingTask | null {
    return this.owner === null ? null : this.owner.awaitingTask();
  }

  cancelRequested(): boolean {
    return this.owner?.cancelRequested() === true;
  }

  cancelMessage(): string | undefined {
    return this.owner?.cancelMessage();
  }

  cancelTaken(): void {
    this.owner?.cancelTaken();
  }

  cancelDelivered(by: LoopAwaitable | null): void {
    this.owner?.cancelDelivered(by);
  }

  private settle(source: LoopAwaitable): void {
    switch (source.outcome()) {
      case 'result':
        this.resolve(source.takeResult());
        break;
      case 'cancelled':
        this.reject(source.cancelledError());
        break;
      default:
        this.reject(source.takeException());
    }
  }
}

/** What is wrong with `task` waiting for `source`; null if nothing. */
export function misuse(task: WaitingTask, source: LoopAwaitable): RuntimeError | null {
  if ((source as unknown) === task) return new RuntimeError(`Task cannot await on itself: ${String(task)}`);
  if (source.scheduler !== null && task.scheduler !== source.scheduler) {
    return new RuntimeError(`Task ${String(task)} got ${String(source)} attached to a different loop`);
  }
  return null;
}

let takenResolve: Settle;
let takenReject: Settle;
function takeSettlers(resolve: Settle, reject: Settle): void {
  takenResolve = resolve;
  takenReject = reject;
}

/** `then` of futures and operations. */
export function thenOf(source: LoopAwaitable, onFulfilled: Callback, onRejected: Callback): PromiseLike<unknown> {
  if (isResolvingFunction(onFulfilled)) {
    if (source.outcome() === 'result') {
      // Nothing to wait for: no waiter, no look at the task.
      onFulfilled(source.takeResult());
      return new FollowUp(source);
    }
    if (isResolvingFunction(onRejected)) {
      new PromiseWaiter(source, onFulfilled, onRejected).begin();
      return new FollowUp(source);
    }
  }
  const base = new Promise<unknown>(takeSettlers);
  new PromiseWaiter(source, takenResolve, takenReject).begin();
  return base.then(onFulfilled as Settle, onRejected as Settle);
}

/**
 * What `then(resolve, reject)` gives back: to the engine, which drops it, and to a user who passed the functions of a promise on.
 * Becomes a real promise when looked at.
 */
class FollowUp implements PromiseLike<unknown> {
  constructor(private readonly source: LoopAwaitable) {}

  then<A, B>(
    onFulfilled?: ((value: undefined) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.promise().then(onFulfilled, onRejected);
  }

  catch<B>(onRejected?: ((error: unknown) => B | PromiseLike<B>) | null): Promise<undefined | B> {
    return this.promise().catch(onRejected);
  }

  finally(onFinally?: (() => void) | null): Promise<undefined> {
    return this.promise().finally(onFinally);
  }

  private promise(): Promise<undefined> {
    const nothing = (): undefined => undefined;
    return thenOf(this.source, nothing, nothing) as Promise<undefined>;
  }
}

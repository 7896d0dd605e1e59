import { TimeoutError, type TimerHandle } from '@tsyncio/core';
import type { Awaitable } from './coroutine.js';
import { currentFactory } from './current-factory.js';
import { DeferredOperation } from './deferred-operation.js';
import type { Future } from './future.js';
import type { AwaitedOf } from './gather.js';
import { checkTimeout, futuresOf, type FutureOf } from './member-set.js';
import type { Operation } from './operation.js';
import { Queue } from './queue.js';
import type { CoroutineGenerator } from './stepper.js';

/** How to iterate. */
export interface AsCompletedOptions {
  /** Seconds from the first item on; default none. */
  readonly timeout?: number | null | undefined;
}

/** What {@link asCompleted} gives. */
export interface CompletionIterator<A extends Awaitable>
  extends IterableIterator<Operation<AwaitedOf<A>>>, AsyncIterable<FutureOf<A>> {
  [Symbol.iterator](): CompletionIterator<A>;
}

/**
 * Runs awaitables concurrently and gives their outcomes in the order in which they finish. asyncio: `as_completed`.
 *
 * With `for`, each item is an operation for the next outcome: its result, or its error. An item begins to wait when it is awaited:
 * outcomes go to the items in the order in which these are awaited. With `for await`, each item is the future itself, done, as in
 * CPython 3.13. Nothing begins, and nothing is checked, before the first item is asked for. No member is ever cancelled.
 *
 * @param fs - Any collection of awaitables; each counts once.
 * @param options - `timeout`: seconds after which every item that is left fails with a TimeoutError.
 * @throws At the first item: TypeError for what is no collection of awaitables, ValueError for futures of another loop, RuntimeError if
 *   there is no current loop.
 *
 * @example
 * for (const next of asCompleted(downloads)) show(await next);
 * for await (const download of asCompleted(downloads)) show(names.get(download), download.result());
 */
export function asCompleted<A extends Awaitable>(
  fs: Iterable<A>,
  options: AsCompletedOptions = {},
): CompletionIterator<A> {
  return new Completions(fs, options);
}

class Completions<A extends Awaitable> implements CompletionIterator<A> {
  private race: Race<A> | null = null;

  constructor(
    private readonly fs: Iterable<A>,
    private readonly options: AsCompletedOptions,
  ) {}

  next(): IteratorResult<Operation<AwaitedOf<A>>, undefined> {
    const race = this.begin();
    if (!race.take()) return { done: true, value: undefined };
    return { done: false, value: race.later(() => race.nextResult()) };
  }

  [Symbol.iterator](): this {
    return this;
  }

  /** Hand-written: an async generator would wait for the futures that it yields and give their results. */
  [Symbol.asyncIterator](): AsyncIterator<FutureOf<A>, undefined> {
    return {
      next: () => {
        const race = this.begin();
        return race.later(() => race.nextItem());
      },
    };
  }

  private begin(): Race<A> {
    return (this.race ??= new Race(this.fs, this.options));
  }
}

/** The members on their way, and those that have arrived. */
class Race<A extends Awaitable> {
  private readonly loop = currentFactory();
  private readonly running: Set<FutureOf<A>>;
  /** Those that are done, and null for each that was not when the time was over. */
  private readonly finished = new Queue<FutureOf<A> | null>();
  private readonly timer: TimerHandle | null;
  /** Items that have not been asked for. */
  private left: number;

  constructor(fs: Iterable<A>, options: AsCompletedOptions) {
    const timeout = checkTimeout('asCompleted', options.timeout);
    this.running = futuresOf('asCompleted', fs, this.loop);
    this.left = this.running.size;
    for (const future of this.running) future.addDoneCallback(this.memberDone);
    this.timer = timeout === null || this.left === 0 ? null : this.loop.callLater(timeout, () => this.timeIsOver());
  }

  /** @returns False if all items have been asked for. */
  take(): boolean {
    if (this.left === 0) return false;
    this.left--;
    return true;
  }

  later<T>(body: () => CoroutineGenerator<T>): Operation<T> {
    return new DeferredOperation(this.loop, body);
  }

  *nextResult(): CoroutineGenerator<AwaitedOf<A>> {
    const future = yield* this.nextFuture();
    return (future as Future<AwaitedOf<A>>).result();
  }

  *nextItem(): CoroutineGenerator<IteratorResult<FutureOf<A>, undefined>> {
    if (!this.take()) return { done: true, value: undefined };
    return { done: false, value: yield* this.nextFuture() };
  }

  private *nextFuture(): CoroutineGenerator<FutureOf<A>> {
    const future = yield* this.finished.get();
    if (future === null) throw new TimeoutError('asCompleted: not all have finished in time');
    return future;
  }

  private readonly memberDone = (member: Future<unknown>): void => {
    if (this.running.size === 0) return; // the time was over
    this.running.delete(member as FutureOf<A>);
    this.finished.putNowait(member as FutureOf<A>);
    if (this.running.size === 0) this.timer?.cancel();
  };

  private timeIsOver(): void {
    for (const future of this.running) {
      future.removeDoneCallback(this.memberDone);
      this.finished.putNowait(null);
    }
    this.running.clear();
  }
}

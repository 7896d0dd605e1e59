import { repr, taskOfContext, ValueError } from '@tsyncio/core';
import { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.js';
import type { Awaitable } from './coroutine.js';
import type { FutureFactory } from './current-factory.js';
import type { Future } from './future.js';
import { checkTimeout, distinct, futuresOf, type FutureOf } from './member-set.js';
import { operationInRun } from './operation-in-run.js';
import type { Operation } from './operation.js';
import { hasFailed } from './outcome.js';
import type { CoroutineGenerator } from './stepper.js';

/** {@link wait} until at least one is done. asyncio: `FIRST_COMPLETED`. */
export const FIRST_COMPLETED = 'FIRST_COMPLETED';
/** {@link wait} until one fails, or all are done. A cancelled one has not failed. asyncio: `FIRST_EXCEPTION`. */
export const FIRST_EXCEPTION = 'FIRST_EXCEPTION';
/** {@link wait} until all are done. asyncio: `ALL_COMPLETED`. */
export const ALL_COMPLETED = 'ALL_COMPLETED';

/** What ends a {@link wait}. */
export type ReturnWhen = typeof FIRST_COMPLETED | typeof FIRST_EXCEPTION | typeof ALL_COMPLETED;

/** How to wait. */
export interface WaitOptions {
  /** Seconds after which the wait ends in any case; default none. Zero and less give one chance to finish. */
  readonly timeout?: number | null | undefined;
  /** Default {@link ALL_COMPLETED}. */
  readonly returnWhen?: ReturnWhen | undefined;
}

/**
 * Waits for several awaitables. asyncio: `wait`.
 *
 * Nothing is raised for members that fail, and no member is ever cancelled, neither by the timeout nor together with the wait. It lets at
 * least one iteration pass.
 *
 * @param fs - Futures, tasks, coroutines (they become tasks): any collection, but not a generator object, which is a coroutine.
 * @returns The futures that are done, and those that are not, at the moment of return.
 * @throws Through the operation: TypeError for what is no collection of awaitables, ValueError for an empty one, for an unknown
 *   `returnWhen` and for futures of another loop, RuntimeError if no loop is running, CancelledError.
 *
 * @example
 * const [done, pending] = await wait(tasks, { timeout: 5, returnWhen: FIRST_COMPLETED });
 */
export function wait<A extends Awaitable>(
  fs: Iterable<A>,
  options: WaitOptions = {},
): Operation<[done: Set<FutureOf<A>>, pending: Set<FutureOf<A>>]> {
  return operationInRun((loop) => waitForAll(loop, fs, options));
}

function* waitForAll<A extends Awaitable>(
  loop: FutureFactory,
  fs: Iterable<A>,
  { timeout, returnWhen = ALL_COMPLETED }: WaitOptions,
): CoroutineGenerator<[Set<FutureOf<A>>, Set<FutureOf<A>>]> {
  const members = distinct('wait', fs);
  if (members.size === 0) throw new ValueError('wait: the collection is empty');
  if (returnWhen !== FIRST_COMPLETED && returnWhen !== FIRST_EXCEPTION && returnWhen !== ALL_COMPLETED) {
    throw new ValueError(`wait: unknown returnWhen ${repr(returnWhen)}`);
  }
  const delay = checkTimeout('wait', timeout);
  const futures = futuresOf('wait', members, loop);
  const waiter = loop.createFuture<void>();
  const timer = delay === null ? null : loop.callLater(delay, release, waiter);
  let left = futures.size;
  const memberDone = (member: Future<unknown>): void => {
    left--;
    if (left > 0 && returnWhen !== FIRST_COMPLETED && !(returnWhen === FIRST_EXCEPTION && hasFailed(member))) return;
    timer?.cancel();
    release(waiter);
  };
  const task = taskOfContext() as Future | null;
  for (const future of futures) {
    future.addDoneCallback(memberDone);
    if (task !== null) futureAddToAwaitedBy(future, task);
  }
  try {
    yield* waiter;
  } finally {
    timer?.cancel();
    for (const future of futures) {
      future.removeDoneCallback(memberDone);
      if (task !== null) futureDiscardFromAwaitedBy(future, task);
    }
  }
  const done = new Set<FutureOf<A>>();
  const pending = new Set<FutureOf<A>>();
  for (const future of futures) (future.done() ? done : pending).add(future);
  return [done, pending];
}

function release(waiter: Future<void>): void {
  if (!waiter.done()) waiter.setResult();
}

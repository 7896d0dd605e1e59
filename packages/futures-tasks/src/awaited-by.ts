import { hasBrand, repr } from '@tsyncio/core';
import type { Waiter } from './awaitable.js';
import type { Future } from './future.js';

/** What cannot be seen from the waits themselves: futures, with those who wait for them by other means. */
const recorded = new WeakMap<object, Set<Future>>();

function checkFutures(method: string, ...futures: unknown[]): void {
  for (const future of futures) {
    if (!hasBrand(future, 'Future')) throw new TypeError(`${method}: a future was expected, got ${repr(future)}`);
  }
}

/**
 * For authors of libraries that wait by done-callbacks: from now on call graphs show that `waiter` waits for `future`. asyncio:
 * `future_add_to_awaited_by`, since 3.14.
 */
export function futureAddToAwaitedBy(future: Future, waiter: Future): void {
  checkFutures('futureAddToAwaitedBy', future, waiter);
  const waiters = recorded.get(future);
  if (waiters === undefined) recorded.set(future, new Set([waiter]));
  else waiters.add(waiter);
}

/** Takes {@link futureAddToAwaitedBy} back. asyncio: `future_discard_from_awaited_by`, since 3.14. */
export function futureDiscardFromAwaitedBy(future: Future, waiter: Future): void {
  checkFutures('futureDiscardFromAwaitedBy', future, waiter);
  recorded.get(future)?.delete(waiter);
}

/** The tasks and futures that wait for `future`, as far as is known, each once. Internal. */
export function awaitersOf(future: Future): Set<Future> {
  const found = new Set<Future>(recorded.get(future));
  // A future of another implementation does not tell.
  for (const job of (future as Partial<Future>).waitingJobs?.() ?? []) {
    const waiter = job as Partial<Waiter>;
    const by = (waiter.awaitedBy?.() ?? waiter.awaitingTask?.() ?? null) as Future | null;
    if (by !== null) found.add(by);
  }
  return found;
}

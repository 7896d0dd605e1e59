import { hasBrand, repr, ValueError } from '@tsyncio/core';
import { isCoroutine, isForeignPromise, type Awaitable } from './coroutine.js';
import type { FutureFactory } from './current-factory.js';
import { ensureFuture } from './ensure-future.js';
import { isFuture, type Future } from './future.js';
import type { AwaitedOf } from './gather.js';

/** What stands in a set of futures for an awaitable: a future for itself, anything else for the future made of it. */
export type FutureOf<A> = A extends Future<unknown> ? A : Future<AwaitedOf<A>>;

/**
 * The futures of a collection of awaitables, each once, in the order in which they were given. Internal.
 *
 * @throws TypeError for a single awaitable in place of a collection (a generator object is one), and for members that are none.
 */
export function futuresOf<A extends Awaitable>(
  method: string,
  awaitables: Iterable<A>,
  loop: FutureFactory,
): Set<FutureOf<A>> {
  const futures = new Set<FutureOf<A>>();
  for (const awaitable of distinct(method, awaitables)) futures.add(ensureFuture(awaitable, { loop }) as FutureOf<A>);
  return futures;
}

/** The members of a collection of awaitables, each once. Internal. @throws TypeError as {@link futuresOf}. */
export function distinct<A>(method: string, awaitables: Iterable<A>): Set<A> {
  if (
    isFuture(awaitables) ||
    hasBrand(awaitables, 'Operation') ||
    isCoroutine(awaitables) ||
    isForeignPromise(awaitables)
  ) {
    throw new TypeError(`${method}: a collection of awaitables was expected, got one awaitable, ${repr(awaitables)}`);
  }
  if (typeof (awaitables as Partial<Iterable<A>> | null | undefined)?.[Symbol.iterator] !== 'function') {
    throw new TypeError(`${method}: a collection of awaitables was expected, got ${repr(awaitables)}`);
  }
  return new Set(awaitables);
}

/** A timeout in seconds, null for none. Internal. @throws TypeError for what is no number, ValueError for NaN. */
export function checkTimeout(method: string, timeout: number | null | undefined): number | null {
  if (timeout === undefined || timeout === null) return null;
  if (typeof timeout !== 'number') {
    throw new TypeError(`${method}: timeout must be a number of seconds or null, got ${repr(timeout)}`);
  }
  if (Number.isNaN(timeout)) throw new ValueError(`${method}: timeout must not be NaN`);
  return timeout;
}

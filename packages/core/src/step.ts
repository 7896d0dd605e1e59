import { isPromise } from 'node:util/types';

/**
 * True if what a callback returned makes it a step: nothing else runs before it is over, and its rejection counts as thrown.
 *
 * Only real promises count. A future or an operation that a callback returns is ignored, as in asyncio; and the `then` of any other
 * object may begin something, as with a query builder.
 */
export function isStep(result: unknown): result is Promise<unknown> {
  return isPromise(result);
}

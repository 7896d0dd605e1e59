import type { IoBackend } from '@tsyncio/core';
import type { CoroutineGenerator, TaskLoop } from '@tsyncio/futures-tasks';

import { enqueue, type Lookup, withdraw } from './lookup-queue.js';

/** What the functions of this folder need of the loop: any loop with tasks will do, with or without I/O. */
export type LookupLoop = TaskLoop<IoBackend>;

/**
 * Waits for the result of a lookup on another thread. A cancelled wait abandons it: what is in progress ends in the background, what has
 * not begun never does.
 *
 * @param begin - Begins it, and calls back once with the result.
 */
export function* offThread<T>(loop: LookupLoop, begin: (done: (result: T) => void) => void): CoroutineGenerator<T> {
  const future = loop.createFuture<T>();
  const isWanted = (): boolean => !future.done() && !loop.isClosed();
  const lookup: Lookup = {
    start: (ended) => {
      if (!isWanted()) return ended(); // its loop was closed while it waited
      try {
        begin((result) => {
          ended();
          if (isWanted()) future.setResult(result);
        });
      } catch (error) {
        ended();
        future.setException(error);
      }
    },
  };
  enqueue(lookup);
  try {
    return yield* future;
  } finally {
    withdraw(lookup);
  }
}

import { hasBrand, type IoBackend, isCancelled, isExitError } from '@tsyncio/core';
import { type CoroutineGenerator, Event, type Future, type TaskLoop, wait, waitFor } from '@tsyncio/futures-tasks';

/** How a race has ended. */
export interface RaceResult<T> {
  /** What the winner gave, and which one it was; null if all have failed. */
  readonly winner: { readonly value: T; readonly index: number } | null;
  /** The error of each attempt that was begun, in the order of their beginning: null for the winner, CancelledError for losers. */
  readonly errors: readonly unknown[];
}

/**
 * Begins attempts one after the other, the next one `delay` seconds after the last one was begun, or at once when that one fails, until the
 * first succeeds; the others are cancelled, and have ended when this ends. asyncio: `staggered_race` (RFC 8305).
 *
 * @param attempts - Asked for the next one only when it is its turn.
 * @param delay - Seconds; null: each one waits for the failure of the one before.
 */
export function* staggeredRace<T>(
  loop: TaskLoop<IoBackend>,
  attempts: Iterable<() => CoroutineGenerator<T>>,
  delay: number | null,
): CoroutineGenerator<RaceResult<T>> {
  const coming = attempts[Symbol.iterator]();
  const running: Future<void>[] = [];
  const errors: unknown[] = [];
  let winner: RaceResult<T>['winner'] = null;

  function* runOne(previousFailed: Event | null): CoroutineGenerator<void> {
    if (previousFailed !== null) {
      try {
        yield* waitFor(() => previousFailed.wait(), delay);
      } catch (error) {
        if (!hasBrand(error, 'TimeoutError')) throw error;
      }
    }
    const next = coming.next();
    if (next.done === true) return;
    const index = errors.push(null) - 1;
    const failed = new Event();
    running.push(loop.createTask(runOne(failed)));
    try {
      const value = yield* next.value();
      winner = { value, index };
      running.forEach((task, i) => {
        if (i !== index) task.cancel();
      });
    } catch (error) {
      if (isExitError(error)) throw error;
      errors[index] = error;
      if (isCancelled(error)) throw error;
      failed.set();
    }
  }

  running.push(loop.createTask(runOne(null)));
  try {
    // The list grows while it is waited for.
    for (let done = 0; done < running.length;) done = (yield* wait(running))[0].size;
    return { winner, errors };
  } finally {
    for (const task of running) task.cancel();
    // Cancelled from outside: whoever is told so may rely on nothing being left.
    for (let pending = running; pending.length > 0;) {
      try {
        yield* wait(pending);
      } catch {
        // Asked again to do what is being done.
      }
      pending = pending.filter((task) => !task.done());
    }
  }
}

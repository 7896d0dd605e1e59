import type { Future } from './future.js';

/** Where an outcome is taken from: a future of a loop, or a concurrent one. */
interface Finished<T> {
  cancelled(): boolean;
  result(): T;
}

/** Gives `to` the outcome that `from` has; a `to` that was cancelled stays so. Internal. */
export function copyOutcome<T>(from: Finished<T>, to: Future<T>): void {
  if (to.cancelled()) return;
  if (from.cancelled()) {
    to.cancel();
    return;
  }
  let value: T;
  try {
    value = from.result();
  } catch (error) {
    to.adoptError(error);
    return;
  }
  to.setResult(value);
}

/** True if it is done with an error, which then counts as retrieved; also where null was thrown in place of one. Internal. */
export function hasFailed(future: Future<unknown>): boolean {
  if (future.cancelled()) return false;
  try {
    future.result();
    return false;
  } catch {
    return true;
  }
}

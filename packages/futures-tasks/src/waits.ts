import type { Waiter } from './awaitable.js';

/** A few waiters, nearly always one or none: what somebody waits for, or who waits for it. Internal. */
export type Waits = Waiter | Waiter[] | null;

/** `waits` and one more; an array is changed in place. */
export function withWait(waits: Waits, waiter: Waiter): Waits {
  if (waits === null) return waiter;
  if (!Array.isArray(waits)) return [waits, waiter];
  waits.push(waiter);
  return waits;
}

/** `waits` without one of them; an array is changed in place. */
export function withoutWait(waits: Waits, waiter: Waiter): Waits {
  if (waits === waiter) return null;
  if (!Array.isArray(waits)) return waits;
  const index = waits.indexOf(waiter);
  if (index >= 0) waits.splice(index, 1);
  return waits.length === 0 ? null : waits;
}

export function listOf(waits: Waits): readonly Waiter[] {
  if (waits === null) return [];
  return Array.isArray(waits) ? waits : [waits];
}

/**
 * Asks everything that is waited for to cancel.
 *
 * @returns False if nothing has accepted, or if something is done and not yet delivered: the request must then be kept for the next step.
 */
export function cancelAll(waits: Waits, message?: string): boolean {
  let accepted = false;
  let kept = false;
  for (const waiter of [...listOf(waits)]) {
    const { source } = waiter;
    if (source === null) continue;
    if (source.outcome() !== 'pending') kept = true;
    else if (source.requestCancel(message)) accepted = true;
    else if ((source as { beingCancelled?: boolean }).beingCancelled === true) {
      // A circle of tasks that wait for each other: this wait is the one that ends.
      source.removeWaiter(waiter);
      source.scheduler!.enqueue(waiter);
      kept = true;
    }
  }
  return accepted && !kept;
}

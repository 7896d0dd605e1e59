import type { Future } from './future.js';

/** One who waits in a {@link WaitingLine}. */
export interface Place {
  /** Done when it is woken or cancelled. */
  readonly future: Future<void>;
  before: Place | null;
  after: Place | null;
  inLine: boolean;
}

/** Who waits for a lock, an event, a slot: first come first, and gone from the middle in constant time when cancelled. Internal. */
export class WaitingLine {
  /** How many there are. */
  length = 0;
  /** Who has waited longest. */
  first: Place | null = null;
  private last: Place | null = null;

  /** Stands at the end. */
  add(future: Future<void>): Place {
    const { last } = this;
    const place: Place = { future, before: last, after: null, inLine: true };
    if (last === null) this.first = place;
    else last.after = place;
    this.last = place;
    this.length++;
    return place;
  }

  /** Leaves, from wherever; not being there any more is no error. */
  remove(place: Place): void {
    if (!place.inLine) return;
    const { before, after } = place;
    if (before === null) this.first = after;
    else before.after = after;
    if (after === null) this.last = before;
    else after.before = before;
    place.inLine = false;
    this.length--;
  }

  /** True if everybody in it was cancelled and has only not left yet; also if nobody is in it. */
  allCancelled(): boolean {
    for (let place = this.first; place !== null; place = place.after) if (!place.future.cancelled()) return false;
    return true;
  }

  /**
   * Wakes the first `count` that are neither woken nor cancelled yet; they stay in line until they resume.
   *
   * @returns How many it found.
   */
  wake(count: number): number {
    let woken = 0;
    for (let place = this.first; place !== null && woken < count; place = place.after) {
      if (place.future.done()) continue;
      place.future.setResult();
      woken++;
    }
    return woken;
  }

  /** Takes out those in front until one of them could be woken. */
  wakeAndRemoveFirst(): void {
    for (let place = this.first; place !== null; place = this.first) {
      this.remove(place);
      if (place.future.done()) continue;
      place.future.setResult();
      return;
    }
  }
}

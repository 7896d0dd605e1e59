import type { ItemStore } from './item-store.js';

/**
 * Smallest first, by a comparison that may throw: then nothing has changed.
 *
 * Equal items come out in the order that CPython's `heapq` gives them: the last entry takes the place of the one taken out by going down
 * to the bottom along the smaller children (the right one when equal) and rising from there. Every place is found by comparing only,
 * before the first item moves.
 */
export class Heap<T> implements ItemStore<T> {
  private readonly items: T[] = [];

  /** @param compare - Negative if the first is smaller; anything else if not. */
  constructor(private readonly compare: (a: T, b: T) => number) {}

  get length(): number {
    return this.items.length;
  }

  push(item: T): void {
    const { items } = this;
    const bottom = items.length;
    let place = bottom;
    while (place > 0 && this.compare(item, items[parentOf(place)]!) < 0) place = parentOf(place);
    items.push(item);
    for (let at = bottom; at > place; at = parentOf(at)) items[at] = items[parentOf(at)]!;
    items[place] = item;
  }

  take(): T {
    const { items } = this;
    const end = items.length - 1;
    const last = items[end]!;
    let place = 0;
    for (let child = 1; child < end; child = 2 * place + 1) {
      const right = child + 1;
      place = right < end && !(this.compare(items[child]!, items[right]!) < 0) ? right : child;
    }
    while (place > 0 && this.compare(last, items[place]!) < 0) place = parentOf(place);
    items.pop();
    if (end === 0) return last;
    // What is at the place moves one up, and so on to the root, which is given back.
    let moved = last;
    for (let at = place; ; at = parentOf(at)) {
      const above = items[at]!;
      items[at] = moved;
      if (at === 0) return above;
      moved = above;
    }
  }

  [Symbol.iterator](): Iterator<T> {
    return this.items[Symbol.iterator]();
  }
}

function parentOf(place: number): number {
  return (place - 1) >> 1;
}

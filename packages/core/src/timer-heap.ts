import type { TimerHandle } from './handle.js';

/**
 * A binary heap of timers, ordered by deadline only.
 *
 * Timers of one deadline come out in the order that CPython's `heapq` gives them, which is not the order of registration: seven timers A
 * to G on one deadline, with a later timer behind them, run as A C G F B D E. So a pop moves the last entry to the root, sinks it *to the bottom* along the smaller
 * children (the right one when equal), and lets it rise from there, as `heapq` does; the textbook sink gives another order.
 */
export class TimerHeap {
  private items: TimerHandle[] = [];

  get length(): number {
    return this.items.length;
  }

  peek(): TimerHandle | undefined {
    return this.items[0];
  }

  push(timer: TimerHandle): void {
    this.items.push(timer);
    this.rise(0, this.items.length - 1);
  }

  /** Takes the earliest timer; the heap must not be empty. */
  pop(): TimerHandle {
    const items = this.items;
    const last = items.pop()!;
    if (items.length === 0) return last;
    const first = items[0]!;
    items[0] = last;
    this.sinkThenRise(0);
    return first;
  }

  /** Drops every timer that `drop` names and restores the order, in O(n). */
  purge(drop: (timer: TimerHandle) => boolean): void {
    this.items = this.items.filter((timer) => !drop(timer));
    for (let i = (this.items.length >> 1) - 1; i >= 0; i--) this.sinkThenRise(i);
  }

  clear(): void {
    this.items = [];
  }

  /** Moves the item at `position` towards the root, no further than `start`, while it is earlier than its parent. */
  private rise(start: number, position: number): void {
    const items = this.items;
    const item = items[position]!;
    const deadline = item.deadline;
    while (position > start) {
      const parentPosition = (position - 1) >> 1;
      const parent = items[parentPosition]!;
      if (!(deadline < parent.deadline)) break;
      items[position] = parent;
      position = parentPosition;
    }
    items[position] = item;
  }

  private sinkThenRise(position: number): void {
    const items = this.items;
    const end = items.length;
    const start = position;
    const item = items[position]!;
    let child = 2 * position + 1;
    while (child < end) {
      const right = child + 1;
      if (right < end && !(items[child]!.deadline < items[right]!.deadline)) child = right;
      items[position] = items[child]!;
      position = child;
      child = 2 * position + 1;
    }
    items[position] = item;
    this.rise(start, position);
  }
}

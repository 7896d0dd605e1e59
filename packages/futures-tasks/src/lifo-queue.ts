import { brand } from '@tsyncio/core';
import type { ItemStore } from './item-store.js';
import { Queue } from './queue.js';

/** Last in, first out. */
class Stack<T> extends Array<T> implements ItemStore<T> {
  take(): T {
    return this.pop() as T;
  }
}

/** A {@link Queue} that gives the item put last first. asyncio: `asyncio.LifoQueue`. */
export class LifoQueue<T = unknown> extends Queue<T> {
  static {
    brand(this.prototype, 'LifoQueue');
  }

  /** @throws As {@link Queue}. */
  constructor(maxsize = 0) {
    super(maxsize, new Stack<T>());
  }
}

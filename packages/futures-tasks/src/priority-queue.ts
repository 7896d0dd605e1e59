import { brand, repr } from '@tsyncio/core';
import { Heap } from './heap.js';
import { naturalOrder } from './natural-order.js';
import { Queue } from './queue.js';

/** How a {@link PriorityQueue} orders its items. */
export interface PriorityQueueOptions<T> {
  /**
   * As for `Array.prototype.sort`: negative if `a` comes first. Default: as Python's `<`, for numbers and bigints, strings, booleans,
   * dates, and arrays item by item, so that `[priority, item]` works as Python's tuples do; other or mixed types are a TypeError.
   */
  readonly compare?: ((a: T, b: T) => number) | undefined;
}

/**
 * A {@link Queue} that gives the smallest item first. asyncio: `asyncio.PriorityQueue`.
 *
 * Equal items come in no particular order. If a comparison throws, the put or get fails with that error and nothing has changed.
 *
 * @example
 * const jobs = new PriorityQueue<Job>(0, { compare: (a, b) => a.priority - b.priority });
 */
export class PriorityQueue<T = unknown> extends Queue<T> {
  static {
    brand(this.prototype, 'PriorityQueue');
  }

  /** @throws As {@link Queue}. TypeError if `compare` is no function. */
  constructor(maxsize = 0, options: PriorityQueueOptions<T> = {}) {
    const { compare = naturalOrder } = options;
    if (typeof compare !== 'function') {
      throw new TypeError(`PriorityQueue: compare must be a function, got ${repr(compare)}`);
    }
    super(maxsize, new Heap<T>(compare));
  }
}

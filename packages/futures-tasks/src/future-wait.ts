import { brand, RuntimeError } from '@tsyncio/core';
import type { LoopAwaitable } from './awaitable.js';

/**
 * The iterator behind `yield* future` and `yield* operation`: gives itself to whoever drives the generator, and the outcome when it is
 * driven on. It is its own iterator result, so that a wait allocates one object.
 */
export class FutureWait<T> implements Iterator<unknown, T, unknown> {
  static {
    brand(this.prototype, 'FutureWait');
  }
  readonly done = false;
  readonly value = this;
  private started = false;

  constructor(readonly source: LoopAwaitable<T>) {}

  next(): IteratorResult<unknown, T> {
    const { source } = this;
    const outcome = source.outcome();
    if (outcome === 'pending') {
      if (this.started) throw new RuntimeError("await wasn't used with future");
      this.started = true;
      return this;
    }
    if (outcome === 'exception') throw source.takeException();
    return { done: true, value: source.takeResult() };
  }

  throw(error: unknown): never {
    throw error;
  }

  return(value: unknown): IteratorResult<unknown, T> {
    return { done: true, value: value as T };
  }
}

import { messageOf } from './cancel-message.js';
import type { Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';

/**
 * The coroutine of a task that only waits for an operation. The operation has begun already: a task that is cancelled before its first
 * step must tell it, and wait for its end. Internal.
 */
class OperationCoroutine<T> {
  private wait: Iterator<unknown, T, unknown> | null = null;

  constructor(private readonly operation: Operation<T>) {}

  next(): IteratorResult<unknown, T> {
    this.wait ??= this.operation[Symbol.iterator]();
    return this.wait.next();
  }

  throw(error: unknown): IteratorResult<unknown, T> {
    if (this.wait !== null || !this.operation.cancel(messageOf(error))) throw error;
    return this.next();
  }

  return(value: T): IteratorResult<unknown, T> {
    return { done: true, value };
  }

  [Symbol.iterator](): this {
    return this;
  }

  toString(): string {
    return String(this.operation);
  }
}

/** The coroutine that gives what `operation` gives. Internal. */
export function coroutineOf<T>(operation: Operation<T>): CoroutineGenerator<T> {
  return new OperationCoroutine(operation) as unknown as CoroutineGenerator<T>;
}

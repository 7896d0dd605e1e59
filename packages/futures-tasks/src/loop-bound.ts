import { getRunningLoopOrNull, RuntimeError } from '@tsyncio/core';
import type { AnyScheduler } from './awaitable.js';
import { currentFactory, type FutureFactory } from './current-factory.js';
import { failedOperation, type Operation } from './operation.js';

/** What waits in a loop and was made without one: it belongs to the loop in which somebody first has to wait. Internal. */
export abstract class LoopBound {
  private loop: FutureFactory | null = null;

  /**
   * The loop to wait in. The first call chooses it. Internal.
   *
   * @throws RuntimeError if there is no current loop, or it is another one than at the first wait.
   */
  loopToWaitIn(): FutureFactory {
    const loop = currentFactory();
    this.loop ??= loop;
    if (loop !== this.loop) throw new RuntimeError(`${String(this)} is bound to a different event loop`);
    return loop;
  }

  /** The loop that the first wait has chosen; null before. Internal. */
  get chosenLoop(): FutureFactory | null {
    return this.loop;
  }

  /** What a repr shows after the class name. Internal. */
  protected abstract describe(): string;

  toString(): string {
    return `<${this.constructor.name} ${this.describe()}>`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** An operation that failed in the current loop, whose handler is told if nobody looks at the error. */
export function failedNow<T>(error: unknown): Operation<T> {
  return failedOperation(getRunningLoopOrNull() as AnyScheduler | null, error);
}

/** The state in square brackets, with the number of those who wait if there are any. */
export function describeState(state: string, waiters: number): string {
  return waiters === 0 ? `[${state}]` : `[${state}, waiters:${waiters}]`;
}

import { CancelledError, getRunningLoop, repr, ValueError, type AnyLoop, type Job } from '@tsyncio/core';
import type { FutureFactory } from './current-factory.js';
import { failedOperation, Operation, operation } from './operation.js';
import type { Future } from './future.js';
import type { CoroutineGenerator } from './stepper.js';

/**
 * Waits. asyncio: `asyncio.sleep`.
 *
 * @param delay - Seconds. Zero or less lets exactly one iteration pass.
 * @param result - What the wait gives; default undefined.
 * @throws Through the operation: TypeError for a delay that is no number, ValueError for NaN, RuntimeError if no loop is running,
 *   CancelledError (the timer is gone then).
 */
export function sleep(delay: number): Operation<void>;
export function sleep<T>(delay: number, result: T): Operation<T>;
export function sleep<T>(delay: number, result?: T): Operation<T | undefined> {
  let loop: AnyLoop;
  try {
    loop = getRunningLoop();
  } catch (error) {
    return failedOperation(null, error);
  }
  const factory = loop as unknown as FutureFactory;
  if (typeof delay !== 'number') {
    return failedOperation(factory, new TypeError(`sleep: delay must be a number of seconds, got ${repr(delay)}`));
  }
  if (Number.isNaN(delay)) return failedOperation(factory, new ValueError('sleep: delay must not be NaN'));
  return delay <= 0 ? new Pass(factory, result) : operation(factory, pause(factory, delay, result));
}

/** `sleep(0)`: an operation that is its own job in the next iteration, without a generator. */
class Pass<T> extends Operation<T> implements Job {
  constructor(
    loop: FutureFactory,
    private readonly result: T,
  ) {
    super(loop);
    loop.enqueue(this);
  }

  run(): void {
    if (this.cancelRequested()) {
      const message = this.cancelMessage();
      this.cancelTaken();
      this.failed(new CancelledError(message));
    } else {
      this.finished(this.result);
    }
  }
}

function* pause<T>(loop: FutureFactory, delay: number, result: T): CoroutineGenerator<T> {
  const future = loop.createFuture<T>();
  const timer = loop.callLater(delay, wake, future, result);
  try {
    return yield* future;
  } finally {
    timer.cancel();
  }
}

function wake<T>(future: Future<T>, result: T): void {
  if (!future.done()) future.setResult(result);
}

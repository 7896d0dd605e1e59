import { brand, isCancelled, repr, RuntimeError, TimeoutError, type Handle } from '@tsyncio/core';
import { checkSignal, onAbort } from './abort-listeners.js';
import type { AnyScheduler } from './awaitable.js';
import type { Coroutine } from './coroutine.js';
import { runningFactory, type FutureFactory } from './current-factory.js';
import { runInside } from './inside.js';
import { checkTimeout } from './member-set.js';
import { failedOperation, type Operation } from './operation.js';
import { ScopedOperation } from './scoped-operation.js';
import type { CoroutineGenerator } from './stepper.js';

/** What else can end a wait. */
export interface AbortOptions {
  /** When it is aborted, what runs is cancelled, and the whole fails with the signal's `reason`. No listener is left on it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The deadline of the code that {@link timeout} runs: given to that code. asyncio: `asyncio.Timeout`, since 3.11.
 */
export class Timeout {
  static {
    brand(this.prototype, 'Timeout');
  }
  private state: 'active' | 'expiring' | 'expired' | 'finished' = 'active';
  private timer: Handle | null = null;

  /** Made by {@link timeout} and {@link timeoutAt}. */
  constructor(
    private readonly loop: AnyScheduler,
    private deadline: number | null,
    private readonly expire: () => void,
  ) {
    this.arm();
  }

  /** The deadline in seconds on the loop's clock; null if there is none. asyncio: `Timeout.when`. */
  when(): number | null {
    return this.deadline;
  }

  /**
   * Moves the deadline. asyncio: `Timeout.reschedule`.
   *
   * @param when - Seconds on the loop's clock; one that is past expires in the next iteration. Null: no deadline.
   * @throws RuntimeError once it has expired, or the code has ended. TypeError and ValueError for what is no number.
   */
  reschedule(when: number | null): void {
    const deadline = checkTimeout('reschedule', when);
    if (this.state !== 'active') throw new RuntimeError(`Cannot change state of ${this.state} Timeout`);
    this.deadline = deadline;
    this.timer?.cancel();
    this.arm();
  }

  /** True if the deadline was passed while the code ran. asyncio: `Timeout.expired`. */
  expired(): boolean {
    return this.state === 'expiring' || this.state === 'expired';
  }

  /** The code has ended. @returns Whether it had expired. Internal. */
  leave(): boolean {
    this.timer?.cancel();
    this.timer = null;
    if (this.state === 'active') this.state = 'finished';
    else if (this.state === 'expiring') this.state = 'expired';
    return this.expired();
  }

  /** `<Timeout [active] when=4.5>`, `<Timeout [expired]>`. */
  toString(): string {
    if (this.state !== 'active') return `<Timeout [${this.state}]>`;
    const when = this.deadline === null ? 'null' : Math.round(this.deadline * 1000) / 1000;
    return `<Timeout [active] when=${when}>`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  private arm(): void {
    const { loop, deadline } = this;
    if (deadline === null) this.timer = null;
    else if (deadline <= loop.time()) this.timer = loop.callSoon(this.onTimeout);
    else this.timer = loop.callAt(deadline, this.onTimeout);
  }

  private readonly onTimeout = (): void => {
    this.state = 'expiring';
    this.timer = null;
    this.expire();
  };
}

/** Runs code with a deadline, and as long as a signal is not aborted. Internal. */
export class TimedOperation<T> extends ScopedOperation<T> {
  /** The signal was aborted while the code ran. */
  private aborted = false;

  /** Begins `body`. */
  run(
    body: (timeout: Timeout) => CoroutineGenerator<T>,
    when: number | null,
    signal: AbortSignal | undefined,
    options: { readonly context: boolean; readonly message: string },
  ): this {
    return this.begin(this.guard(body, when, signal, options.message), options);
  }

  private *guard(
    body: (timeout: Timeout) => CoroutineGenerator<T>,
    when: number | null,
    signal: AbortSignal | undefined,
    message: string,
  ): CoroutineGenerator<T> {
    const timeout = new Timeout(this.scheduler, when, () => this.interrupt());
    const takeBack = signal === undefined ? null : onAbort(signal, () => this.abort());
    try {
      return yield* body(timeout);
    } catch (error) {
      const expired = timeout.leave();
      if (this.requests > 0 || !isCancelled(error)) throw error;
      if (expired) throw new TimeoutError(message, { cause: error });
      if (this.aborted) throw signal!.reason;
      throw error;
    } finally {
      timeout.leave();
      takeBack?.();
    }
  }

  private abort(): void {
    this.aborted = true;
    this.interrupt();
  }
}

/** Code that runs with a deadline: a coroutine function, which is given the {@link Timeout}. */
export type TimeoutBody<T> = (timeout: Timeout) => ReturnType<Extract<Coroutine<T>, () => unknown>>;

/**
 * Runs code inside the calling task, but not longer than `delay`: then it is cancelled, and the whole fails with a TimeoutError once it has
 * ended. asyncio: `async with asyncio.timeout(delay)`, since 3.11.
 *
 * A cancellation that comes from elsewhere stays one. Code that has caught the CancelledError and returns a value has its way. A wait for a
 * promise which is not the loop's cannot be cancelled: hand it `currentTask().signal`.
 *
 * @param delay - Seconds from now; null for no deadline, which may be set later by {@link Timeout.reschedule}.
 * @param body - An async function or generator function.
 * @returns What `body` gives.
 * @throws Through the operation: TimeoutError, its cause the CancelledError; the error of `body`; the reason of an aborted signal; TypeError
 *   and ValueError for arguments; RuntimeError if no loop is running.
 *
 * @example
 * const rows = await timeout(10, async (limit) => {
 *   const connection = await connect();
 *   limit.reschedule(loop.time() + 5);
 *   return await query(connection);
 * });
 */
export function timeout<T>(delay: number | null, body: TimeoutBody<T>, options: AbortOptions = {}): Operation<T> {
  return timed('timeout', (loop) => {
    const seconds = checkTimeout('timeout', delay);
    return [seconds === null ? null : loop.time() + seconds, body, options];
  });
}

/**
 * As {@link timeout}, with the deadline on the loop's clock. asyncio: `async with asyncio.timeout_at(when)`.
 *
 * @param when - Seconds as of `loop.time()`; null for no deadline.
 */
export function timeoutAt<T>(when: number | null, body: TimeoutBody<T>, options: AbortOptions = {}): Operation<T> {
  return timed('timeoutAt', () => [checkTimeout('timeoutAt', when), body, options]);
}

function timed<T>(
  method: string,
  take: (loop: FutureFactory) => [when: number | null, body: TimeoutBody<T>, options: AbortOptions],
): Operation<T> {
  let loop: FutureFactory | null = null;
  try {
    loop = runningFactory();
    const [when, body, { signal }] = take(loop);
    checkBody(method, body);
    checkSignal(method, signal);
    if (signal?.aborted === true) return failedOperation(loop, signal.reason);
    const run = (limit: Timeout): CoroutineGenerator<T> => runInside(method, () => body(limit));
    return new TimedOperation<T>(loop).run(run, when, signal, {
      context: true,
      message: `${method}: not done in time`,
    });
  } catch (error) {
    return failedOperation(loop, error);
  }
}

/** @throws TypeError if `body` is no function. Internal. */
export function checkBody(method: string, body: unknown): void {
  if (typeof body !== 'function') throw new TypeError(`${method}: body must be a function, got ${repr(body)}`);
}

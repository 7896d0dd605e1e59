import { checkPort, RuntimeError, type Executor } from '@tsyncio/core';
import { operation, wrapPromise, type FutureFactory, type Operation } from '@tsyncio/futures-tasks';
import { ThreadPoolExecutor } from './thread-pool-executor.js';

/** The default executor of a loop, on the loop itself: all copies of this package see the same. */
const KEY = Symbol.for('tsyncio.defaultExecutor');

interface DefaultExecutor {
  executor: Executor | null;
  isShutDown: boolean;
}

/** A loop that tells when it closes; one of another make may not. */
interface ClosingLoop {
  onClose?(callback: () => void): void;
}

function stateOf(loop: FutureFactory): DefaultExecutor {
  const holder = loop as unknown as Record<symbol, DefaultExecutor | undefined>;
  let state = holder[KEY];
  if (state === undefined) {
    const made: DefaultExecutor = { executor: null, isShutDown: false };
    Object.defineProperty(loop, KEY, { value: made });
    // As asyncio: without waiting for what still runs.
    (loop as ClosingLoop).onClose?.(() => {
      made.isShutDown = true;
      void made.executor?.shutdown({ wait: false });
      made.executor = null;
    });
    state = made;
  }
  return state;
}

/** The default executor, made at its first use. Internal. @throws RuntimeError after {@link shutdownDefaultExecutor}. */
export function defaultExecutor(loop: FutureFactory): Executor {
  const state = stateOf(loop);
  if (state.isShutDown) throw new RuntimeError('Executor shutdown has been called');
  return (state.executor ??= new ThreadPoolExecutor({ threadNamePrefix: 'asyncio' }));
}

/**
 * Replaces what `runInExecutor(loop, null, ...)` and `toThread` use; the one before is neither shut down nor used any more. The loop's
 * `close` shuts it down. asyncio: `set_default_executor`.
 *
 * @param executor - Any `Executor`; null: a new `ThreadPoolExecutor` at the next use.
 * @throws TypeError if it lacks `submit` or `shutdown`. RuntimeError if the loop is closed.
 */
export function setDefaultExecutor(loop: FutureFactory, executor: Executor | null): void {
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  if (executor !== null) checkPort('executor', executor, ['submit', 'shutdown']);
  stateOf(loop).executor = executor;
}

/**
 * Shuts the default executor down, if there is one, and waits until its work is done and its workers are gone. From the call on
 * `runInExecutor(loop, null, ...)` is a RuntimeError. asyncio: `shutdown_default_executor`.
 *
 * @param timeout - Seconds to wait; then a RuntimeWarning says so, and what runs is left alone. Default null: no limit.
 * @throws Through the operation: RuntimeError if the loop is closed, TypeError for a timeout that is no number.
 */
export function shutdownDefaultExecutor(loop: FutureFactory, timeout: number | null = null): Operation<void> {
  return operation(loop, shutDown(loop, timeout));
}

function* shutDown(loop: FutureFactory, timeout: number | null): Generator<unknown, void, unknown> {
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  if (timeout !== null && (typeof timeout !== 'number' || Number.isNaN(timeout))) {
    throw new TypeError('shutdownDefaultExecutor: timeout must be a number of seconds or null');
  }
  const state = stateOf(loop);
  state.isShutDown = true;
  const { executor } = state;
  if (executor === null) return;
  const ended = wrapPromise(executor.shutdown({ wait: true }), { loop });
  const giveUp = (): void => {
    if (ended.done()) return;
    process.emitWarning(`The default executor has not ended within ${timeout} seconds`, 'RuntimeWarning');
    ended.setResult();
  };
  const timer = timeout === null ? null : loop.callLater(timeout, giveUp);
  try {
    yield* ended;
  } finally {
    timer?.cancel();
  }
}

import { getEventLoop, hasBrand, repr, RuntimeError, ValueError } from '@tsyncio/core';
import type { AnyScheduler } from './awaitable.js';
import { isCoroutine, isForeignPromise, type Awaitable, type Coroutine } from './coroutine.js';
import { isFuture, type Future } from './future.js';
import type { Operation } from './operation.js';
import type { Task, TaskOptions } from './task.js';
import { wrapPromise } from './wrap-promise.js';

/** A loop that makes futures and tasks; overridden makers are honoured. */
export interface FutureFactory extends AnyScheduler {
  createFuture<T = unknown>(): Future<T>;
  createTask<T>(coroutine: Coroutine<T>, options?: Omit<TaskOptions, 'loop'>): Future<T>;
}

/** How to make a future of something. */
export interface EnsureFutureOptions {
  /** Default: the loop of a future, else the current loop. */
  readonly loop?: FutureFactory | undefined;
}

/**
 * The current loop, which must be able to make tasks.
 *
 * @throws RuntimeError if there is none.
 */
export function currentFactory(): FutureFactory {
  const loop = getEventLoop();
  if (!hasBrand(loop, 'TaskLoop')) throw new RuntimeError(`${String(loop)} makes no tasks: use TaskLoop`);
  return loop as unknown as FutureFactory;
}

/**
 * Makes sure that something runs, and gives the future of it. asyncio: `ensure_future`.
 *
 * A future or task is given back as it is. A coroutine becomes a task. An operation goes on inside a new task. A promise is adopted:
 * cancelling the future does not stop what is behind the promise.
 *
 * @throws TypeError for anything else. ValueError for a future of another loop than `options.loop`.
 */
export function ensureFuture<T>(awaitable: Task<T>, options?: EnsureFutureOptions): Task<T>;
export function ensureFuture<T>(awaitable: Awaitable<T>, options?: EnsureFutureOptions): Future<T>;
export function ensureFuture<T>(awaitable: Awaitable<T>, options: EnsureFutureOptions = {}): Future<T> {
  if (isFuture(awaitable)) {
    const future = awaitable as Future<T>;
    if (options.loop !== undefined && future.getLoop() !== options.loop) {
      throw new ValueError('The future belongs to a different loop than the one specified as the loop argument');
    }
    return future;
  }
  if (hasBrand(awaitable, 'Operation')) {
    const operation = awaitable as Operation<T>;
    const loop = options.loop ?? (operation.scheduler as FutureFactory | null) ?? currentFactory();
    return loop.createTask(() => operation);
  }
  if (isCoroutine(awaitable)) return (options.loop ?? currentFactory()).createTask(awaitable as Coroutine<T>);
  if (isForeignPromise(awaitable)) return wrapPromise(awaitable as PromiseLike<T>, options);
  throw new TypeError(`An awaitable is required, got ${repr(awaitable)}`);
}

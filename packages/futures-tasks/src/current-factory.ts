import { getEventLoop, getRunningLoop, hasBrand, RuntimeError, type AnyLoop } from '@tsyncio/core';
import type { AnyScheduler } from './awaitable.js';
import type { Coroutine } from './coroutine.js';
import type { Future } from './future.js';
import type { TaskOptions } from './task.js';

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

function factoryOf(loop: AnyLoop): FutureFactory {
  if (!hasBrand(loop, 'TaskLoop')) throw new RuntimeError(`${String(loop)} makes no tasks: use TaskLoop`);
  return loop as unknown as FutureFactory;
}

/**
 * The current loop, which must be able to make tasks.
 *
 * @throws RuntimeError if there is none.
 */
export function currentFactory(): FutureFactory {
  return factoryOf(getEventLoop());
}

/** The running loop, which must be able to make tasks. Internal. @throws RuntimeError if no loop is running. */
export function runningFactory(): FutureFactory {
  return factoryOf(getRunningLoop());
}

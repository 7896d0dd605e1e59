/* eslint-disable @typescript-eslint/unbound-method -- methods are named, never called: a stack is cut below them */
import {
  brand,
  isCancelled,
  isExitError,
  type NoIo,
  repr,
  RuntimeError,
  Scheduler,
  type IoBackend,
} from '@tsyncio/core';
import { adopt, type Adoption } from './asyncgen.js';
import type { AnyScheduler } from './awaitable.js';
import { checkCoroutine, type Awaitable, type Coroutine } from './coroutine.js';
import { ensureFuture } from './ensure-future.js';
import { Future, isFuture } from './future.js';
import { gather } from './gather.js';
import { finishedOperation, operation, type Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';
import { Task, type TaskOptions } from './task.js';
import { reportFailures } from './unretrieved.js';

/**
 * Makes what stands for a coroutine in place of a {@link Task}. asyncio: the argument of `set_task_factory`.
 *
 * @param options - Those of the call of `createTask`, as since Python 3.14. A name that the factory leaves out is set afterwards.
 */
export type TaskFactory = <T>(
  loop: TaskLoop<IoBackend>,
  coroutine: Coroutine<T>,
  options: Omit<TaskOptions, 'loop'>,
) => Future<T>;

/**
 * The event loop with futures and tasks, over any backend. asyncio: `BaseEventLoop` without its network half.
 *
 * @example
 * const loop = new TaskLoop();
 * console.log(await loop.runUntilComplete(async () => { await sleep(1); return 'rested'; }));
 * loop.close();
 */
export class TaskLoop<B extends IoBackend = NoIo> extends Scheduler<B> {
  static {
    brand(this.prototype, 'TaskLoop');
  }
  private taskFactory: TaskFactory | null = null;
  /** Asynchronous generators that have begun and not ended, in the order of their first steps. */
  private readonly asyncgens = new Set<Adoption>();
  private asyncgensShutDown = false;

  /** A pending future of this loop. asyncio: `create_future`. */
  createFuture<T = unknown>(): Future<T> {
    return new Future<T>({ loop: this }, this.createFuture);
  }

  /**
   * Runs a coroutine as a task; its body begins in the next iteration. asyncio: `create_task`.
   *
   * @param coroutine - A function that starts the work, or a generator object.
   * @param options - `name`, converted to text; `context`, a Context to run in; `signal`, whose abort cancels the task; `eagerStart`.
   * @throws TypeError if it is no coroutine, for example a promise that is already running. RuntimeError if the loop is closed.
   */
  createTask<T>(coroutine: Coroutine<T>, options: Omit<TaskOptions, 'loop'> = {}): Task<T> {
    this.checkClosed();
    if (this.taskFactory === null) {
      return new Task<T>(coroutine, { ...options, loop: this }, this.createTask);
    }
    checkCoroutine('createTask', coroutine);
    const task = this.taskFactory(this, coroutine, options) as Task<T>;
    const { name } = options;
    if (name !== undefined && name !== null && typeof (task as Partial<Task<T>>).setName === 'function')
      task.setName(name);
    return task;
  }

  /**
   * Replaces what {@link createTask} makes; null restores {@link Task}. asyncio: `set_task_factory`.
   *
   * @throws TypeError if `factory` is neither a function nor null.
   */
  setTaskFactory(factory: TaskFactory | null): void {
    if (factory !== null && typeof factory !== 'function') {
      throw new TypeError(`setTaskFactory: factory must be a function or null, got ${repr(factory)}`);
    }
    this.taskFactory = factory;
  }

  /** The factory last set, or null. asyncio: `get_task_factory`. */
  getTaskFactory(): TaskFactory | null {
    return this.taskFactory;
  }

  /**
   * Runs until `awaitable` is done. asyncio: `run_until_complete`.
   *
   * @param awaitable - A coroutine becomes a task of this loop.
   * @returns The result, or rejected with the very error, or CancelledError. Rejected with a RuntimeError if the loop was stopped before, is
   *   closed or running; TypeError for what is no awaitable; ValueError for a future of another loop.
   */
  async runUntilComplete<T>(awaitable: Awaitable<T>): Promise<T> {
    this.checkRunnable();
    const isNew = !isFuture(awaitable);
    const future = ensureFuture(awaitable, { loop: this });
    const stop = (done: Future<T>): void => {
      // The run is ending with that very error already.
      if (!done.cancelled() && isExitError(done.exception())) return;
      this.stop();
    };
    future.addDoneCallback(stop);
    try {
      await this.runForever();
    } catch (error) {
      // The coroutine's own error is what the caller gets: no second report.
      if (isNew && future.done() && !future.cancelled()) future.exception();
      throw error;
    } finally {
      future.removeDoneCallback(stop);
    }
    if (!future.done()) throw new RuntimeError('Event loop stopped before Future completed.');
    return future.result();
  }

  /**
   * Makes an asynchronous generator known to this loop, from its first step on: {@link shutdownAsyncgens} closes it, and one which is
   * dropped before its end is closed by a task. In asyncio every asynchronous generator is; JavaScript has no hook for it.
   *
   * @returns A generator to be used in place of the one given.
   * @throws TypeError if it is none.
   *
   * @example
   * for await (const row of loop.asyncgen(query())) show(row);
   */
  asyncgen<Y, R, N>(generator: AsyncGenerator<Y, R, N>): AsyncGenerator<Y, R, N> {
    return adopt(generator, this as never);
  }

  /**
   * Closes every asynchronous generator that has begun and not ended: their `finally` blocks run to the end. asyncio:
   * `shutdown_asyncgens`. A failure is reported to the exception handler, and so is a generator in the middle of a step, which cannot be
   * closed. Generators that begin afterwards are warned about.
   */
  shutdownAsyncgens(): Operation<void> {
    this.asyncgensShutDown = true;
    if (this.asyncgens.size === 0) return finishedOperation(this as AnyScheduler, undefined);
    const closing = [...this.asyncgens];
    this.asyncgens.clear();
    return operation(this as AnyScheduler, this.closeAsyncgens(closing));
  }

  private *closeAsyncgens(closing: readonly Adoption[]): CoroutineGenerator<void> {
    const closers = closing.map((adoption) => () => adoption.close());
    const errors: unknown[] = yield* gather(...closers, { returnExceptions: true, loop: this });
    for (const [i, error] of errors.entries()) {
      if (error === undefined || isCancelled(error)) continue;
      const asyncgen = closing[i]!;
      this.callExceptionHandler({
        message: `an error occurred during closing of asynchronous generator ${String(asyncgen)}`,
        exception: error,
        asyncgen: asyncgen.generator,
      });
    }
  }

  /** Internal. */
  asyncgenBegins(adoption: Adoption): void {
    if (this.asyncgensShutDown) {
      this.host.warn(
        `asynchronous generator ${String(adoption)} was scheduled after loop.shutdownAsyncgens() call`,
        'ResourceWarning',
      );
    }
    this.asyncgens.add(adoption);
  }

  /** Internal. */
  asyncgenEnds(adoption: Adoption): void {
    this.asyncgens.delete(adoption);
  }

  /** Reports failures that nobody has looked at, then closes as {@link Scheduler.close}. */
  override close(): void {
    const wasClosed = this.isClosed();
    super.close();
    if (wasClosed) return;
    reportFailures(this);
  }
}

import { brand, hasBrand, isCancelled, isExitError, RuntimeError, taskOfContext } from '@tsyncio/core';
import { watchChild } from './child-done.js';
import { isGenerator, type Coroutine } from './coroutine.js';
import { runningFactory, type FutureFactory } from './current-factory.js';
import type { Future } from './future.js';
import { runInside } from './inside.js';
import { failedOperation, type Operation } from './operation.js';
import { hasFailed } from './outcome.js';
import { ScopedOperation } from './scoped-operation.js';
import type { CoroutineGenerator } from './stepper.js';
import type { Task, TaskOptions } from './task.js';
import { checkBody } from './timeout.js';

/**
 * Tasks that live and end together: given to the code that {@link taskGroup} runs. asyncio: `asyncio.TaskGroup`, since 3.11.
 */
export class TaskGroup {
  static {
    brand(this.prototype, 'TaskGroup');
  }
  /** Made by {@link taskGroup}. */
  constructor(private readonly group: GroupOperation<unknown>) {}

  /**
   * Starts a task of the group. asyncio: `TaskGroup.create_task`. Tasks of the group may start others.
   *
   * @param options - As for `loop.createTask`.
   * @throws RuntimeError once the group is over, or after its first failure; a generator object is closed then. As `loop.createTask`.
   */
  createTask<T>(coroutine: Coroutine<T>, options?: Omit<TaskOptions, 'loop'>): Task<T> {
    return this.group.createTask(coroutine, options);
  }

  /** `<TaskGroup tasks=2 entered>`. */
  toString(): string {
    return `<TaskGroup${this.group.describeGroup()}>`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

class GroupOperation<T> extends ScopedOperation<T> {
  private readonly tasks = new Set<Future<unknown>>();
  private readonly errors: unknown[] = [];
  private exitError: { readonly error: unknown } | null = null;
  private aborting = false;
  private leaving = false;
  /** What the group waits for at its end. */
  private allDone: Future<void> | null = null;
  private task: Task | null = null;

  beginWith(body: (group: TaskGroup) => ReturnType<Extract<Coroutine<T>, () => unknown>>): this {
    const task = taskOfContext();
    if (task !== null && hasBrand(task, 'Task')) this.task = task as Task;
    const group = new TaskGroup(this);
    return this.begin(this.guard(runInside('taskGroup', () => body(group))), { context: true });
  }

  createTask<R>(coroutine: Coroutine<R>, options?: Omit<TaskOptions, 'loop'>): Task<R> {
    const problem = this.problem();
    if (problem !== null) {
      if (isGenerator(coroutine)) coroutine.return(undefined as R);
      throw new RuntimeError(`TaskGroup <TaskGroup${this.describeGroup()}> ${problem}`);
    }
    const task = (this.scheduler as FutureFactory).createTask(coroutine, options) as Task<R>;
    if (task.done()) this.childDone(task);
    else {
      this.tasks.add(task);
      watchChild(task, this.childDone, () => this.task);
    }
    return task;
  }

  describeGroup(): string {
    let text = '';
    if (this.tasks.size > 0) text += ` tasks=${this.tasks.size}`;
    if (this.errors.length > 0) text += ` errors=${this.errors.length}`;
    return `${text} ${this.aborting ? 'cancelling' : 'entered'}`;
  }

  private problem(): string | null {
    if (this.leaving && this.tasks.size === 0) return 'is finished';
    return this.aborting ? 'is shutting down' : null;
  }

  private *guard(body: CoroutineGenerator<T>): CoroutineGenerator<T> {
    let value: T | undefined;
    let failure: { readonly error: unknown } | null = null;
    try {
      value = yield* body;
    } catch (error) {
      failure = { error };
    }
    this.leaving = true;
    if (failure !== null) {
      if (isExitError(failure.error)) this.exitError ??= failure;
      if (!this.aborting) this.abort();
    }
    const cancelled = yield* this.waitForTasks();
    if (this.exitError !== null) throw this.exitError.error;
    while (this.interruptions() > 0) this.takeBackInterruption();
    const { errors } = this;
    if (failure !== null && !isCancelled(failure.error)) errors.push(failure.error);
    if (errors.length > 0) {
      // Somebody else has cancelled the task meanwhile: it is to end at its next wait, if it goes on after this error.
      this.task?.cancelAgain();
      const count = `${errors.length} sub-exception${errors.length === 1 ? '' : 's'}`;
      throw new AggregateError(errors, `unhandled errors in a TaskGroup (${count})`);
    }
    if (cancelled !== null) throw cancelled.error;
    if (failure !== null) throw failure.error;
    return value as T;
  }

  /** @returns The cancellation that has ended the group while it waited. */
  private *waitForTasks(): CoroutineGenerator<{ readonly error: unknown } | null> {
    let cancelled: { readonly error: unknown } | null = null;
    while (this.tasks.size > 0) {
      this.allDone ??= (this.scheduler as FutureFactory).createFuture<void>();
      try {
        yield* this.allDone;
      } catch (error) {
        if (!isCancelled(error)) throw error;
        if (!this.aborting) {
          cancelled = { error };
          this.abort();
        }
      }
      this.allDone = null;
    }
    return cancelled;
  }

  private abort(): void {
    this.aborting = true;
    for (const task of this.tasks) if (!task.done()) task.cancel();
  }

  private readonly childDone = (task: Future<unknown>): void => {
    this.tasks.delete(task);
    if (this.allDone?.done() === false && this.tasks.size === 0) this.allDone.setResult();
    if (!hasFailed(task)) return;
    const error = task.exception();
    this.errors.push(error);
    if (isExitError(error)) this.exitError ??= { error };
    if (this.aborting) return;
    this.abort();
    this.interrupt();
  };
}

/**
 * Runs code inside the calling task, and with it tasks that live no longer than it does: `group.createTask(...)`. When the code has ended, the
 * rest of the tasks is waited for. asyncio: `async with asyncio.TaskGroup() as group`, since 3.11.
 *
 * The first task that fails, or the code itself, ends all: the others and the code are cancelled, and the whole fails with an AggregateError of all
 * failures, once everything has ended. A task that is cancelled is no failure. A cancellation from outside ends everything as well, and
 * stays a CancelledError if nothing fails.
 *
 * It is a function, not something for `await using`: what is disposed does not learn how its block has ended.
 *
 * @param body - An async function or generator function; it is given the group.
 * @returns What `body` gives.
 * @throws Through the operation: AggregateError, its `errors` in the order in which they came, that of `body` last; CancelledError;
 *   KeyboardInterrupt of a task; TypeError if `body` is no function; RuntimeError if no loop is running.
 *
 * @example
 * const [a, b] = await taskGroup(async (group) => {
 *   const a = group.createTask(() => read('a'));
 *   const b = group.createTask(() => read('b'));
 *   return [await a, await b];
 * });
 */
export function taskGroup<T>(
  body: (group: TaskGroup) => ReturnType<Extract<Coroutine<T>, () => unknown>>,
): Operation<T> {
  let loop: FutureFactory | null = null;
  try {
    loop = runningFactory();
    checkBody('taskGroup', body);
    return new GroupOperation<T>(loop).beginWith(body);
  } catch (error) {
    return failedOperation(loop, error);
  }
}

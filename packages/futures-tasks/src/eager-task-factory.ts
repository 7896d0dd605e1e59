import type { IoBackend } from '@tsyncio/core';
import type { Coroutine } from './coroutine.js';
import type { Future } from './future.js';
import { Task, type TaskOptions } from './task.js';
import type { TaskFactory, TaskLoop } from './task-loop.js';

/** A class of tasks that takes the arguments of {@link Task}. */
type TaskClass = new <T>(coroutine: Coroutine<T>, options: TaskOptions) => Future<T>;

/**
 * A task factory whose tasks begin at once: see `eagerStart` of {@link TaskOptions}. asyncio: `create_eager_task_factory`, since 3.12.
 *
 * @param taskClass - Its constructor must understand `eagerStart`: a subclass of {@link Task}.
 */
export function createEagerTaskFactory(taskClass: TaskClass): TaskFactory {
  if (typeof taskClass !== 'function') throw new TypeError('createEagerTaskFactory: a class of tasks was expected');
  return <T>(loop: TaskLoop<IoBackend>, coroutine: Coroutine<T>, options?: Omit<TaskOptions, 'loop'>) =>
    new taskClass<T>(coroutine, { ...options, loop, eagerStart: options?.eagerStart ?? true });
}

/**
 * Makes tasks that begin at once, up to their first wait; `{ eagerStart: false }` has one begin as usual. asyncio: `eager_task_factory`, since
 * 3.12.
 *
 * @example
 * loop.setTaskFactory(eagerTaskFactory);
 */
export const eagerTaskFactory: TaskFactory = createEagerTaskFactory(Task);

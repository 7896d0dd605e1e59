import { getRunningLoop, hasBrand, RuntimeError, taskOfContext, threadState, type AnyLoop } from '@tsyncio/core';
import type { Task } from './task.js';

/** What a task of another implementation must offer to be listed by {@link allTasks}. */
export interface RegisteredTask {
  getLoop(): AnyLoop;
  done(): boolean;
}

interface TaskState {
  /** Unfinished tasks, held strongly until they are done. */
  readonly tasks: WeakMap<object, Set<object>>;
  /** Current tasks of implementations that use {@link enterTask}. */
  readonly entered: WeakMap<object, object>;
}

// Shared by all copies of this package in the thread, like the rest of the thread's state.
const state = ((threadState as { taskState?: TaskState }).taskState ??= {
  tasks: new WeakMap(),
  entered: new WeakMap(),
});

/** Lists a task of ours. Internal. */
export function addTask(task: { readonly scheduler: object | null }): void {
  list(task.scheduler!, task);
}

function list(loop: object, task: object): void {
  const tasks = state.tasks.get(loop);
  if (tasks === undefined) state.tasks.set(loop, new Set([task]));
  else tasks.add(task);
}

/** Takes a finished task off the list. Internal. */
export function removeTask(task: { readonly scheduler: object | null }): void {
  state.tasks.get(task.scheduler!)?.delete(task);
}

/** For authors of task classes: lists `task` in {@link allTasks}. asyncio: `_register_task`. */
export function registerTask(task: RegisteredTask): void {
  list(task.getLoop(), task);
}

/** For authors of task classes: takes `task` off the list; an unknown one is no error. asyncio: `_unregister_task`. */
export function unregisterTask(task: RegisteredTask): void {
  state.tasks.get(task.getLoop())?.delete(task);
}

/**
 * The task whose step this code belongs to, or null in a plain callback. asyncio: `current_task`.
 *
 * @param loop - Default the running loop.
 * @throws RuntimeError without argument outside of a run.
 */
export function currentTask(loop?: AnyLoop): Task | null {
  const ofLoop = loop ?? getRunningLoop();
  const entered = state.entered.get(ofLoop);
  if (entered !== undefined) return entered as Task;
  const task = taskOfContext() as Task | null;
  if (task === null || !hasBrand(task, 'Task') || task.done() || task.getLoop() !== (ofLoop as unknown)) return null;
  return task;
}

/**
 * The unfinished tasks of a loop. asyncio: `all_tasks`.
 *
 * @param loop - Default the running loop.
 * @throws RuntimeError without argument outside of a run.
 */
export function allTasks(loop?: AnyLoop): Set<Task> {
  const ofLoop = loop ?? getRunningLoop();
  const found = new Set<Task>();
  for (const task of state.tasks.get(ofLoop) ?? []) {
    if (!(task as Task).done()) found.add(task as Task);
  }
  return found;
}

/**
 * For authors of task classes: `task` begins a step. asyncio: `_enter_task`.
 *
 * @throws RuntimeError if another task is current.
 */
export function enterTask(loop: AnyLoop, task: object): void {
  const current = currentTask(loop);
  if (current !== null) {
    throw new RuntimeError(
      `Cannot enter into task ${String(task)} while another task ${String(current)} is being executed.`,
    );
  }
  state.entered.set(loop, task);
}

/**
 * For authors of task classes: `task` ends a step. asyncio: `_leave_task`.
 *
 * @throws RuntimeError if `task` is not the current one.
 */
export function leaveTask(loop: AnyLoop, task: object): void {
  const current = currentTask(loop);
  if ((current as object | null) !== task) {
    throw new RuntimeError(`Leaving task ${String(task)} does not match the current task ${String(current)}.`);
  }
  state.entered.delete(loop);
}

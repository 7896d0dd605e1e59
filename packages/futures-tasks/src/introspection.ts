import { getRunningLoop, hasBrand, RuntimeError, taskOfContext, threadState, type AnyLoop } from '@tsyncio/core';
import type { Task } from './task.js';

/** What a task of another implementation must offer to be listed by {@link allTasks}. */
export interface RegisteredTask {
  getLoop(): AnyLoop;
  done(): boolean;
}

/** What a task of ours has to stand in the list of its loop: no table of 100,000 tasks has to grow. Internal. */
export interface ListedTask {
  readonly scheduler: object;
  /** The task that was made before it, and after it. */
  previousTask: ListedTask | null;
  nextTask: ListedTask | null;
}

/** The unfinished tasks of a loop, held strongly until they are done. */
interface LoopTasks {
  /** Ours, the last one made; the others hang on it. */
  last: ListedTask | null;
  /** Those of other implementations. */
  readonly registered: Set<RegisteredTask>;
}

interface TaskState {
  readonly tasks: WeakMap<object, LoopTasks>;
  /** Current tasks of implementations that use {@link enterTask}. */
  readonly entered: WeakMap<object, object>;
}

// Shared by all copies of this package in the thread, like the rest of the thread's state.
const state = ((threadState as { taskState?: TaskState }).taskState ??= {
  tasks: new WeakMap(),
  entered: new WeakMap(),
});

function tasksOf(loop: object): LoopTasks {
  let tasks = state.tasks.get(loop);
  if (tasks === undefined) state.tasks.set(loop, (tasks = { last: null, registered: new Set() }));
  return tasks;
}

/** Lists a task of ours. Internal. */
export function addTask(task: ListedTask): void {
  const tasks = tasksOf(task.scheduler);
  const { last } = tasks;
  task.previousTask = last;
  if (last !== null) last.nextTask = task;
  tasks.last = task;
}

/** Takes a finished task of ours off the list. Internal. */
export function removeTask(task: ListedTask): void {
  const { previousTask, nextTask } = task;
  if (previousTask !== null) previousTask.nextTask = nextTask;
  if (nextTask !== null) nextTask.previousTask = previousTask;
  else {
    const tasks = tasksOf(task.scheduler);
    // Not listed, or no longer: it was finished from outside and took itself off then.
    if (tasks.last === task) tasks.last = previousTask;
  }
  task.previousTask = null;
  task.nextTask = null;
}

/** For authors of task classes: lists `task` in {@link allTasks}. asyncio: `_register_task`. */
export function registerTask(task: RegisteredTask): void {
  tasksOf(task.getLoop()).registered.add(task);
}

/** For authors of task classes: takes `task` off the list; an unknown one is no error. asyncio: `_unregister_task`. */
export function unregisterTask(task: RegisteredTask): void {
  tasksOf(task.getLoop()).registered.delete(task);
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
  const { last, registered } = tasksOf(ofLoop);
  const ours: Task[] = [];
  for (let task = last; task !== null; task = task.previousTask) ours.push(task as unknown as Task);
  const found = new Set(ours.reverse());
  for (const task of registered) if (!task.done()) found.add(task as unknown as Task);
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

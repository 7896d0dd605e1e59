/**
 * Futures, tasks and operations over the scheduler of `@tsyncio/core`: no I/O, no native code.
 *
 * @packageDocumentation
 */
export { asyncgen } from './asyncgen.js';
export type { AnyScheduler, LoopAwaitable, Outcome, Waiter } from './awaitable.js';
export { asCompleted, type AsCompletedOptions, type CompletionIterator } from './as-completed.js';
export { futureAddToAwaitedBy, futureDiscardFromAwaitedBy } from './awaited-by.js';
export { Barrier, BrokenBarrierError } from './barrier.js';
export {
  captureCallGraph,
  formatCallGraph,
  printCallGraph,
  type CallGraphOptions,
  type FutureCallGraph,
} from './call-graph.js';
export { Condition } from './condition.js';
export { call, checkCoroutine, isCoroutine, isCoroutineFunction, type Awaitable, type Coroutine } from './coroutine.js';
export { drive } from './drive.js';
export { type EnsureFutureOptions, type FutureFactory } from './current-factory.js';
export { createEagerTaskFactory, eagerTaskFactory } from './eager-task-factory.js';
export { ensureFuture } from './ensure-future.js';
export { Event } from './event.js';
export { Future, isFuture, type FutureOptions } from './future.js';
export { gather, type AwaitedOf, type GatherOptions } from './gather.js';
export {
  allTasks,
  currentTask,
  enterTask,
  leaveTask,
  registerTask,
  unregisterTask,
  type RegisteredTask,
} from './introspection.js';
export type { ItemStore } from './item-store.js';
export { LifoQueue } from './lifo-queue.js';
export { Lock } from './lock.js';
export type { FutureOf } from './member-set.js';
export { Operation, failedOperation, finishedOperation, operation, type OperationOptions } from './operation.js';
export { PriorityQueue, type PriorityQueueOptions } from './priority-queue.js';
export { QueueEmpty, QueueFull, QueueShutDown } from './queue-errors.js';
export { Queue } from './queue.js';
export { runCoroutineThreadsafe } from './run-coroutine-threadsafe.js';
export { BoundedSemaphore, Semaphore } from './semaphore.js';
export { shield } from './shield.js';
export { sleep } from './sleep.js';
export type { CoroutineGenerator } from './stepper.js';
export { Task, type TaskOptions } from './task.js';
export { TaskGroup, taskGroup } from './task-group.js';
export { TaskLoop, type TaskFactory } from './task-loop.js';
export { Timeout, timeout, timeoutAt, type AbortOptions, type TimeoutBody } from './timeout.js';
export { waitFor } from './wait-for.js';
export { ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, wait, type ReturnWhen, type WaitOptions } from './wait.js';
export { wrapFuture } from './wrap-future.js';
export { wrapPromise } from './wrap-promise.js';

import { ConcurrentFuture, isExitError } from '@tsyncio/core';
import { checkCoroutine, type Coroutine } from './coroutine.js';
import type { FutureFactory } from './current-factory.js';
import { ensureFuture } from './ensure-future.js';
import type { Future } from './future.js';

/**
 * Runs a coroutine in a loop, from code that does not belong to it. asyncio: `run_coroutine_threadsafe`.
 *
 * Allowed from everywhere in this JavaScript thread. Another thread names the coroutine instead, because it cannot be sent:
 * `connectLoop(port).run(name, ...args)`. The coroutine becomes a task in a later iteration. Cancelling the result cancels the task; before the loop has taken the coroutine up it still begins, and is
 * cancelled at its first wait.
 *
 * @throws TypeError if it is no coroutine. RuntimeError if the loop is closed.
 *
 * @example
 * const answer = await runCoroutineThreadsafe(() => ask(loop), loop).promise();
 */
export function runCoroutineThreadsafe<T>(coroutine: Coroutine<T>, loop: FutureFactory): ConcurrentFuture<T> {
  checkCoroutine('runCoroutineThreadsafe', coroutine);
  const concurrent = new ConcurrentFuture<T>();
  loop.callSoonThreadsafe(() => {
    try {
      connect(ensureFuture(coroutine, { loop }), concurrent);
    } catch (error) {
      // A task factory failed: whoever waits learns it, and so does the exception handler.
      if (!isExitError(error) && concurrent.setRunningOrNotifyCancel()) concurrent.setException(error);
      throw error;
    }
  });
  return concurrent;
}

function connect<T>(task: Future<T>, concurrent: ConcurrentFuture<T>): void {
  const loop = task.getLoop();
  concurrent.addDoneCallback(() => {
    if (concurrent.cancelled() && !loop.isClosed()) loop.callSoonThreadsafe(cancel, task);
  });
  task.addDoneCallback(() => {
    if (task.cancelled()) concurrent.cancel();
    if (!concurrent.setRunningOrNotifyCancel()) return;
    let value: T;
    try {
      value = task.result();
    } catch (error) {
      concurrent.setException(error);
      return;
    }
    concurrent.setResult(value);
  });
}

function cancel(task: Future<unknown>): void {
  task.cancel();
}

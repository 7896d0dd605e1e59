import { allTasks, gather, type Task } from '@tsyncio/futures-tasks';
import type { AnyTaskLoop } from './runner.js';

/**
 * Cancels every task of a loop that does not run, and runs it until they have ended. Internal.
 *
 * @param timeout - Seconds: see `RunnerOptions.shutdownTimeout`.
 */
export async function cancelRemaining(loop: AnyTaskLoop, timeout: number): Promise<void> {
  const tasks = [...allTasks(loop)];
  if (tasks.length === 0) return;
  for (const task of tasks) task.cancel();
  const ended = gather(...tasks, { returnExceptions: true, loop });
  // Clean-up may take its time; only waits that the loop cannot end are given up.
  const giveUp = (): void => {
    const remaining = tasks.filter((task) => !task.done());
    if (remaining.every((task) => task.inForeignWait())) {
      gaveUp = true;
      loop.stop();
    } else timer = loop.callLater(timeout, giveUp);
  };
  let gaveUp = false;
  let timer = loop.callLater(timeout, giveUp);
  try {
    await loop.runUntilComplete(ended);
  } catch (error) {
    if (!gaveUp || ended.done()) throw error;
  } finally {
    timer.cancel();
  }
  for (const task of tasks) reportLeftover(loop, task);
}

function reportLeftover(loop: AnyTaskLoop, task: Task): void {
  if (!task.done()) {
    loop.callExceptionHandler({
      message: `task ${task.getName()} still waits for a promise outside of the loop after run() cancelled it`,
      task,
    });
  } else if (task.outcome() === 'exception') {
    loop.callExceptionHandler({
      message: 'unhandled exception during asyncio.run() shutdown',
      exception: task.exception(),
      task,
    });
  }
}

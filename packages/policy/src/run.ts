import { hasBrand, loopOfContext, repr, RuntimeError, ValueError, type IoBackend } from '@tsyncio/core';
import { allTasks, checkCoroutine, gather, type Coroutine, type Task, type TaskLoop } from '@tsyncio/futures-tasks';
import { newEventLoop, setEventLoop } from './loop-access.js';

type AnyTaskLoop = TaskLoop<IoBackend>;

/** How {@link run} runs. */
export interface RunOptions {
  /** Debug mode of the loop; default by the environment. */
  readonly debug?: boolean | undefined;
  /** Makes the loop; then neither the policy nor the current loop is touched. */
  readonly loopFactory?: (() => AnyTaskLoop) | undefined;
  /**
   * Seconds to wait at the end for cancelled tasks that wait for a promise which is not the loop's: nothing can end such a wait. Default 5.
   */
  readonly shutdownTimeout?: number | undefined;
}

/**
 * Runs a program: makes a loop, runs `main` to its end, cancels what is left, closes the loop. asyncio: `asyncio.run`.
 *
 * @param main - A coroutine.
 * @returns The result of `main`, or rejected with its error. Rejected with a RuntimeError from inside a running loop, with a TypeError if
 *   `main` is no coroutine.
 *
 * @example
 * await run(async () => {
 *   await sleep(1);
 *   console.log('Hello World');
 * });
 */
export async function run<T>(main: Coroutine<T>, options: RunOptions = {}): Promise<T> {
  if (loopOfContext() !== null) throw new RuntimeError('run() cannot be called from a running event loop');
  checkCoroutine('run', main);
  const { debug, loopFactory, shutdownTimeout = 5 } = options;
  if (typeof shutdownTimeout !== 'number') throw new TypeError('run: shutdownTimeout must be a number of seconds');
  if (!(shutdownTimeout >= 0)) throw new ValueError('run: shutdownTimeout must not be negative');
  const loop = loopFactory === undefined ? (newEventLoop() as unknown as AnyTaskLoop) : loopFactory();
  if (!hasBrand(loop, 'TaskLoop')) throw new TypeError(`run: the loop made, ${repr(loop)}, cannot run tasks`);
  try {
    if (loopFactory === undefined) setEventLoop(loop);
    if (debug !== undefined) loop.setDebug(debug);
    return await loop.runUntilComplete(main);
  } finally {
    try {
      await cancelRemaining(loop, shutdownTimeout);
      await loop.runUntilComplete(() => loop.shutdownAsyncgens());
    } finally {
      if (loopFactory === undefined) setEventLoop(null);
      loop.close();
    }
  }
}

async function cancelRemaining(loop: AnyTaskLoop, timeout: number): Promise<void> {
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

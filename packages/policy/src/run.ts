import { loopOfContext, RuntimeError } from '@tsyncio/core';
import { checkCoroutine, type Coroutine } from '@tsyncio/futures-tasks';
import { Runner, type RunnerOptions } from './runner.js';

/** How {@link run} runs. */
export interface RunOptions extends RunnerOptions {}

/**
 * Runs a program: makes a loop, runs `main` to its end, cancels what is left, closes the loop. asyncio: `asyncio.run`.
 *
 * Ctrl-C cancels `main`, so that it can clean up, and fails the whole with KeyboardInterrupt: see {@link Runner}.
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
  const runner = new Runner(options);
  try {
    return await runner.run(main);
  } finally {
    await runner.close();
  }
}

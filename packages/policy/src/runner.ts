import {
  copyContext,
  hasBrand,
  isCancelled,
  KeyboardInterrupt,
  loopOfContext,
  repr,
  RuntimeError,
  ValueError,
  type Context,
  type IoBackend,
} from '@tsyncio/core';
import { checkCoroutine, type Coroutine, type Future, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import { cancelRemaining } from './cancel-remaining.js';
import { newEventLoop, setEventLoop } from './loop-access.js';

/** A loop that runs tasks, over any backend. */
export type AnyTaskLoop = TaskLoop<IoBackend>;

/** Seconds that calls in the default executor are waited for at the end. asyncio's number. */
const EXECUTOR_TIMEOUT = 300;

/** How a {@link Runner}, or `run`, runs. */
export interface RunnerOptions {
  /** Debug mode of the loop; default by the environment. */
  readonly debug?: boolean | undefined;
  /** Makes the loop; then neither the policy nor the current loop is touched. */
  readonly loopFactory?: (() => AnyTaskLoop) | undefined;
  /**
   * Seconds to wait at the end for cancelled tasks that wait for a promise which is not the loop's: nothing can end such a wait. Default 5.
   */
  readonly shutdownTimeout?: number | undefined;
}

/** How {@link Runner.run} runs. */
export interface RunnerRunOptions {
  /** The context variables of the main task, which changes them in place; default those of the runner, shared by all its runs. */
  readonly context?: Context | undefined;
}

/** What a loop with executors has: the umbrella's. */
interface WithExecutor {
  shutdownDefaultExecutor?: (timeout: number) => Operation<void> | Future<void>;
}

/**
 * One loop for several programs one after the other: what `run` does, in pieces. asyncio: `asyncio.Runner`, since 3.11.
 *
 * In the main thread it takes SIGINT while it runs, if nobody else in the program handles that signal: the first one cancels the main task,
 * and once that has ended cancelled, `run` fails with KeyboardInterrupt; the second one ends the run with KeyboardInterrupt at once.
 *
 * @example
 * await using runner = new Runner();
 * const config = await runner.run(readConfig);
 * await runner.run(() => serve(config));
 */
export class Runner implements AsyncDisposable {
  private loop: AnyTaskLoop | null = null;
  private context: Context | null = null;
  private closing: Promise<void> | null = null;
  private readonly shutdownTimeout: number;

  /** Nothing is made before it is needed. @throws TypeError and ValueError for a bad `shutdownTimeout`. */
  constructor(private readonly options: RunnerOptions = {}) {
    const { shutdownTimeout = 5 } = options;
    if (typeof shutdownTimeout !== 'number') throw new TypeError('Runner: shutdownTimeout must be a number of seconds');
    if (!(shutdownTimeout >= 0)) throw new ValueError('Runner: shutdownTimeout must not be negative');
    this.shutdownTimeout = shutdownTimeout;
  }

  /**
   * The loop, made at the first call. asyncio: `Runner.get_loop`.
   *
   * @throws RuntimeError after {@link close}. TypeError if what was made is no loop that runs tasks.
   */
  getLoop(): AnyTaskLoop {
    if (this.closing !== null) throw new RuntimeError('Runner is closed');
    if (this.loop !== null) return this.loop;
    const { debug, loopFactory } = this.options;
    const loop = loopFactory === undefined ? (newEventLoop() as unknown as AnyTaskLoop) : loopFactory();
    if (!hasBrand(loop, 'TaskLoop')) throw new TypeError(`the loop made, ${repr(loop)}, cannot run tasks`);
    if (loopFactory === undefined) setEventLoop(loop);
    if (debug !== undefined) loop.setDebug(debug);
    this.context = copyContext();
    return (this.loop = loop);
  }

  /**
   * Runs a coroutine to its end. asyncio: `Runner.run`.
   *
   * @returns Its result, or rejected with its error; with KeyboardInterrupt: see {@link Runner}. Rejected with a TypeError if `main` is no
   *   coroutine, and with a RuntimeError after {@link close}, from inside a running loop, and while another call runs.
   */
  async run<T>(main: Coroutine<T>, options: RunnerRunOptions = {}): Promise<T> {
    checkCoroutine('Runner.run', main);
    if (loopOfContext() !== null) throw new RuntimeError('Runner.run() cannot be called from a running event loop');
    const loop = this.getLoop();
    if (loop.isRunning()) throw new RuntimeError('Runner.run() is running already');
    const task = loop.createTask(main, { context: options.context ?? this.context! });
    let interrupts = 0;
    const takeBack = loop.onInterrupt(() => {
      interrupts++;
      if (interrupts === 1 && !task.done()) task.cancel();
      else loop.abortRun(new KeyboardInterrupt());
    });
    try {
      return await loop.runUntilComplete(task);
    } catch (error) {
      // Somebody else may have cancelled it as well, and a task of a user's own kind may not count.
      if (interrupts > 0 && isCancelled(error) && (task as Partial<typeof task>).uncancel?.() === 0) {
        throw new KeyboardInterrupt('', { cause: error });
      }
      throw error;
    } finally {
      takeBack();
    }
  }

  /**
   * Cancels what is left, waits for its end, shuts down asynchronous generators and the default executor, and closes the loop. asyncio:
   * `Runner.close`. A runner that has made no loop does nothing, and neither does a second call.
   *
   * @returns Rejected with a RuntimeError while {@link run} runs.
   */
  close(): Promise<void> {
    const { loop } = this;
    if (loop === null) return Promise.resolve();
    if (this.closing === null && loop.isRunning()) {
      return Promise.reject(new RuntimeError('Cannot close a Runner that is running'));
    }
    return (this.closing ??= this.shutDown(loop));
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async shutDown(loop: AnyTaskLoop): Promise<void> {
    try {
      await cancelRemaining(loop, this.shutdownTimeout);
      await loop.runUntilComplete(() => loop.shutdownAsyncgens());
      const { shutdownDefaultExecutor } = loop as AnyTaskLoop & WithExecutor;
      if (shutdownDefaultExecutor !== undefined) {
        await loop.runUntilComplete(() => shutdownDefaultExecutor.call(loop, EXECUTOR_TIMEOUT));
      }
    } finally {
      if (this.options.loopFactory === undefined) setEventLoop(null);
      loop.close();
    }
  }
}

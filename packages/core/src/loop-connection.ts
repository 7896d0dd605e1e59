import { MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { RuntimeError, ValueError } from './errors.js';
import { ConcurrentFuture } from './executor.js';
import { decodeError } from './remote-error.js';
import type { Answer, Greeting, Request, ThreadsafeCallbacks } from './threadsafe-messages.js';

/** When nothing is known of the callbacks: any arguments, unknown results. */
type AnyCallbacks = Readonly<Record<string, (...args: unknown[]) => unknown>>;

/** What `run` gives for a callback that returns `R`: what a promise or a generator of a coroutine ends with. */
export type RunResult<R> = R extends Generator<unknown, infer T, unknown> ? T : Awaited<R>;

/** The other thread's side of a door: see {@link connectLoop}. */
export class LoopConnection<C extends ThreadsafeCallbacks = AnyCallbacks> {
  private readonly state: Int32Array;
  private readonly pending = new Map<number, ConcurrentFuture<unknown>>();
  private lastId = 0;
  private ended = false;

  /** Made by {@link connectLoop}. */
  constructor(
    private readonly port: MessagePort,
    private readonly names: ReadonlySet<string>,
    closed: SharedArrayBuffer,
  ) {
    this.state = new Int32Array(closed);
    port.on('message', (answer: Answer) => this.onAnswer(answer));
    port.on('close', () => this.onClose());
    port.unref();
  }

  /**
   * Calls a function of the loop's thread as `callSoonThreadsafe` does: it runs in the loop's next iteration.
   *
   * @param name - A name that the door was opened with.
   * @param args - Cloned for the other thread.
   * @throws RuntimeError if the loop is closed, or its thread has ended. ValueError for an unknown name. DataCloneError for what cannot be
   *   cloned.
   */
  call<N extends keyof C & string>(name: N, ...args: Parameters<C[N]>): void {
    this.check('call', name);
    this.port.postMessage([0, name, ...args] satisfies Request);
  }

  /**
   * Runs a function of the loop's thread as a task of the loop, and gives back what it comes to. asyncio: `run_coroutine_threadsafe`; a
   * coroutine cannot be sent to another thread, so it is named. Calls and runs of one connection begin in the order in which they were
   * made.
   *
   * While it is pending this thread is kept alive. Cancelling the future cancels the task.
   *
   * @param name - A name that the door was opened with; its function is a coroutine function, or gives the result at once.
   * @param args - Cloned for the other thread, as the result is for this one.
   * @returns A future with the result, or the task's error with class, stack, cause and fields; cancelled if the task was. It fails with a
   *   RuntimeError if the loop is closed, or its thread ends, before the task has.
   * @throws As {@link call}.
   *
   * @example
   * const answer = await connection.run('ask', 'How many?').promise();
   */
  run<N extends keyof C & string>(name: N, ...args: Parameters<C[N]>): ConcurrentFuture<RunResult<ReturnType<C[N]>>> {
    this.check('run', name);
    const id = ++this.lastId;
    this.port.postMessage([id, name, ...args] satisfies Request);
    const future = new ConcurrentFuture<RunResult<ReturnType<C[N]>>>();
    if (this.pending.size === 0) this.port.ref();
    this.pending.set(id, future as ConcurrentFuture<unknown>);
    future.addDoneCallback(() => {
      if (future.cancelled() && this.take(id)) this.port.postMessage([id] satisfies Request);
    });
    return future;
  }

  /** Lets go of the loop: what is pending fails. The port ends by itself with the thread. */
  close(): void {
    this.port.close();
    this.onClose();
  }

  private check(method: string, name: string): void {
    if (this.ended || Atomics.load(this.state, 0) === 1) throw new RuntimeError('Event loop is closed');
    if (!this.names.has(name)) throw new ValueError(`${method}: the loop has no callback named '${name}'`);
  }

  private onAnswer(answer: Answer): void {
    const [id, outcome] = answer;
    const future = this.pending.get(id);
    if (future === undefined || !this.take(id)) return;
    if (outcome === 'cancelled') future.cancel();
    else if (!future.setRunningOrNotifyCancel()) return;
    else if (outcome === 'result') future.setResult(answer[2]);
    else future.setException(decodeError(answer[2]));
  }

  private onClose(): void {
    this.ended = true;
    for (const [id, future] of [...this.pending]) {
      this.take(id);
      if (!future.setRunningOrNotifyCancel()) continue;
      future.setException(new RuntimeError('the loop was closed, or its thread has ended, before the task was done'));
    }
  }

  /** Strikes `id` off what is pending. @returns False if it was not. */
  private take(id: number): boolean {
    if (!this.pending.delete(id)) return false;
    if (this.pending.size === 0) this.port.unref();
    return true;
  }
}

/**
 * Takes up a door that another thread opened with `loop.threadsafe.open`.
 *
 * @typeParam C - The type of the callbacks it was opened with, so that names, arguments and results are checked.
 * @param port - The transferred port.
 * @throws TypeError if `port` was not made by `threadsafe.open`, or was taken up before.
 *
 * @example
 * const connection = connectLoop<typeof callbacks>(workerData.port);
 * connection.call('onProgress', 0.5);
 */
export function connectLoop<C extends ThreadsafeCallbacks = AnyCallbacks>(port: MessagePort): LoopConnection<C> {
  if (!(port instanceof MessagePort)) {
    throw new TypeError('connectLoop: port must be a MessagePort made by loop.threadsafe.open()');
  }
  const greeting = (receiveMessageOnPort(port) as { message: Greeting } | undefined)?.message;
  if (greeting?.tsyncio !== 1) throw new TypeError('connectLoop: port was not made by loop.threadsafe.open()');
  return new LoopConnection<C>(port, new Set(greeting.names), greeting.closed);
}

import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { RuntimeError } from './errors.js';
import { encodeError } from './remote-error.js';
import type { AnyLoop } from './running-loop.js';
import type { Answer, Greeting, Request, ThreadsafeCallbacks } from './threadsafe-messages.js';

/** A task, as far as a door knows it. */
interface DoorTask {
  cancel(): boolean;
  cancelled(): boolean;
  result(): unknown;
  addDoneCallback(callback: () => void): void;
}

/** What the loop's side needs of the loop. Only a loop with tasks serves `run`. */
interface ThreadsafeLoop extends AnyLoop {
  callSoonThreadsafe(callback: (...args: never[]) => unknown, ...args: unknown[]): unknown;
  createTask?(coroutine: () => PromiseLike<unknown>): DoorTask;
}

type Callback = (...args: unknown[]) => unknown;

/** The door of a loop for other JavaScript threads: `loop.threadsafe`. asyncio: `call_soon_threadsafe` from another thread. */
export class LoopThreadsafe {
  private readonly closed = new SharedArrayBuffer(4);
  private readonly ports = new Set<MessagePort>();

  /** Made by the loop. */
  constructor(private readonly loop: ThreadsafeLoop) {}

  /**
   * Opens a door for one other thread. Its calls become callbacks of the loop, its runs tasks, in the order in which they were made.
   *
   * When the other thread ends, the tasks that it has begun go on.
   *
   * @param callbacks - What may be called or run, by name; arguments arrive as structured clones.
   * @returns A port to hand over in a `transferList`; the other thread gives it to {@link connectLoop}.
   *
   * @example
   * const port = loop.threadsafe.open({ onJob: (x: number) => results.push(x) });
   * new Worker(file, { workerData: port, transferList: [port] });
   */
  open(callbacks: ThreadsafeCallbacks): MessagePort {
    if (typeof callbacks !== 'object' || callbacks === null) {
      throw new TypeError('threadsafe.open: callbacks must be an object of functions');
    }
    for (const [name, callback] of Object.entries(callbacks)) {
      if (typeof callback !== 'function') throw new TypeError(`threadsafe.open: ${name} must be a function`);
    }
    if (this.loop.isClosed()) throw new RuntimeError('Event loop is closed');
    const { port1, port2 } = new MessageChannel();
    const door = new Door(this.loop, port1, new Map(Object.entries(callbacks)));
    port1.on('message', (request: Request) => door.onRequest(request));
    port1.on('close', () => this.ports.delete(port1));
    // A door alone does not keep the process alive: a running loop does.
    port1.unref();
    this.ports.add(port1);
    const greeting: Greeting = { tsyncio: 1, names: Object.keys(callbacks), closed: this.closed };
    port1.postMessage(greeting);
    return port2;
  }

  /** Called by the loop's `close`: further calls from other threads fail, and so do runs that are not done. */
  close(): void {
    Atomics.store(new Int32Array(this.closed), 0, 1);
    for (const port of this.ports) port.close();
    this.ports.clear();
  }
}

/** The loop's end of one port. */
class Door {
  private readonly tasks = new Map<number, DoorTask>();

  constructor(
    private readonly loop: ThreadsafeLoop,
    private readonly port: MessagePort,
    private readonly callbacks: ReadonlyMap<string, (...args: never[]) => unknown>,
  ) {}

  onRequest([id, name, ...args]: Request): void {
    const { loop } = this;
    if (loop.isClosed()) return;
    if (name === undefined) {
      loop.callSoonThreadsafe((run: number) => this.cancel(run), id);
      return;
    }
    const callback = this.callbacks.get(name) as Callback | undefined;
    if (callback === undefined) return;
    if (id === 0) loop.callSoonThreadsafe(callback, ...args);
    else loop.callSoonThreadsafe(() => this.begin(id, callback, args));
  }

  private begin(id: number, callback: Callback, args: readonly unknown[]): void {
    const { loop } = this;
    let task: DoorTask;
    try {
      if (loop.createTask === undefined) throw new RuntimeError(`${String(loop)} makes no tasks: use TaskLoop`);
      task = loop.createTask(() => coroutineOf(callback(...args)));
    } catch (error) {
      // A task factory failed: whoever waits learns it, and so does the exception handler.
      this.answer([id, 'error', encodeError(error)]);
      throw error;
    }
    this.tasks.set(id, task);
    task.addDoneCallback(() => {
      this.tasks.delete(id);
      this.answerFor(id, task);
    });
  }

  /** In an iteration of its own: a task that has just been made begins first, and is cancelled at its first wait. */
  private cancel(id: number): void {
    const task = this.tasks.get(id);
    if (task !== undefined) this.loop.callSoonThreadsafe(() => task.cancel());
  }

  private answerFor(id: number, task: DoorTask): void {
    if (task.cancelled()) {
      this.answer([id, 'cancelled']);
      return;
    }
    let value: unknown;
    try {
      value = task.result();
    } catch (error) {
      this.answer([id, 'error', encodeError(error)]);
      return;
    }
    this.answer([id, 'result', value]);
  }

  private answer(answer: Answer): void {
    try {
      this.port.postMessage(answer);
    } catch (error) {
      // The result cannot be cloned.
      this.port.postMessage([answer[0], 'error', encodeError(error)] satisfies Answer);
    }
  }
}

/** What a callback gave, as what the body of a task may give. */
function coroutineOf(result: unknown): PromiseLike<unknown> {
  const isCoroutine =
    typeof result === 'object' &&
    result !== null &&
    (typeof (result as { then?: unknown }).then === 'function' ||
      Object.prototype.toString.call(result) === '[object Generator]');
  return (isCoroutine ? result : Promise.resolve(result)) as PromiseLike<unknown>;
}

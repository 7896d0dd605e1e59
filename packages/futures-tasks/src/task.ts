import { AsyncResource } from 'node:async_hooks';
import {
  type AsyncStore,
  brand,
  CancelledError,
  type Context,
  copyContext,
  hasBrand,
  InvalidStateError,
  isCancelled,
  isExitError,
  logger,
  loopOfContext,
  repr,
  RuntimeError,
  threadState,
  type EntryPoint,
} from '@tsyncio/core';
import { checkMessage, messageOf } from './cancel-message.js';
import { checkSignal, onAbort } from './abort-listeners.js';
import type { AnyScheduler, LoopAwaitable, Waiter, WaitingTask } from './awaitable.js';
import { checkCoroutine, coroutineName, isGenerator, type Coroutine } from './coroutine.js';
import { CancelSignal } from './cancel-signal.js';
import { Future } from './future.js';
import { addTask, removeTask, type ListedTask } from './introspection.js';
import { liveScope, liveScopes, misuse } from './promise-waiter.js';
import { cancelAll, listOf, withoutWait, withWait, type Waits } from './waits.js';
import { Stepper, type CoroutineGenerator, type StepOwner } from './stepper.js';

/** How far a task's coroutine has come. */
const Stage = {
  New: 0,
  Begun: 1,
  Over: 2,
  /** The task was finished by others before its coroutine had ended, and that was reported. */
  Overtaken: 3,
} as const;
type Stage = (typeof Stage)[keyof typeof Stage];

/** How to make a {@link Task}. */
export interface TaskOptions {
  /** Default: the current loop. */
  readonly loop?: AnyScheduler | undefined;
  /** Converted to text; default `Task-N`. */
  readonly name?: unknown;
  /** Context variables of the task; default a copy of the current ones. */
  readonly context?: Context | undefined;
  /** Aborting it is {@link Task.cancel}. The task leaves no listener behind. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Run the coroutine at once, up to its first wait, instead of in the next iteration; only in code of the loop while it runs, otherwise as
   * usual. A generator that ends before any wait is done when the call returns; an async function is done within the step. Python 3.14:
   * `eager_start`.
   */
  readonly eagerStart?: boolean | undefined;
}

/**
 * A coroutine that runs in the loop. asyncio: `asyncio.Task`. Made by `loop.createTask`.
 *
 * Each step, from one wait to the next, is one callback of the loop, and nothing else runs in between.
 */
export class Task<T = unknown> extends Future<T> implements WaitingTask, StepOwner, ListedTask, AsyncStore {
  static {
    brand(this.prototype, 'Task');
  }
  /** Internal: a cancellation that nothing has accepted yet. */
  mustCancel = false;
  /** What the task waits for: usually one; several after `Promise.all` and un-awaited async calls. */
  private waits: Waits = null;
  private coroutine: Coroutine<T> | null;
  private readonly resource: AsyncResource;
  /** Internal: see {@link AsyncStore}. A task is its own store. */
  readonly context: Context;
  /** An automatic name is made into text when somebody asks. */
  private name: string | number;
  /** Internal: see {@link ListedTask}. */
  previousTask: ListedTask | null = null;
  nextTask: ListedTask | null = null;
  private stage: Stage = Stage.New;
  /** Drives a generator; null for a native async function. */
  private stepper: Stepper | null = null;
  private cancelSignal: CancelSignal | null = null;

  /** @throws TypeError if `coroutine` is none. RuntimeError if the loop is closed, or there is none. */
  constructor(coroutine: Coroutine<T>, options: TaskOptions = {}, madeBy?: EntryPoint) {
    checkCoroutine('createTask', coroutine);
    const { name, context, signal, eagerStart } = options;
    checkSignal('createTask', signal);
    if (context !== undefined && !hasBrand(context, 'Context')) {
      throw new TypeError(`createTask: context must be a Context, got ${repr(context)}`);
    }
    super(options, madeBy ?? new.target);
    const loop = this.scheduler;
    this.coroutine = coroutine;
    this.name = name === undefined || name === null ? ++threadState.taskNumber : String(name);
    this.context = context ?? copyContext();
    // Made inside our store, so that it holds the user's async context and ours.
    this.resource = threadState.storage.run(this, makeScope);
    const eager = eagerStart === true && signal?.aborted !== true && (loopOfContext() as object | null) === loop;
    if (!eager) loop.enqueue(this);
    addTask(this);
    if (signal !== undefined) this.cancelOn(signal);
    if (eager) this.startEagerly();
  }

  // ---- AsyncStore: the code of the task runs with the task as its store -------------------------------------------------------

  /** Internal. */
  get loop(): AnyScheduler {
    return this.scheduler;
  }

  /** Internal. */
  get task(): this {
    return this;
  }

  /** Internal. */
  get variables(): null {
    return null;
  }

  /** Internal. */
  get origin(): null {
    return null;
  }

  /** Internal. */
  get scope(): null {
    return null;
  }

  // -----------------------------------------------------------------------------------------------------------------------------

  /** The coroutine it was made of; null if it was begun eagerly and ended before its first wait. asyncio: `Task.get_coro`. */
  getCoro(): Coroutine<T> | null {
    return this.coroutine;
  }

  /** The context variables that its coroutine runs in. asyncio: `Task.get_context`, since 3.12. */
  getContext(): Context {
    return this.context;
  }

  /** asyncio: `Task.get_name`. */
  getName(): string {
    if (typeof this.name === 'number') this.name = `Task-${this.name}`;
    return this.name;
  }

  /** Converted to text. asyncio: `Task.set_name`. */
  setName(name: unknown): void {
    this.name = String(name);
  }

  /** A task's result is its coroutine's: always a RuntimeError. */
  override setResult(_value: T): void {
    throw new RuntimeError('Task does not support set_result operation');
  }

  /** A task's error is its coroutine's: always a RuntimeError. */
  override setException(_error: unknown): void {
    throw new RuntimeError('Task does not support set_exception operation');
  }

  /**
   * Asks the task to end: a CancelledError is thrown at its wait. The coroutine may catch it and go on. asyncio: `Task.cancel`.
   *
   * @param message - The message of the CancelledError, also for whoever awaits the task. Python: `msg`, since 3.9.
   * @returns False if it is done.
   * @throws TypeError if `message` is no text.
   */
  override cancel(message?: string): boolean {
    checkMessage(message);
    if (this.done()) {
      this.markRetrieved();
      return false;
    }
    if (this.beingCancelled) return false;
    const signal = (this.cancelSignal ??= new CancelSignal());
    signal.request(message);
    signal.asking = true;
    try {
      if (!cancelAll(this.waits, message)) this.mustCancel = true;
    } finally {
      signal.asking = false;
    }
    return true;
  }

  /** Internal: it is asking what it waits for to cancel. A request that comes back to it meanwhile has gone in a circle. */
  get beingCancelled(): boolean {
    return this.cancelSignal?.asking === true;
  }

  /**
   * How often it was asked to cancel, less the calls of {@link uncancel}. Asked by the task's own code, a `timeout` or `TaskGroup` which has
   * cancelled that code counts too. asyncio: `Task.cancelling`, since 3.11.
   */
  cancelling(): number {
    let count = this.cancelSignal?.requests ?? 0;
    for (const scope of liveScopes(this)) count += scope.interruptions();
    return count;
  }

  /**
   * Takes back one request to cancel: for code that has caught the CancelledError and goes on. asyncio: `Task.uncancel`, since 3.11.
   *
   * @returns How many requests are left. At none, an error that has not been thrown yet is dropped.
   */
  uncancel(): number {
    const signal = this.cancelSignal;
    if (signal !== null && signal.requests > 0) {
      signal.requests--;
      if (signal.requests === 0) this.mustCancel = false;
      for (const { source } of listOf(this.waits)) source?.withdrawCancel();
    } else {
      for (const scope of liveScopes(this)) {
        if (scope.interruptions() === 0) continue;
        scope.takeBackInterruption();
        break;
      }
    }
    return this.cancelling();
  }

  /** Internal: if somebody has asked it to cancel, the error is thrown at the next wait of the code that calls this, once more. */
  cancelAgain(): void {
    const signal = this.cancelSignal;
    if (signal !== null && signal.requests > 0) {
      signal.requests--;
      signal.request(signal.message);
      this.mustCancel = true;
      return;
    }
    for (const scope of liveScopes(this)) {
      if (scope.interruptions() === 0) continue;
      scope.interruptAgain();
      return;
    }
  }

  /**
   * Aborted when the task is asked to cancel; for what is not the loop's: `fetch(url, { signal: task.signal })`. After a cancellation has
   * been delivered it is a new one. Inside of `waitFor(() => ...)` and its kin it is also aborted when they end the code that they run.
   */
  get signal(): AbortSignal {
    const store = threadState.storage.getStore();
    const scope = store?.task === this ? liveScope(store) : null;
    if (scope !== null) return scope.signal;
    return (this.cancelSignal ??= new CancelSignal()).get(this.cancelled());
  }

  /**
   * Where it stands, innermost frame first: what its error remembers. asyncio: `Task.get_stack`. A suspended JavaScript function keeps
   * no frames: a pending task gives one line naming its coroutine.
   *
   * @param options - `limit`: at most so many frames.
   */
  getStack(options: { readonly limit?: number | undefined } = {}): string[] {
    let frames: string[];
    if (!this.done()) frames = [`at ${coroutineName(this.coroutine)}`];
    else if (this.outcome() === 'exception') {
      const stack = (this.failure() as { stack?: unknown }).stack;
      frames = typeof stack === 'string' ? stack.split('\n').filter((line) => line.startsWith('    at ')) : [];
      frames = frames.map((line) => line.trim());
    } else frames = [];
    return options.limit === undefined ? frames : frames.slice(0, options.limit);
  }

  /**
   * Writes the stack. asyncio: `Task.print_stack`.
   *
   * @param options - `limit` as for {@link getStack}; `file`: where to, default standard error.
   */
  printStack(
    options: { readonly limit?: number | undefined; readonly file?: { write(text: string): unknown } | undefined } = {},
  ): void {
    const file = options.file ?? process.stderr;
    const frames = this.getStack(options);
    if (this.done() && this.outcome() === 'exception') {
      const lines = [`Traceback for ${String(this)} (most recent call last):`, ...frames.map((line) => `  ${line}`)];
      file.write(`${[...lines, String(this.failure())].join('\n')}\n`);
    } else if (frames.length > 0) {
      file.write(
        `${[`Stack for ${String(this)} (most recent call last):`, ...frames.map((line) => `  ${line}`)].join('\n')}\n`,
      );
    } else {
      file.write(`No stack for ${String(this)}\n`);
    }
  }

  override get [Symbol.toStringTag](): string {
    return 'Task';
  }

  /**
   * True if it waits for a promise that is not the loop's: a request to cancel lands at its next wait for the loop.
   * Not to be asked from its own step.
   */
  override inForeignWait(): boolean {
    if (this.done() || this.stage === Stage.New) return false;
    if (this.waits !== null) {
      // Tasks that wait for each other in a circle wait for the loop.
      if (asked.has(this)) return false;
      asked.add(this);
      try {
        return listOf(this.waits).every(({ source }) => source?.inForeignWait() === true);
      } finally {
        asked.delete(this);
      }
    }
    return this.stepper === null || this.stepper.waitsForPromise;
  }

  private startEagerly(): void {
    this.run();
    if (this.done()) this.coroutine = null;
  }

  // ---- Job: the first step --------------------------------------------------------------------------------------------------

  /** Called by the loop. Internal. */
  run(): void {
    if (this.done() && this.refusesStep()) return;
    this.stage = Stage.Begun;
    const coroutine = this.coroutine!;
    if (typeof coroutine !== 'function') {
      const stepper = (this.stepper = new Stepper(coroutine, this, this.resource));
      if (this.mustCancel) this.cancelUnstarted(() => stepper.cancelUnstarted(this.cancelMessage()));
      else stepper.startClaimed();
    } else if (this.mustCancel) {
      this.cancelUnstarted(() => this.failed(new CancelledError(this.cancelMessage())));
    } else {
      this.resource.runInAsyncScope(startThunk, undefined, this, coroutine);
    }
  }

  private cancelOn(signal: AbortSignal): void {
    if (signal.aborted) {
      this.cancel();
      return;
    }
    const takeBack = onAbort(signal, () => this.cancel());
    this.addDoneCallback(takeBack);
  }

  private cancelUnstarted(end: () => void): void {
    this.mustCancel = false;
    this.cancelDelivered(null);
    end();
  }

  /** Takes what the coroutine function returned. Internal. */
  follow(result: unknown): void {
    if (result instanceof Promise) {
      this.followPromise(result);
    } else if (hasBrand(result, 'Future') || hasBrand(result, 'Operation')) {
      this.stepper = new Stepper(waitFor<T>(result as Future<T>), this, this.resource);
      this.stepper.start();
    } else if (isGenerator(result)) {
      this.stepper = new Stepper(result, this, this.resource);
      this.stepper.startClaimed();
    } else if (
      typeof result === 'object' &&
      result !== null &&
      typeof (result as { then?: unknown }).then === 'function'
    ) {
      this.followPromise(result as PromiseLike<unknown>);
    } else {
      const name = coroutineName(this.coroutine);
      throw new TypeError(`createTask: ${name}() must return a promise or a generator, got ${repr(result)}`);
    }
  }

  private followPromise(promise: PromiseLike<unknown>): void {
    this.scheduler.beginStep();
    promise.then(
      (value) => this.finished(value),
      (error: unknown) => this.failed(error),
    );
  }

  // ---- What its waits and its stepper need ----------------------------------------------------------------------------------

  /** Internal. */
  addWait(waiter: Waiter): void {
    this.waits = withWait(this.waits, waiter);
  }

  /** Internal. */
  removeWait(waiter: Waiter): void {
    this.waits = withoutWait(this.waits, waiter);
  }

  /** Internal. */
  awaitingTask(): this {
    return this;
  }

  /** Internal. */
  cancelRequested(): boolean {
    return this.mustCancel;
  }

  /** Internal. */
  cancelMessage(): string | undefined {
    return this.cancelSignal?.message;
  }

  /** Internal. */
  cancelTaken(): void {
    this.mustCancel = false;
  }

  /** Internal. */
  cancelDelivered(by: LoopAwaitable | null): void {
    this.cancelSignal?.delivered(by);
  }

  /** Internal. */
  checkWait(source: LoopAwaitable): RuntimeError | null {
    return misuse(this, source);
  }

  /** Internal: the coroutine is not driven on once the task was finished by the setters of its base class. */
  refusesStep(): boolean {
    if (this.stage === Stage.Over) return false;
    if (this.stage !== Stage.Overtaken) {
      this.stage = Stage.Overtaken;
      removeTask(this);
      this.scheduler.callExceptionHandler({
        message: `Exception in callback ${String(this)}`,
        exception: new InvalidStateError(`step(): already done: ${String(this)}`),
        task: this,
      });
    }
    return true;
  }

  /** Internal: the coroutine returned. */
  finished(value: unknown): void {
    if (this.done()) return;
    this.ended();
    if (this.mustCancel) {
      // Cancelled in its last step: the value is lost, as in asyncio.
      this.mustCancel = false;
      super.cancel(this.cancelMessage());
    } else if (hasBrand(value, 'Future') || hasBrand(value, 'Operation')) {
      this.fail(new TypeError(`a coroutine must not return ${repr(value)}: await it`));
    } else {
      if (this.scheduler.getDebug()) this.reportSwallowedCancel();
      this.succeed(value as T);
    }
  }

  /** `catch` catches everything: a task that was asked to end, and went on to return a result as if it had not been, is worth a word. */
  private reportSwallowedCancel(): void {
    const signal = this.cancelSignal;
    if (signal === null || !signal.thrown || signal.requests === 0) return;
    logger.warning(
      `${this.getName()} has caught its CancelledError and returned a result: throw it again, or call uncancel() if that was meant`,
    );
  }

  /** Internal: the coroutine threw. */
  failed(error: unknown): void {
    if (this.done()) return;
    this.ended();
    if (isCancelled(error)) {
      super.cancel(messageOf(error));
      return;
    }
    this.fail(error);
    if (isExitError(error)) {
      this.markRetrieved();
      this.scheduler.abortRun(error);
    }
  }

  private ended(): void {
    this.stage = Stage.Over;
    this.waits = null;
    removeTask(this);
  }

  /** As asyncio's repr: `<Task pending name='Task-1' coro=<main>>`. */
  protected override describe(): string[] {
    const [state, ...rest] = super.describe();
    const parts = [this.mustCancel && !this.done() ? 'cancelling' : state!, `name=${repr(this.getName())}`];
    if (this.coroutine !== null) parts.push(`coro=<${this.describeCoroutine()}>`);
    const waits = listOf(this.waits).map(({ source }) => String(source));
    if (waits.length > 0) parts.push(`wait_for=${waits.join(', ')}`);
    const [first, ...others] = parts;
    if (first!.startsWith('finished')) {
      // asyncio shows the name before the result.
      const [word, ...value] = first!.split(' ');
      return [word!, ...others, value.join(' '), ...rest];
    }
    return [...parts, ...rest];
  }

  private describeCoroutine(): string {
    const name = `${coroutineName(this.coroutine)}()`;
    if (this.done()) return `${name} done`;
    return this.stage === Stage.New ? name : `${name} running`;
  }

  protected override snapshot(): object {
    const copy = super.snapshot() as Record<string, unknown>;
    // The coroutine itself may refer to this task: only its name is kept.
    const name = coroutineName(this.coroutine);
    Object.assign(copy, {
      name: this.getName(),
      coroutine: { [name]: () => undefined }[name],
      waits: null,
      mustCancel: false,
    });
    return copy;
  }
}

/** Tasks that are being asked whether they are in a foreign wait. */
const asked = new Set<object>();

function makeScope(): AsyncResource {
  return new AsyncResource('tsyncio.Task', { requireManualDestroy: true });
}

/** The synchronous beginning of an async function, in the task's context. */
function startThunk<T>(task: Task<T>, thunk: () => unknown): void {
  try {
    task.follow(thunk());
  } catch (error) {
    task.failed(error);
  }
}

function* waitFor<T>(awaitable: Future<T>): CoroutineGenerator<T> {
  return yield* awaitable;
}

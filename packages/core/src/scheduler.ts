/* eslint-disable @typescript-eslint/unbound-method -- methods are named, never called: a stack is cut below them */
import { AsyncResource } from 'node:async_hooks';
import { AsyncStore, currentVariables } from './async-store.js';
import { brand } from './brand.js';
import { checkPort } from './check-port.js';
import { nodeClock, type Clock } from './clock.js';
import { copyContext } from './context.js';
import { logExceptionContext } from './default-exception-handler.js';
import { isExitError, RuntimeError, ValueError } from './errors.js';
import type { ExceptionContext } from './exception-context.js';
import { Handle, TimerHandle, type HandleOwner } from './handle.js';
import type { Host } from './host.js';
import { NoIo, type IoBackend, type ReadyJob, type ReadySink } from './io-backend.js';
import { logger } from './logger.js';
import { debugFromEnvironment, NodeHost } from './node-host.js';
import { ReadyQueue, type Job } from './ready-queue.js';
import { repr } from './repr.js';
import { getRunningLoopOrNull, loopOfContext } from './running-loop.js';
import { SignalHandlers, SignalListeners } from './signal-handlers.js';
import { checkCatchable, signalOf } from './signal-numbers.js';
import { threadState } from './thread-state.js';
import { LoopThreadsafe } from './threadsafe.js';
import { TimerHeap } from './timer-heap.js';
import { forgetUnclosed, watchUnclosed } from './unclosed.js';

/** Seconds that a turn may take before Node gets its own turn: the batch goes on in the next one, in the same order. */
const TURN_BUDGET_S = 0.001;
/** Jobs between two looks at the clock; steps of async tasks, which are longer, count as several. */
const JOBS_PER_CHECK = 32;
/** Between two looks no more than this part of the budget should pass: slow jobs are looked at more often, down to each one. */
const SLOW_CHECK_S = TURN_BUDGET_S / 4;
const QUICK_CHECK_S = TURN_BUDGET_S / 16;
const JOBS_PER_STEP = 6;
/** With fewer timers than this, cancelled ones are only dropped from the head. asyncio's numbers. */
const MIN_TIMERS_FOR_PURGE = 100;
const PURGE_FRACTION = 0.5;

/** Receives what `callExceptionHandler` is told. A handler written for a base class of the loop fits a subclass, and the reverse. */
export type ExceptionHandler<L = unknown> = {
  // A method, whose parameters TypeScript compares in both directions.
  handle(loop: L, context: ExceptionContext): void;
}['handle'];

/** How to make a {@link Scheduler}. */
export interface SchedulerOptions<B extends IoBackend = NoIo> {
  /** The I/O of the loop; default {@link NoIo}. A backend serves one loop. */
  readonly backend?: B | undefined;
  /** Where the loop lives; default a {@link NodeHost}. */
  readonly host?: Host | undefined;
  /** Default the monotonic clock. */
  readonly clock?: Clock | undefined;
  /** Debug mode; default by the environment variables TSYNCIO_DEBUG and PYTHONASYNCIODEBUG. */
  readonly debug?: boolean | undefined;
}

type Callback<A extends unknown[]> = (...args: A) => unknown;

/**
 * The event loop without tasks and without I/O of its own: callbacks, timers, running and stopping. asyncio: the scheduling half of
 * `BaseEventLoop`.
 *
 * A guest of Node's loop: an iteration polls the backend, moves due timers to the ready queue and runs exactly the callbacks that are
 * in the queue then. Nothing keeps the process alive while the loop does not run.
 *
 * @example
 * const loop = new Scheduler();
 * loop.callSoon(() => { console.log('Hello World'); loop.stop(); });
 * await loop.runForever();
 * loop.close();
 */
export class Scheduler<B extends IoBackend = NoIo> implements HandleOwner {
  static {
    brand(this.prototype, 'EventLoop');
  }
  /** The I/O backend. */
  readonly backend: B;
  /** In debug mode, callbacks and steps that take at least so many seconds are logged. Default 0.1. */
  slowCallbackDuration = 0.1;

  /** Where the loop lives. Internal. */
  protected readonly host: Host;
  private readonly clock: Clock;
  private readonly ready = new ReadyQueue();
  private readonly timers = new TimerHeap();
  private cancelledTimers = 0;

  private running = false;
  private stopping = false;
  private closed = false;
  /** True while the run sleeps in the host and nothing has asked for a turn. */
  private idle = false;
  private turnRequested = false;
  /** Jobs of the current iteration that have not run; those behind them belong to the next one. */
  private batch = 0;
  /** True between the poll of an iteration and the end of its batch. */
  private iterating = false;
  /** A job has resumed native async code: the next job must wait until its step is over. */
  private stepPending = false;
  private turnDeadline = 0;
  private jobsPerCheck = JOBS_PER_CHECK;
  private jobsUntilCheck = JOBS_PER_CHECK;
  private lastCheck = 0;
  /** An exit error from code that no job could pass on: an async step. */
  private escaped: { readonly error: unknown } | null = null;
  private runScope: AsyncResource | null = null;
  private settleRun: { resolve: () => void; reject: (error: unknown) => void } | null = null;

  private debug: boolean;
  /** In debug mode, what runs: the job, or the task that it resumes. */
  private debugJob: object | null = null;
  private debugStart = 0;
  private exceptionHandler: ExceptionHandler<this> | null = null;
  private threadsafeDoor: LoopThreadsafe | null = null;
  private readonly signalListeners = new SignalListeners();
  private signalHandlers: SignalHandlers | null = null;
  private closeCallbacks: (() => void)[] = [];

  /** @throws TypeError if an option has the wrong type. */
  constructor(options: SchedulerOptions<B> & { readonly backend: B });
  /** Without a backend there is no I/O: `createServer(new TaskLoop(), ...)` does not compile. */
  constructor(...options: NoIo extends B ? [options?: SchedulerOptions<B>] : [options: { readonly backend: B }]);
  constructor(options: SchedulerOptions<B> = {}) {
    if (typeof options !== 'object' || options === null) throw new TypeError('options must be an object');
    checkOptions(options);
    this.host = options.host ?? new NodeHost();
    this.clock = options.clock ?? nodeClock;
    this.debug = options.debug ?? debugFromEnvironment();
    this.backend = options.backend ?? (new NoIo() as IoBackend as B);
    // The sink knows the queue, not the loop, so that a forgotten loop can be collected and reported.
    const { ready } = this;
    const sink: ReadySink = {
      addReady: (job: ReadyJob) => {
        if (!job.cancelled()) ready.push(job);
      },
    };
    this.backend.attach(sink);
    watchUnclosed(this, {
      name: this.constructor.name,
      backend: this.backend,
      host: this.host,
      signals: this.signalListeners,
    });
  }

  // ---- Running and stopping -------------------------------------------------------------------------------------------------

  /**
   * Runs until {@link stop}. asyncio: `run_forever`.
   *
   * @returns Fulfilled when the run has ended; rejected with the error of a callback only for a `KeyboardInterrupt`, and with a
   *   RuntimeError if the loop is closed or running, or if this code belongs to another running loop.
   */
  runForever(): Promise<void> {
    try {
      this.checkRunnable();
    } catch (error) {
      return Promise.reject(error);
    }
    return this.startRun();
  }

  /**
   * Ends the run after the current iteration; called before a run, that run does one iteration without waiting. asyncio: `stop`.
   * Does nothing to a closed loop.
   */
  stop(): void {
    this.stopping = true;
    this.wakeUp();
  }

  /** True while a run is on. asyncio: `is_running`. */
  isRunning(): boolean {
    return this.running;
  }

  /** True for ever after {@link close}. asyncio: `is_closed`. */
  isClosed(): boolean {
    return this.closed;
  }

  /**
   * Drops queued callbacks and timers and releases every resource. A second call does nothing. asyncio: `close`.
   *
   * @throws RuntimeError if the loop is running.
   */
  close(): void {
    if (this.running) throw new RuntimeError('Cannot close a running event loop');
    if (this.closed) return;
    if (this.debug) logger.debug(`Close ${String(this)}`);
    this.closed = true;
    this.stopping = false;
    this.ready.clear();
    this.timers.clear();
    this.cancelledTimers = 0;
    this.threadsafeDoor?.close();
    this.signalHandlers?.clear();
    this.host.disarm();
    this.host.release();
    forgetUnclosed(this);
    this.backend.close();
    this.runCloseCallbacks();
  }

  /** Closes the loop: `using loop = new ...`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** `<Scheduler running=false closed=false debug=false>` with the class's own name. */
  toString(): string {
    return `<${this.constructor.name} running=${this.running} closed=${this.closed} debug=${this.debug}>`;
  }

  // ---- Callbacks ------------------------------------------------------------------------------------------------------------

  /**
   * Calls `callback(...args)` in the next iteration, after everything queued before. asyncio: `call_soon`.
   *
   * For asyncio's `context=` write `context.bind(callback)`. A promise that the callback returns is waited for before the next callback
   * runs, as long as it waits for nothing but this loop; its rejection goes to the exception handler.
   *
   * @throws RuntimeError if the loop is closed. TypeError if `callback` is no function.
   */
  callSoon<A extends unknown[]>(callback: Callback<A>, ...args: A): Handle {
    this.checkCall('callSoon', callback);
    if (this.debug) this.checkThread();
    const handle = new Handle(callback, args, this, undefined, this.callSoon);
    this.push(handle);
    return handle;
  }

  /**
   * As {@link callSoon}, and allowed from everywhere in this JavaScript thread, also in debug mode. From a worker use
   * {@link threadsafe}. asyncio: `call_soon_threadsafe`.
   */
  callSoonThreadsafe<A extends unknown[]>(callback: Callback<A>, ...args: A): Handle {
    this.checkCall('callSoonThreadsafe', callback);
    const madeBy = this.callSoonThreadsafe as Callback<never[]>;
    const handle = new Handle(callback, args, this, undefined, madeBy);
    this.push(handle);
    return handle;
  }

  /**
   * Calls `callback(...args)` after `delay` seconds. asyncio: `call_later`.
   *
   * @param delay - Seconds. Negative counts as due at once, Infinity as never. In debug mode a delay that looks like milliseconds is
   *   warned about once.
   * @throws RuntimeError if the loop is closed. TypeError for a delay that is no number or a callback that is no function; ValueError
   *   for NaN.
   */
  callLater<A extends unknown[]>(delay: number, callback: Callback<A>, ...args: A): TimerHandle {
    checkSeconds('callLater', 'delay', delay);
    this.checkCall('callLater', callback);
    if (this.debug) this.warnMilliseconds(delay);
    return this.addTimer(this.time() + delay, callback, args, this.callLater);
  }

  /**
   * Calls `callback(...args)` when the loop's clock has reached `when`. Timers of one deadline run in no particular order.
   * asyncio: `call_at`.
   *
   * @param when - Seconds on the clock of {@link time}.
   * @throws As {@link callLater}.
   */
  callAt<A extends unknown[]>(when: number, callback: Callback<A>, ...args: A): TimerHandle {
    checkSeconds('callAt', 'when', when);
    this.checkCall('callAt', callback);
    return this.addTimer(when, callback, args, this.callAt);
  }

  /** The loop's clock: seconds, monotonic, with an arbitrary origin. A subclass may override it. asyncio: `time`. */
  time(): number {
    return this.clock.time();
  }

  /** Ways into this loop from other JavaScript threads. */
  get threadsafe(): LoopThreadsafe {
    this.checkClosed();
    return (this.threadsafeDoor ??= new LoopThreadsafe(this));
  }

  // ---- Signals --------------------------------------------------------------------------------------------------------------

  /**
   * Calls `callback(...args)` as a callback of this loop each time the process gets a signal; replaces an earlier handler of this loop for
   * that signal. Only in the main thread. asyncio: `add_signal_handler`.
   *
   * It replaces what the signal does by default, and keeps nothing alive: a loop that does not run lets the process end. A signal that
   * arrives between two runs is kept for the next run; of those that end programs (SIGINT, SIGTERM, SIGHUP, SIGQUIT) a second one
   * then does what it does without a handler, so that Ctrl-C does not die with a loop that was stopped and never closed. Several loops with
   * a handler for one signal all get it, and so do listeners of `process`.
   *
   * @param sig - Name, `'SIGTERM'`, or number.
   * @param callback - May be async, as that of {@link callSoon}. It runs in the async context of this call, with the context variables in
   *   a copy of their own that all its calls share.
   * @throws TypeError if `callback` is no function or a generator function, or `sig` neither name nor number. ValueError for what is no
   *   signal of this system, and for SIGKILL and SIGSTOP. RuntimeError if the loop is closed, in a worker thread, and if the system
   *   refuses. NotImplementedError if the loop's host has no signals, and on Windows, where asyncio's loops have no handlers either.
   *
   * @example
   * for (const name of ['SIGINT', 'SIGTERM']) loop.addSignalHandler(name, () => server.close());
   */
  addSignalHandler<A extends unknown[]>(sig: string | number, callback: Callback<A>, ...args: A): void {
    checkSignalCallback(callback);
    const signal = signalOf('addSignalHandler', sig);
    checkCatchable('addSignalHandler', signal);
    this.checkClosed();
    this.signalHandlers ??= new SignalHandlers(
      { isRunning: () => this.running, deliver: (handle) => this.push(handle) },
      this.host,
      this.signalListeners,
    );
    this.signalHandlers.add(signal, new Handle(callback, args, this, copyContext(), this.addSignalHandler));
  }

  /**
   * Takes back the handler of this loop; the signal does again what it does by default, unless somebody else listens for it. asyncio:
   * `remove_signal_handler`. A signal that has arrived before is still handled.
   *
   * @returns Whether there was one.
   * @throws TypeError and ValueError as {@link addSignalHandler}.
   */
  removeSignalHandler(sig: string | number): boolean {
    const { number } = signalOf('removeSignalHandler', sig);
    return this.signalHandlers?.remove(number) === true;
  }

  /**
   * Calls `callback` at each SIGINT that nobody in the program handles, also outside of a run, until the function given back is called.
   * Never in a worker thread, or where the host has no signals. Internal: for `run()`.
   */
  onInterrupt(callback: () => void): () => void {
    return this.host.onUnhandledSignal?.('SIGINT', callback) ?? nothing;
  }

  // ---- Errors and debugging -------------------------------------------------------------------------------------------------

  /**
   * Replaces the exception handler; null restores the default. asyncio: `set_exception_handler`.
   *
   * @throws TypeError if `handler` is neither a function nor null.
   */
  setExceptionHandler(handler: ExceptionHandler<this> | null): void {
    if (handler !== null && typeof handler !== 'function') {
      throw new TypeError(`setExceptionHandler: handler must be a function or null, got ${repr(handler)}`);
    }
    this.exceptionHandler = handler;
  }

  /** The handler last set, or null. asyncio: `get_exception_handler`. */
  getExceptionHandler(): ExceptionHandler<this> | null {
    return this.exceptionHandler;
  }

  /** Logs `context` as an error on the logger named `asyncio`. asyncio: `default_exception_handler`. */
  defaultExceptionHandler(context: ExceptionContext): void {
    const { handle } = threadState;
    if (this.debug && context['source_traceback'] === undefined && handle instanceof Handle && handle.source !== null) {
      context['handle_traceback'] = handle.source;
    }
    logExceptionContext(context);
  }

  /**
   * Hands `context` to the exception handler. An error of the handler itself is logged, never thrown, but for an exit error.
   * Allowed at any time, also on a closed loop. asyncio: `call_exception_handler`.
   */
  callExceptionHandler(context: ExceptionContext): void {
    const handler = this.exceptionHandler;
    if (handler === null) {
      this.reportByDefault(context, 'Exception in default exception handler');
      return;
    }
    try {
      handler(this, context);
    } catch (error) {
      if (isExitError(error)) throw error;
      this.reportByDefault(
        { message: 'Unhandled error in exception handler', exception: error, context },
        'Exception in default exception handler while handling an unexpected error in custom exception handler',
      );
    }
  }

  /** Whether debug mode is on. asyncio: `get_debug`. */
  getDebug(): boolean {
    return this.debug;
  }

  /** Turns debug mode on or off, at any time. asyncio: `set_debug`. */
  setDebug(enabled: boolean): void {
    this.debug = Boolean(enabled);
  }

  // ---- For the packages above -----------------------------------------------------------------------------------------------

  /**
   * Puts a prepared job on the ready queue, for code that must not allocate a handle for each step. Goes through `callSoon` where a
   * subclass overrides that. Internal.
   *
   * @throws RuntimeError if the loop is closed.
   */
  enqueue(job: Job): void {
    if (this.callSoon === ownCallSoon) {
      if (this.closed) this.checkClosed();
      this.push(job);
    } else {
      this.callSoon(runJob, job);
    }
  }

  /** Calls `callback` once, when the loop closes, for features that keep something for a loop: its default executor. Internal. */
  onClose(callback: () => void): void {
    this.checkClosed();
    this.closeCallbacks.push(callback);
  }

  /** The running job has resumed native async code: no other job runs before that step is over. Internal. */
  beginStep(): void {
    this.stepPending = true;
  }

  /** Ends the run with an exit error that was thrown where no job could pass it on. Internal. */
  abortRun(error: unknown): void {
    if (!this.running) {
      // Native async code may end after the run of its loop: there is nobody to throw at.
      this.callExceptionHandler({ message: 'Exit error outside of a run', exception: error });
      return;
    }
    this.escaped = { error };
    this.wakeUp();
  }

  /** Internal: see {@link HandleOwner}. */
  adoptPromise(promise: PromiseLike<unknown>, handle: Handle): void {
    this.stepPending = true;
    const { callback, args } = handle;
    promise.then(undefined, (error: unknown) => {
      if (isExitError(error)) this.abortRun(error);
      else handle.report(error, callback, args);
    });
  }

  /** Internal: see {@link HandleOwner}. */
  timerCancelled(): void {
    this.cancelledTimers++;
  }

  /** @throws RuntimeError if the loop is closed. Internal. */
  protected checkClosed(): void {
    if (this.closed) throw new RuntimeError('Event loop is closed');
  }

  /** @throws RuntimeError if a run cannot start here and now. Internal. */
  protected checkRunnable(): void {
    this.checkClosed();
    if (this.running) throw new RuntimeError('This event loop is already running');
    if (loopOfContext() !== null) throw new RuntimeError('Cannot run the event loop while another loop is running');
  }

  /** Starts a run that was checked. Internal. */
  protected startRun(): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.signalHandlers?.runBegins();
      this.settleRun = { resolve, reject };
      this.running = true;
      threadState.running.add(this);
      this.host.hold();
      // What runs outside of any handle or task, as the inner steps of an operation, belongs to this loop too: it may be one of several.
      const store = new AsyncStore(this, null, null, currentVariables(threadState.storage.getStore()), null);
      this.runScope = threadState.storage.run(store, makeRunScope);
      this.requestTurn();
    });
  }

  // ---- One turn -------------------------------------------------------------------------------------------------------------

  private readonly requestTurn = (): void => {
    if (this.turnRequested) return;
    this.turnRequested = true;
    this.host.scheduleTurn(this.turn);
  };

  /** Called by the host. */
  private readonly turn = (): void => {
    this.turnRequested = false;
    if (!this.running) return;
    if (this.idle) this.leaveIdle();
    this.lastCheck = this.host.now();
    this.turnDeadline = this.lastCheck + TURN_BUDGET_S;
    this.jobsUntilCheck = this.jobsPerCheck;
    this.runScope!.runInAsyncScope(this.drive);
  };

  /** Called by the host when the step of a task has ended. */
  private readonly stepEnded = (): void => {
    if (this.debugJob !== null) this.endDebugJob();
    // A batch of nothing but steps is cut here: runBatch returns before its own look at the clock.
    if (this.batch > 0 && this.jobsUntilCheck <= 0 && this.budgetSpent()) return;
    this.runScope!.runInAsyncScope(this.drive);
  };

  /** Runs iterations until the turn's budget is spent, a step begins, nothing is left to do, or the run ends. */
  private readonly drive = (): void => {
    try {
      for (;;) {
        if (this.escaped !== null) this.throwEscaped();
        if (this.batch > 0) {
          if (!this.runBatch()) return;
        }
        if (this.iterating) {
          this.iterating = false;
          if (this.stopping) {
            this.endRun(null);
            return;
          }
          if (this.jobsUntilCheck <= 0 && this.budgetSpent()) return;
        }
        this.beginIteration();
        if (this.batch === 0) {
          if (this.stopping) this.endRun(null);
          else this.sleep();
          return;
        }
      }
    } catch (error) {
      this.endRun({ error });
    }
  };

  /** Polls the backend, moves due timers, and closes the batch: callbacks queued from now on belong to the next iteration. */
  private beginIteration(): void {
    if (this.backend.active) this.backend.poll(0);
    if (this.timers.length > 0) this.collectTimers();
    this.batch = this.ready.length;
    this.iterating = this.batch > 0;
  }

  /** @returns False if the batch was interrupted: the turn must end. */
  private runBatch(): boolean {
    const { ready } = this;
    while (this.batch > 0) {
      this.batch--;
      const job = ready.shift();
      if (this.debug) this.beginDebugJob(job);
      job.run();
      if (this.escaped !== null) this.throwEscaped();
      this.jobsUntilCheck--;
      if (this.stepPending) {
        this.stepPending = false;
        this.jobsUntilCheck -= JOBS_PER_STEP;
        this.host.afterStep(this.stepEnded);
        return false;
      }
      if (this.debugJob !== null) this.endDebugJob();
      if (this.jobsUntilCheck <= 0 && this.budgetSpent()) return false;
    }
    return true;
  }

  private throwEscaped(): never {
    const { error } = this.escaped!;
    this.escaped = null;
    throw error;
  }

  /** Looks at the clock, and if the turn's time is over asks for another turn. */
  private budgetSpent(): boolean {
    const now = this.host.now();
    const took = now - this.lastCheck;
    this.lastCheck = now;
    if (took > SLOW_CHECK_S) this.jobsPerCheck = (this.jobsPerCheck + 1) >> 1;
    else if (took < QUICK_CHECK_S && this.jobsPerCheck < JOBS_PER_CHECK) this.jobsPerCheck *= 2;
    this.jobsUntilCheck = this.jobsPerCheck;
    if (now < this.turnDeadline) return false;
    this.requestTurn();
    return true;
  }

  private sleep(): void {
    this.idle = true;
    this.backend.arm(this.requestTurn);
    const timer = this.timers.peek();
    if (timer !== undefined && timer.deadline !== Infinity) {
      this.host.arm(Math.max(0, timer.deadline - this.time()), this.requestTurn);
    }
  }

  private leaveIdle(): void {
    this.idle = false;
    this.backend.disarm();
    this.host.disarm();
  }

  /** Something was queued, or must be looked at: a sleeping run gets a turn. */
  private wakeUp(): void {
    if (this.idle) this.requestTurn();
  }

  private push(job: Job): void {
    this.ready.push(job);
    if (this.idle) this.requestTurn();
  }

  private endRun(failure: { readonly error: unknown } | null): void {
    if (this.idle) this.leaveIdle();
    this.running = false;
    this.stopping = false;
    this.batch = 0;
    this.iterating = false;
    this.stepPending = false;
    this.escaped = null;
    this.debugJob = null;
    this.backend.disarm();
    this.host.disarm();
    this.host.release();
    threadState.running.delete(this);
    this.runScope = null;
    const { resolve, reject } = this.settleRun!;
    this.settleRun = null;
    if (failure === null) resolve();
    else reject(failure.error);
  }

  private runCloseCallbacks(): void {
    const callbacks = this.closeCallbacks;
    this.closeCallbacks = [];
    for (const callback of callbacks) {
      try {
        callback();
      } catch (error) {
        this.callExceptionHandler({ message: 'Exception while the loop was closed', exception: error });
      }
    }
  }

  // ---- Timers ---------------------------------------------------------------------------------------------------------------

  private addTimer(
    when: number,
    callback: Callback<never[]>,
    args: readonly unknown[],
    madeBy: Callback<never[]>,
  ): TimerHandle {
    if (this.debug) this.checkThread();
    const timer = new TimerHandle(when, callback, args, this, undefined, madeBy);
    timer.scheduled = true;
    this.timers.push(timer);
    // A sleeping run must count with the new deadline.
    if (this.idle && this.timers.peek() === timer) this.requestTurn();
    return timer;
  }

  private collectTimers(): void {
    const { timers } = this;
    if (timers.length > MIN_TIMERS_FOR_PURGE && this.cancelledTimers / timers.length > PURGE_FRACTION) {
      timers.purge(dropCancelled);
      this.cancelledTimers = 0;
    } else {
      for (let timer = timers.peek(); timer?.cancelled() === true; timer = timers.peek()) {
        timers.pop().scheduled = false;
        this.cancelledTimers--;
      }
    }
    let timer = timers.peek();
    if (timer === undefined) return;
    const now = this.time();
    // Far from the clock's origin the sum may be `now` itself, and what is due now must still be due.
    const end = now + this.clock.resolution;
    for (; timer !== undefined && (timer.deadline < end || timer.deadline <= now); timer = timers.peek()) {
      timers.pop().scheduled = false;
      if (timer.cancelled()) this.cancelledTimers--;
      this.ready.push(timer);
    }
  }

  // ---- Checks ---------------------------------------------------------------------------------------------------------------

  private checkCall(method: string, callback: unknown): void {
    if (this.closed) this.checkClosed();
    if (typeof callback !== 'function') {
      throw new TypeError(`${method}: callback must be a function, got ${repr(callback)}`);
    }
  }

  private checkThread(): void {
    if (!this.running) return;
    const loop = getRunningLoopOrNull();
    if (loop !== null && (loop as object) !== this) {
      throw new RuntimeError('Non-thread-safe operation invoked on an event loop other than the current one');
    }
  }

  private warnMilliseconds(delay: number): void {
    if (delay <= 3600 || !Number.isFinite(delay) || delay % 1000 !== 0 || warnedMilliseconds) return;
    warnedMilliseconds = true;
    logger.warning(`callLater: a delay of ${delay} seconds; times are in seconds, not milliseconds`);
  }

  private reportByDefault(context: ExceptionContext, failed: string): void {
    try {
      this.defaultExceptionHandler(context);
    } catch (error) {
      if (isExitError(error)) throw error;
      logger.error(failed, error);
    }
  }

  private beginDebugJob(job: Job): void {
    this.debugJob = job.awaitingTask?.() ?? job;
    this.debugStart = this.host.now();
  }

  private endDebugJob(): void {
    const took = this.host.now() - this.debugStart;
    if (took >= this.slowCallbackDuration) {
      logger.warning(`Executing ${String(this.debugJob)} took ${took.toFixed(3)} seconds`);
    }
    this.debugJob = null;
  }
}

function makeRunScope(): AsyncResource {
  return new AsyncResource('tsyncio.run', { requireManualDestroy: true });
}

let warnedMilliseconds = false;

// Out here: a class that mentions itself inside is renamed by bundlers, and its name is seen in reprs.
const ownCallSoon: unknown = Scheduler.prototype.callSoon;

function nothing(): void {}

const GENERATOR_FUNCTIONS = ['[object GeneratorFunction]', '[object AsyncGeneratorFunction]'];

/** A generator function would be called, and nothing of it would ever run. */
function checkSignalCallback(callback: unknown): void {
  if (typeof callback === 'function' && !GENERATOR_FUNCTIONS.includes(Object.prototype.toString.call(callback))) return;
  throw new TypeError(`addSignalHandler: callback must be a function, got ${repr(callback)}`);
}

function runJob(job: Job): void {
  job.run();
}

function dropCancelled(timer: TimerHandle): boolean {
  if (!timer.cancelled()) return false;
  timer.scheduled = false;
  return true;
}

const HOST_METHODS: readonly (keyof Host)[] = [
  'scheduleTurn',
  'afterStep',
  'arm',
  'disarm',
  'hold',
  'release',
  'now',
  'warn',
  'onExit',
];
const BACKEND_METHODS: readonly (keyof IoBackend)[] = ['attach', 'poll', 'arm', 'disarm', 'wake', 'close'];

function checkOptions({ host, clock, backend, debug }: SchedulerOptions<IoBackend>): void {
  if (host !== undefined) checkPort('host', host, HOST_METHODS);
  if (backend !== undefined) checkPort('backend', backend, BACKEND_METHODS);
  if (clock !== undefined) {
    checkPort('clock', clock, ['time']);
    if (typeof clock.resolution !== 'number') throw new TypeError('clock.resolution must be a number of seconds');
  }
  if (debug !== undefined && typeof debug !== 'boolean') {
    throw new TypeError(`debug must be a boolean, got ${repr(debug)}`);
  }
}

function checkSeconds(method: string, name: string, value: unknown): void {
  if (typeof value !== 'number')
    throw new TypeError(`${method}: ${name} must be a number of seconds, got ${repr(value)}`);
  if (Number.isNaN(value)) throw new ValueError(`${method}: ${name} must not be NaN`);
}

import { AsyncResource } from 'node:async_hooks';
import { AsyncStore, storeForCallback } from './async-store.js';
import { brand, hasBrand } from './brand.js';
import { type Context, copyContext } from './context.js';
import { isExitError } from './errors.js';
import type { Job } from './ready-queue.js';
import { describeCallback, repr } from './repr.js';
import { captureSource, sourcePlace, type EntryPoint } from './source-trace.js';
import { isStep } from './step.js';
import { threadState } from './thread-state.js';
import type { ExceptionContext } from './exception-context.js';

/** What a handle needs of its loop. */
export interface HandleOwner {
  getDebug(): boolean;
  callExceptionHandler(context: ExceptionContext): void;
  /** A timer that still stands in the heap was cancelled. */
  timerCancelled(): void;
  /** A callback returned a promise: its step counts as part of the callback, its rejection is reported. */
  adoptPromise(promise: PromiseLike<unknown>, handle: Handle): void;
}

const NO_ARGS: readonly unknown[] = [];
/** In place of a context: the store in which the handle is made will do. */
const CURRENT = {} as Context;
const MANUAL_DESTROY = { requireManualDestroy: true };

/**
 * A handle *is* its AsyncResource: one object instead of two makes a callback cheaper by a third on Node 20. The methods of that class
 * are no part of ours, so its type is hidden.
 */
const CapturedContext = AsyncResource as unknown as new (type: string, options: object) => object;
// Called with a handle as `this`.
// eslint-disable-next-line @typescript-eslint/unbound-method
const { runInAsyncScope } = AsyncResource.prototype;

// What debug mode knows of a handle: in tables, so that outside of it a handle is small. Of many that wait, the memory is the cost.
const sources = new WeakMap<Handle, readonly string[]>();
/** What a cancelled handle would have called. */
const descriptions = new WeakMap<Handle, string>();

/** Runs in the handle's async context. A static function: no closure for each call. */
function invoke(handle: Handle): unknown {
  const { callback, args } = handle;
  switch (args.length) {
    case 0:
      return callback!();
    case 1:
      return callback!(args[0]);
    default:
      return callback!(...args);
  }
}

function storeOf(loop: HandleOwner, context: Context): AsyncStore {
  if (!hasBrand(context, 'Context')) throw new TypeError(`Handle: context must be a Context, got ${repr(context)}`);
  return new AsyncStore(loop, null, context, null, null);
}

function invokeInStore(handle: Handle): unknown {
  return threadState.storage.run(handle.store!, invoke, handle);
}

/**
 * A callback on its way through the loop: given back by `callSoon` and its kin. asyncio: `asyncio.Handle`.
 *
 * The callback runs in the whole async context in which the handle was made: the user's own AsyncLocalStorage values too.
 */
export class Handle extends CapturedContext implements Job {
  static {
    brand(this.prototype, 'Handle');
  }
  /** Internal; null once cancelled. */
  callback: ((...args: unknown[]) => unknown) | null;
  /** Internal. */
  args: readonly unknown[];
  /** Internal: our own store, where the one in the async context will not do. */
  readonly store: AsyncStore | null;
  protected readonly owner: HandleOwner;

  /**
   * @param callback - Called with `args` at each run of the handle.
   * @param args - Kept as they are.
   * @param loop - The loop that reports what the callback throws.
   * @param context - Context variables for the callback, which changes them in place; by default a copy of the current ones. A handle
   *   that runs more than once keeps its changes only in a context of its own: see {@link repeatingHandle}.
   * @param madeBy - In debug mode the stack is remembered from the caller of this function on. Internal.
   * @throws TypeError if `context` is no Context.
   */
  constructor(
    callback: (...args: never[]) => unknown,
    args: readonly unknown[],
    loop: HandleOwner,
    context?: Context,
    madeBy?: EntryPoint,
  ) {
    super('tsyncio.Handle', MANUAL_DESTROY);
    this.callback = callback as (...args: unknown[]) => unknown;
    this.args = args.length === 0 ? NO_ARGS : args;
    this.owner = loop;
    this.store = context === undefined ? storeForCallback(loop) : context === CURRENT ? null : storeOf(loop, context);
    if (loop.getDebug()) sources.set(this, captureSource(madeBy ?? new.target));
  }

  /** Internal: in debug mode, the stack of the call that made the handle, innermost frame first. */
  get source(): readonly string[] | null {
    return sources.get(this) ?? null;
  }

  /** Prevents the call, if it has not happened. Idempotent. asyncio: `Handle.cancel`. */
  cancel(): void {
    if (this.callback === null) return;
    if (this.owner.getDebug()) descriptions.set(this, describeCallback(this.callback, this.args));
    // What the callback holds on to must not live as long as the handle does.
    this.callback = null;
    this.args = NO_ARGS;
  }

  /** True after {@link cancel}, also when the call had already happened. asyncio: `Handle.cancelled`. */
  cancelled(): boolean {
    return this.callback === null;
  }

  /** Calls the callback unless cancelled; reports what it throws. Called by the loop. */
  run(): void {
    if (this.callback === null) return;
    threadState.handle = this;
    // What to name in a report even if the callback cancels its own handle.
    const { callback, args } = this;
    try {
      const result =
        this.store === null
          ? runInAsyncScope.call(this, invoke, undefined, this)
          : runInAsyncScope.call(this, invokeInStore, undefined, this);
      if (typeof result === 'object' && isStep(result)) this.owner.adoptPromise(result, this);
    } catch (error) {
      if (isExitError(error)) throw error;
      this.report(error, callback, args);
    } finally {
      threadState.handle = null;
    }
  }

  /** Reports a failure of the callback. Internal. */
  report(
    error: unknown,
    callback: ((...args: unknown[]) => unknown) | null = this.callback,
    args: readonly unknown[] = this.args,
  ): void {
    const context: ExceptionContext = {
      message: `Exception in callback ${describeCallback(callback, args)}`,
      exception: error,
      handle: this,
    };
    const { source } = this;
    if (source !== null) context['source_traceback'] = source;
    this.owner.callExceptionHandler(context);
  }

  /** `<Handle name(args)>`, `<Handle cancelled>`; in debug mode with the place of creation. */
  override toString(): string {
    return `<${this.describe().join(' ')}>`;
  }

  protected describe(): string[] {
    const parts = [this.constructor.name];
    const { callback, source } = this;
    if (callback !== null) parts.push(describeCallback(callback, this.args));
    else {
      parts.push('cancelled');
      const description = descriptions.get(this);
      if (description !== undefined) parts.push(description);
    }
    if (source !== null) parts.push(`created at ${sourcePlace(source)}`);
    return parts;
  }
}

/** A {@link Handle} with a deadline: given back by `callLater` and `callAt`. asyncio: `asyncio.TimerHandle`. */
export class TimerHandle extends Handle {
  static {
    brand(this.prototype, 'TimerHandle');
  }
  /** Internal. */
  readonly deadline: number;
  /** Internal: true while the timer stands in the loop's heap. */
  scheduled = false;

  /**
   * @param when - Deadline in seconds on the loop's clock.
   * @throws TypeError if `when` is not a number.
   */
  constructor(
    when: number,
    callback: (...args: never[]) => unknown,
    args: readonly unknown[],
    loop: HandleOwner,
    context?: Context,
    madeBy?: EntryPoint,
  ) {
    if (typeof when !== 'number') throw new TypeError('TimerHandle: when must be a number of seconds');
    super(callback, args, loop, context, madeBy ?? new.target);
    this.deadline = when;
  }

  /** The deadline as it was given, in seconds on the loop's clock. asyncio: `TimerHandle.when`. */
  when(): number {
    return this.deadline;
  }

  override cancel(): void {
    if (!this.cancelled() && this.scheduled) this.owner.timerCancelled();
    super.cancel();
  }

  /** Negative, zero or positive as this timer is due before, with or after `other`. Python: comparison of timer handles. */
  compare(other: TimerHandle): number {
    return this.deadline - other.deadline;
  }

  /** True if deadline, callback, arguments and cancelled state are all equal. Python: `==`. */
  equals(other: unknown): boolean {
    if (!hasBrand(other, 'TimerHandle')) return false;
    const timer = other as TimerHandle;
    return (
      this.deadline === timer.deadline &&
      this.callback === timer.callback &&
      this.args.length === timer.args.length &&
      this.args.every((arg, i) => Object.is(arg, timer.args[i])) &&
      this.cancelled() === timer.cancelled()
    );
  }

  protected override describe(): string[] {
    const parts = super.describe();
    parts.splice(this.cancelled() ? 2 : 1, 0, `when=${this.deadline}`);
    return parts;
  }
}

/**
 * A handle that runs more than once, in a context of its own: a copy of the current one, which keeps what the callback changes.
 *
 * Its async context is made here, with everything in it, and not at each run: 20 ns in place of 280 on Node 24.
 */
export function repeatingHandle(
  callback: (...args: never[]) => unknown,
  args: readonly unknown[],
  loop: HandleOwner,
): Handle {
  const make = (): Handle => new Handle(callback, args, loop, CURRENT, repeatingHandle);
  return threadState.storage.run(storeOf(loop, copyContext()), make);
}

import { brand, getRunningLoopOrNull, hasBrand, repr, RuntimeError } from '@tsyncio/core';
import type { FutureFactory } from './current-factory.js';

/** What an adopted generator needs of its loop. Internal. */
export interface AsyncgenLoop extends FutureFactory {
  /** The first step of a generator: it is closed when the loop shuts its generators down. */
  asyncgenBegins(adoption: Adoption): void;
  /** It has ended, or is about to. */
  asyncgenEnds(adoption: Adoption): void;
}

/** All that is known of an adopted generator. It refers to no wrapper, which can so be collected. Internal. */
export class Adoption {
  /** Null before the first step, and for one that began outside of any run. */
  loop: AsyncgenLoop | null = null;
  /** Steps that have been asked for and are not over. */
  steps = 0;

  constructor(
    readonly generator: AsyncGenerator<unknown, unknown, unknown>,
    private readonly name: string,
  ) {}

  /** Runs its `finally` blocks. @throws RuntimeError if it is in the middle of a step, or goes on yielding. */
  async close(): Promise<void> {
    if (this.steps > 0) throw new RuntimeError('close: the asynchronous generator is already running');
    const { done } = await this.generator.return(undefined);
    if (done !== true) throw new RuntimeError('close: the asynchronous generator has yielded instead of ending');
  }

  /** It ended by itself, or nobody can reach it any more. */
  end(): void {
    this.loop?.asyncgenEnds(this);
    collected.unregister(this);
  }

  toString(): string {
    return `<AsyncGenerator${this.name === '' ? '' : ` ${this.name}`}>`;
  }
}

const collected = new FinalizationRegistry<Adoption>((adoption) => {
  const { loop } = adoption;
  if (loop === null) return;
  loop.asyncgenEnds(adoption);
  if (!loop.isClosed()) loop.callSoonThreadsafe(closeByTask, loop, adoption);
});

function closeByTask(loop: AsyncgenLoop, adoption: Adoption): void {
  void loop.createTask(() => adoption.close());
}

/** The generator that users see: hand-written, so that what goes through it is not waited for. */
class AdoptedGenerator<T, R, N> implements AsyncGenerator<T, R, N> {
  static {
    brand(this.prototype, 'AdoptedGenerator');
  }
  private begun = false;

  constructor(
    private readonly generator: AsyncGenerator<T, R, N>,
    private readonly adoption: Adoption,
    /** Null: the loop that runs at the first step. */
    private readonly loop: AsyncgenLoop | null,
  ) {}

  next(...args: [] | [N]): Promise<IteratorResult<T, R>> {
    this.begin();
    return this.step(this.generator.next(...args));
  }

  return(value: R | PromiseLike<R>): Promise<IteratorResult<T, R>> {
    return this.step(this.generator.return(value));
  }

  throw(error: unknown): Promise<IteratorResult<T, R>> {
    return this.step(this.generator.throw(error));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return(undefined as R);
  }

  get [Symbol.toStringTag](): string {
    return 'AsyncGenerator';
  }

  toString(): string {
    return String(this.adoption);
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  private begin(): void {
    if (this.begun) return;
    this.begun = true;
    const { adoption } = this;
    adoption.loop = this.loop ?? runningLoop();
    if (adoption.loop === null) return;
    adoption.loop.asyncgenBegins(adoption);
    collected.register(this, adoption, adoption);
  }

  /** Follows a step to its end. The wrapper must not be collected before: the generator is in use. */
  private step(result: Promise<IteratorResult<T, R>>): Promise<IteratorResult<T, R>> {
    this.adoption.steps++;
    return result.then(
      (step) => {
        this.stepEnded(step.done === true);
        return step;
      },
      (error: unknown) => {
        this.stepEnded(true);
        throw error;
      },
    );
  }

  private stepEnded(isLast: boolean): void {
    this.adoption.steps--;
    if (isLast) this.adoption.end();
  }
}

function runningLoop(): AsyncgenLoop | null {
  const loop = getRunningLoopOrNull();
  return hasBrand(loop, 'TaskLoop') ? (loop as unknown as AsyncgenLoop) : null;
}

/** Wraps a generator object for `loop`, or for the loop that runs at its first step. Internal. */
export function adopt<T, R, N>(
  generator: AsyncGenerator<T, R, N>,
  loop: AsyncgenLoop | null,
  name = '',
): AsyncGenerator<T, R, N> {
  if (hasBrand(generator, 'AdoptedGenerator')) return generator;
  const { next, return: end } = (generator ?? {}) as Partial<AsyncGenerator<T, R, N>>;
  if (typeof next !== 'function' || typeof end !== 'function' || !(Symbol.asyncIterator in generator)) {
    throw new TypeError(`asyncgen: an asynchronous generator was expected, got ${repr(generator)}`);
  }
  return new AdoptedGenerator(generator, new Adoption(generator, name), loop);
}

/**
 * Makes the generators of an async generator function known to the loop that runs at their first step, so that
 * `loop.shutdownAsyncgens()` closes them, and so that one which is dropped before its end is closed by a task. Python does this to
 * every asynchronous generator; JavaScript has no hook for it.
 *
 * @throws TypeError if `fn` is no function; at the call of the result, if it gives no asynchronous generator.
 *
 * @example
 * const lines = asyncgen(async function* (reader: StreamReader) {
 *   try { for (;;) yield await reader.readline(); } finally { await reader.release(); }
 * });
 */
export function asyncgen<A extends unknown[], T, R, N>(
  fn: (...args: A) => AsyncGenerator<T, R, N>,
): (...args: A) => AsyncGenerator<T, R, N> {
  if (typeof fn !== 'function') throw new TypeError(`asyncgen: fn must be a function, got ${repr(fn)}`);
  const wrapped = function (this: unknown, ...args: A): AsyncGenerator<T, R, N> {
    return adopt(fn.apply(this, args), null, fn.name);
  };
  Object.defineProperty(wrapped, 'name', { value: fn.name });
  return wrapped;
}

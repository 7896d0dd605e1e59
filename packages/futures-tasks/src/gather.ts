import { brand, CancelledError, ValueError } from '@tsyncio/core';
import { checkMessage } from './cancel-message.js';
import { watchChild } from './child-done.js';
import { isCoroutine, isForeignPromise, type Awaitable } from './coroutine.js';
import { currentFactory, type FutureFactory } from './current-factory.js';
import { ensureFuture } from './ensure-future.js';
import { hasFailed } from './outcome.js';
import { Future, isFuture } from './future.js';

/** The value of an awaitable. */
export type AwaitedOf<A> =
  A extends PromiseLike<infer T>
    ? T
    : A extends () => Generator<unknown, infer T, unknown>
      ? T
      : A extends () => PromiseLike<infer T>
        ? T
        : A extends Generator<unknown, infer T, unknown>
          ? T
          : never;

type Results<A extends readonly unknown[]> = { -readonly [K in keyof A]: AwaitedOf<A[K]> };
type Settled<A extends readonly unknown[]> = { -readonly [K in keyof A]: AwaitedOf<A[K]> | Error };

/** How to gather. */
export interface GatherOptions {
  /** Errors take their place in the list instead of failing the whole; default false. */
  readonly returnExceptions?: boolean | undefined;
  /** Default: that of the futures given, else the current loop. */
  readonly loop?: FutureFactory | undefined;
}

/** What {@link gather} gives: cancelling it cancels the children. */
class GatheringFuture<T> extends Future<T> {
  static {
    brand(this.prototype, 'GatheringFuture');
  }
  private cancelWanted = false;

  constructor(
    private readonly children: readonly Future<unknown>[],
    loop: FutureFactory,
  ) {
    super({ loop });
  }

  override cancel(message?: string): boolean {
    checkMessage(message);
    // Unlike that of other futures, a refused request leaves its failure unretrieved, as in asyncio.
    if (this.done()) return false;
    let accepted = false;
    for (const child of this.children) if (child.cancel(message)) accepted = true;
    if (accepted) this.cancelWanted = true;
    return accepted;
  }

  /** A request that a child has accepted: however the children answer, the outcome is a CancelledError. */
  get cancelRequestedByUser(): boolean {
    return this.cancelWanted;
  }
}
// asyncio's own name, seen in reports.
void Object.defineProperty(GatheringFuture, 'name', { value: '_GatheringFuture' });

/**
 * Runs awaitables concurrently and gathers their results in order. asyncio: `gather`.
 *
 * Coroutines become tasks at the call. The first error is passed on at once, the other children go on. Cancelling the future cancels
 * the children.
 *
 * @param args - Awaitables, and as last argument possibly options: `gather(a, b, { returnExceptions: true })`.
 * @throws TypeError for what is no awaitable, and for an unknown option. ValueError for futures of different loops.
 *
 * @example
 * const [a, b] = await gather(() => read('a'), () => read('b'));
 */
export function gather<A extends readonly Awaitable[]>(...args: A): Future<Results<A>>;
export function gather<A extends readonly Awaitable[]>(
  ...args: [...A, GatherOptions & { readonly returnExceptions: true }]
): Future<Settled<A>>;
export function gather<A extends readonly Awaitable[]>(...args: [...A, GatherOptions]): Future<Results<A>>;
export function gather(...args: (Awaitable | GatherOptions)[]): Future<unknown[]> {
  const options = takeOptions(args);
  const awaitables = args as Awaitable[];
  if (awaitables.length === 0) {
    const empty = (options.loop ?? currentFactory()).createFuture<unknown[]>();
    empty.setResult([]);
    return empty;
  }
  const returnExceptions = options.returnExceptions === true;
  const children: Future<unknown>[] = [];
  const known = new Map<unknown, Future<unknown>>();
  let loop = options.loop;
  let finished = 0;
  // Assigned below: no child is done before this function has returned.
  let outer: GatheringFuture<unknown[]> | null = null;

  const childDone = (child: Future<unknown>): void => {
    finished++;
    if (outer === null || outer.done()) {
      // Counts as retrieved: nobody else will look at it.
      if (!child.cancelled()) child.exception();
      return;
    }
    if (!returnExceptions && (child.cancelled() || hasFailed(child))) {
      if (child.cancelled()) outer.setException(errorOfCancelled(child));
      else outer.adoptError(child.exception());
      return;
    }
    if (finished < known.size) return;
    const results = children.map((one) => {
      if (one.cancelled()) return errorOfCancelled(one);
      return hasFailed(one) ? one.exception() : one.result();
    });
    if (outer.cancelRequestedByUser)
      outer.setException(child.cancelled() ? errorOfCancelled(child) : new CancelledError());
    else outer.setResult(results);
  };

  const parent = (): object | null => outer;
  for (const awaitable of awaitables) {
    let child = known.get(awaitable);
    if (child === undefined) {
      child = ensureFuture<unknown>(awaitable, { loop });
      loop ??= child.getLoop() as FutureFactory;
      if (child.getLoop() !== loop) throw new ValueError('gather: futures are tied to different event loops');
      known.set(awaitable, child);
      watchChild(child, childDone, parent);
    }
    children.push(child);
  }
  outer = new GatheringFuture<unknown[]>(children, loop!);
  return outer;
}

const OPTIONS: readonly string[] = ['returnExceptions', 'loop'] satisfies (keyof GatherOptions)[];

/** Takes the options off the end: the one argument that is a plain object, neither thenable nor with the methods of a generator. */
function takeOptions(args: (Awaitable | GatherOptions)[]): GatherOptions {
  const last = args[args.length - 1];
  if (typeof last !== 'object' || last === null || isFuture(last) || isCoroutine(last) || isForeignPromise(last))
    return {};
  const prototype: unknown = Object.getPrototypeOf(last);
  if (prototype !== null && prototype !== Object.prototype) return {};
  for (const key of Object.keys(last)) {
    if (!OPTIONS.includes(key)) throw new TypeError(`gather: unknown option '${key}'`);
  }
  void args.pop();
  return last;
}

/** The CancelledError of a cancelled future, which may be of another implementation. */
function errorOfCancelled(future: Future<unknown>): unknown {
  try {
    return future.result();
  } catch (error) {
    return error;
  }
}

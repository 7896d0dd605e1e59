import { brand, CancelledError, ValueError } from '@tsyncio/core';
import type { Awaitable } from './coroutine.js';
import { currentFactory, type FutureFactory } from './current-factory.js';
import { ensureFuture } from './ensure-future.js';
import { Future } from './future.js';

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
  private cancelWanted = false;

  constructor(
    private readonly children: readonly Future<unknown>[],
    loop: FutureFactory,
  ) {
    super({ loop });
  }

  override cancel(): boolean {
    if (this.done()) {
      this.markRetrieved();
      return false;
    }
    let accepted = false;
    for (const child of this.children) if (child.cancel()) accepted = true;
    // If a child swallows the request, the awaiter must be told all the same.
    if (accepted) this.cancelWanted = true;
    return accepted;
  }

  get cancelRequestedByUser(): boolean {
    return this.cancelWanted;
  }
}
Object.defineProperty(GatheringFuture, 'name', { value: '_GatheringFuture' });
brand(GatheringFuture.prototype, 'GatheringFuture');

/**
 * Runs awaitables concurrently and gathers their results in order. asyncio: `gather`.
 *
 * Coroutines become tasks at the call. The first error is passed on at once, the other children go on. Cancelling the future cancels
 * the children.
 *
 * @param args - Awaitables, and as last argument possibly options: `gather(a, b, { returnExceptions: true })`.
 * @throws TypeError for what is no awaitable. ValueError for futures of different loops.
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
  const counted: Future<unknown>[] = [];
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
    if (!returnExceptions) {
      if (child.cancelled()) {
        outer.setException(new CancelledError());
        return;
      }
      const error = child.exception();
      if (error !== null) {
        outer.adoptError(error);
        return;
      }
    }
    if (finished < counted.length) return;
    const results = children.map((one) => {
      if (one.cancelled()) return new CancelledError();
      const error = one.exception();
      return error === null ? one.result() : error;
    });
    if (outer.cancelRequestedByUser) outer.setException(new CancelledError());
    else outer.setResult(results);
  };

  for (const awaitable of awaitables) {
    let child = known.get(awaitable);
    if (child === undefined) {
      child = ensureFuture(awaitable, { loop }) as Future<unknown>;
      loop ??= child.getLoop() as FutureFactory;
      if (child.getLoop() !== loop) throw new ValueError('gather: futures are tied to different event loops');
      known.set(awaitable, child);
      counted.push(child);
    }
    children.push(child);
  }
  outer = new GatheringFuture<unknown[]>(children, loop!);
  for (const child of counted) child.addDoneCallback(childDone);
  return outer;
}

/** Options are the one argument that is neither a future nor a coroutine nor a promise. */
function takeOptions(args: (Awaitable | GatherOptions)[]): GatherOptions {
  const last = args[args.length - 1];
  if (typeof last !== 'object' || last === null || Object.getPrototypeOf(last) !== Object.prototype) return {};
  if (
    typeof (last as { then?: unknown }).then === 'function' ||
    typeof (last as { next?: unknown }).next === 'function'
  )
    return {};
  args.pop();
  return last as GatherOptions;
}

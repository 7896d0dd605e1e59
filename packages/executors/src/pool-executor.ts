import { isArrayBuffer } from 'node:util/types';
import { serialize } from 'node:v8';
import type { Transferable } from 'node:worker_threads';
import {
  ConcurrentFuture,
  decodeError,
  repr,
  RuntimeError,
  ValueError,
  type Executor,
  type ShutdownOptions,
} from '@tsyncio/core';
import { BrokenExecutor } from './broken-executor.js';
import { transferListOf } from './transfer.js';
import { targetOf } from './worker-function.js';
import { WorkerPool } from './worker-pool.js';
import type { Call, Invocation, Reply } from './worker-runtime.js';

/** What both kinds of pools are made with. */
export interface PoolOptions {
  /** At most so many workers; they are started when there is work for them. */
  readonly maxWorkers?: number | undefined;
  /** Called once in each worker before its first work: a self-contained function or a `workerFunction`. If it fails, the pool is broken. */
  readonly initializer?: ((...args: never[]) => unknown) | undefined;
  /** Arguments of `initializer`. Python: `initargs`. */
  readonly initArgs?: readonly unknown[] | undefined;
}

/** How the workers of a kind are made. Internal. */
export interface PoolKind {
  readonly kind: 'thread' | 'process';
  readonly defaultWorkers: number;
  readonly nextName?: (() => string) | undefined;
  readonly execArgv?: readonly string[] | undefined;
}

interface Work {
  readonly future: ConcurrentFuture<unknown>;
  readonly call: Call;
  readonly transferList: readonly Transferable[];
}

/** What {@link ThreadPoolExecutor} and {@link ProcessPoolExecutor} have in common. */
export abstract class PoolExecutor implements Executor {
  private readonly kind: 'thread' | 'process';
  private readonly maxWorkers: number;
  private readonly makePool: () => WorkerPool;
  private readonly initializer: Invocation | undefined;
  /** Made at the first submit. */
  private pool: WorkerPool | null = null;
  private readonly queue = new Set<Work>();
  private active = 0;
  private isShutDown = false;
  private broken: BrokenExecutor | null = null;
  /** Fulfilled when the last work is done and the workers are gone. */
  private ended: Promise<void> | null = null;
  private drained: (() => void) | null = null;

  /** Internal. */
  protected constructor(options: PoolOptions, { kind, defaultWorkers, nextName, execArgv }: PoolKind) {
    if (typeof options !== 'object' || options === null) throw new TypeError('options must be an object');
    const { maxWorkers = defaultWorkers, initializer, initArgs = [] } = options;
    if (typeof maxWorkers !== 'number') throw new TypeError(`maxWorkers must be a number, got ${repr(maxWorkers)}`);
    if (!Number.isInteger(maxWorkers) || maxWorkers <= 0) throw new ValueError('maxWorkers must be greater than 0');
    if (!Array.isArray(initArgs)) throw new TypeError(`initArgs must be an array, got ${repr(initArgs)}`);
    this.kind = kind;
    this.maxWorkers = maxWorkers;
    this.makePool = () => new WorkerPool({ kind, maxWorkers, nextName, execArgv });
    if (initializer !== undefined) {
      const { args } = snapshotOf('initializer', kind, initArgs);
      this.initializer = { target: targetOf('initializer', initializer), args };
    }
  }

  /**
   * Has a worker call `fn(...args)`, as soon as one is free. Python: `Executor.submit`.
   *
   * @param fn - A self-contained function, which uses nothing but its arguments, globals and what it imports with `import()`; or a
   *   `workerFunction`. A promise that it returns is waited for.
   * @param args - Cloned now, as `structuredClone` does; see `transfer` for memory that moves instead.
   * @returns A future that can be cancelled until the work begins.
   * @throws TypeError for a function that cannot cross, DataCloneError for such an argument, RuntimeError after `shutdown`,
   *   BrokenExecutor after a failed initializer.
   */
  submit<A extends unknown[], R>(fn: (...args: A) => R | PromiseLike<R>, ...args: A): ConcurrentFuture<R> {
    if (this.broken !== null) throw new BrokenExecutor(this.broken.message, this.broken.cause);
    if (this.isShutDown) throw new RuntimeError('cannot schedule new futures after shutdown');
    const future = new ConcurrentFuture<unknown>();
    const target = targetOf('submit', fn);
    const { args: snapshot, transferList } = snapshotOf('submit', this.kind, args);
    const call = {
      target,
      args: snapshot,
      ...(this.initializer === undefined ? {} : { initializer: this.initializer }),
    };
    const work: Work = { future, call, transferList };
    this.queue.add(work);
    future.addDoneCallback(() => this.queue.delete(work));
    this.start();
    return future as ConcurrentFuture<R>;
  }

  /**
   * Accepts no more work; what is queued is still done, and then the workers end. Python: `Executor.shutdown`.
   *
   * @param options - `wait` (default true): the promise is fulfilled when the workers are gone. `cancelFutures` (default false): work
   *   that has not begun is cancelled.
   */
  async shutdown(options: ShutdownOptions = {}): Promise<void> {
    const { wait = true, cancelFutures = false } = options;
    this.isShutDown = true;
    if (cancelFutures) for (const { future } of [...this.queue]) future.cancel();
    this.ended ??= this.end();
    if (wait) await this.ended;
  }

  /** `await using`: shuts down and waits. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.shutdown();
  }

  /** `<ThreadPoolExecutor workers=4 running=1 queued=0>` */
  toString(): string {
    return `<${this.constructor.name} workers=${this.maxWorkers} running=${this.active} queued=${this.queue.size}>`;
  }

  private start(): void {
    while (this.active < this.maxWorkers) {
      const [work] = this.queue;
      if (work === undefined) return;
      this.queue.delete(work);
      if (!work.future.setRunningOrNotifyCancel()) continue;
      this.active++;
      this.perform(work);
    }
  }

  private perform(work: Work): void {
    try {
      this.pool ??= this.makePool();
      this.pool.hold(true);
      this.pool.call(work.call, work.transferList, (failure, reply) => this.finish(work, failure, reply));
    } catch (error) {
      // No worker could be made. Later: there may be much work in the queue, and all of it fails.
      queueMicrotask(() => this.finish(work, error, undefined));
    }
  }

  private finish({ future }: Work, failure: unknown, reply: Reply | undefined): void {
    if (reply !== undefined && 'broken' in reply) this.breakDown(decodeError(reply.broken));
    this.active--;
    this.start();
    if (this.active === 0) {
      this.pool?.hold(false);
      this.drained?.();
    }
    settle(() => {
      if (reply === undefined) future.setException(failure);
      else if ('value' in reply) future.setResult(reply.value);
      else future.setException('error' in reply ? decodeError(reply.error) : this.broken);
    });
  }

  private breakDown(cause: unknown): void {
    this.broken ??= new BrokenExecutor('the initializer of the executor failed', cause);
    for (const { future } of [...this.queue]) {
      if (future.setRunningOrNotifyCancel()) settle(() => future.setException(this.broken));
    }
    this.queue.clear();
  }

  private async end(): Promise<void> {
    if (this.active > 0) await new Promise<void>((resolve) => (this.drained = resolve));
    await this.pool?.end();
  }
}

/** What a callback of a future throws is uncaught, and no matter of the pool. */
function settle(work: () => void): void {
  try {
    work();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

function isPrimitive(value: unknown): boolean {
  const type = typeof value;
  return value === null || (type !== 'object' && type !== 'function' && type !== 'symbol');
}

/**
 * The arguments as they are now: what the caller does to them later must not matter, however long the call is queued. Found out here, what
 * cannot cross does not upset the channel.
 */
function snapshotOf(
  method: string,
  kind: 'thread' | 'process',
  args: readonly unknown[],
): { args: Call['args']; transferList: readonly Transferable[] } {
  if (args.every(isPrimitive)) return { args, transferList: [] };
  try {
    if (kind === 'process') return { args: serialize(args), transferList: [] };
    const transferList = transferListOf(args);
    const copy = structuredClone({ args, transferList }, { transfer: transferList });
    // The memory of the copy is nobody else's: it need not be copied again.
    const moving = new Set<Transferable>(copy.transferList);
    for (const arg of copy.args) if (ArrayBuffer.isView(arg) && isArrayBuffer(arg.buffer)) moving.add(arg.buffer);
    return { args: copy.args, transferList: [...moving] };
  } catch (error) {
    const { message } = error as Error;
    throw new DOMException(`${method}: an argument cannot cross to a worker: ${message}`, 'DataCloneError');
  }
}

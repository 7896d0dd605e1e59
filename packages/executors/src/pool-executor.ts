import { deserialize, serialize } from 'node:v8';
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
import type { Call, Reply } from './worker-runtime.js';

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
  readonly call: Call | Uint8Array;
  readonly transferList: readonly Transferable[];
}

/** What {@link ThreadPoolExecutor} and {@link ProcessPoolExecutor} have in common. */
export abstract class PoolExecutor implements Executor {
  private readonly kind: 'thread' | 'process';
  private readonly maxWorkers: number;
  private readonly makePool: () => WorkerPool;
  private readonly initializer: Call['initializer'];
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
    if (initializer !== undefined) this.initializer = { target: targetOf('initializer', initializer), args: initArgs };
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
    const work = { future, ...this.encode({ target, args, initializer: this.initializer }) };
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

  /** A snapshot of the call: what the caller does to the arguments later must not matter, however long it is queued. */
  private encode(call: Call): Pick<Work, 'call' | 'transferList'> {
    try {
      if (this.kind === 'process') return { call: serialize(call), transferList: [] };
      if (call.args.every(isPrimitive)) return { call, transferList: [] };
      const transfer = transferListOf(call.args);
      const copy = structuredClone({ args: call.args, transfer }, { transfer });
      return { call: { ...call, args: copy.args }, transferList: copy.transfer };
    } catch (error) {
      throw new DOMException(
        `submit: an argument cannot cross to a worker: ${(error as Error).message}`,
        'DataCloneError',
      );
    }
  }

  private start(): void {
    while (this.active < this.maxWorkers) {
      const [work] = this.queue;
      if (work === undefined) return;
      this.queue.delete(work);
      if (!work.future.setRunningOrNotifyCancel()) continue;
      this.active++;
      void this.perform(work);
    }
  }

  private async perform({ future, call, transferList }: Work): Promise<void> {
    this.pool ??= this.makePool();
    this.pool.hold(true);
    let settle: () => void;
    try {
      const answer = await this.pool.call(call, transferList);
      const reply = (this.kind === 'process' ? deserialize(answer as Uint8Array) : answer) as Reply;
      if ('broken' in reply) this.breakDown(decodeError(reply.broken));
      settle = () => {
        if ('value' in reply) future.setResult(reply.value);
        else if ('error' in reply) future.setException(decodeError(reply.error));
        else future.setException(this.broken);
      };
    } catch (error) {
      settle = () => future.setException(error);
    }
    this.active--;
    this.start();
    if (this.active === 0) {
      this.pool.hold(false);
      this.drained?.();
    }
    // Last: what callbacks of the future throw is uncaught.
    queueMicrotask(settle);
  }

  private breakDown(cause: unknown): void {
    this.broken ??= new BrokenExecutor('the initializer of the executor failed', cause);
    for (const { future } of [...this.queue]) {
      if (future.setRunningOrNotifyCancel()) future.setException(this.broken);
    }
    this.queue.clear();
  }

  private async end(): Promise<void> {
    if (this.active > 0) await new Promise<void>((resolve) => (this.drained = resolve));
    await this.pool?.end();
  }
}

function isPrimitive(value: unknown): boolean {
  const type = typeof value;
  return value === null || (type !== 'object' && type !== 'function' && type !== 'symbol');
}

import {
  brand,
  ConnectionResetError,
  getEventLoop,
  logger,
  NotImplementedError,
  RuntimeError,
  type IoBackend,
} from '@tsyncio/core';
import {
  failedOperation,
  finishedOperation,
  operation,
  type CoroutineGenerator,
  type Future,
  type Operation,
  type TaskLoop,
} from '@tsyncio/futures-tasks';
import { BaseProtocol } from '@tsyncio/transports-protocols';

/** There is nothing to wait for: nearly always so, and the same for all. */
const DONE: Operation<void> = finishedOperation(null, undefined);

/**
 * What a protocol needs for `StreamWriter.drain`: it knows whether writing is paused, and who waits for that to end. asyncio:
 * `asyncio.streams.FlowControlMixin`. A subclass that overrides `pauseWriting`, `resumeWriting` or `connectionLost` calls them.
 */
export class FlowControlMixin extends BaseProtocol {
  static {
    brand(this.prototype, 'FlowControlMixin');
  }
  protected readonly loop: TaskLoop<IoBackend>;
  private paused = false;
  private lost = false;
  private readonly waiters = new Set<Future<void>>();
  private ended = false;
  private endError: Error | null = null;
  private readonly endWaiters = new Set<Future<void>>();

  /** @param loop - Default `getEventLoop()`. */
  constructor(loop: TaskLoop<IoBackend> = getEventLoop() as TaskLoop<IoBackend>) {
    super();
    this.loop = loop;
  }

  /** @throws RuntimeError if writing is paused. */
  override pauseWriting(): void {
    if (this.paused) throw new RuntimeError('pauseWriting() while writing is paused');
    this.paused = true;
    if (this.loop.getDebug()) logger.debug(`${String(this)} pauses writing`);
  }

  /** @throws RuntimeError unless writing is paused. */
  override resumeWriting(): void {
    if (!this.paused) throw new RuntimeError('resumeWriting() while writing is not paused');
    this.paused = false;
    if (this.loop.getDebug()) logger.debug(`${String(this)} resumes writing`);
    for (const waiter of this.waiters) if (!waiter.done()) waiter.setResult();
  }

  override connectionLost(error: Error | null): void {
    this.lost = true;
    if (!this.paused) return;
    for (const waiter of this.waiters) {
      if (waiter.done()) continue;
      if (error === null) waiter.setResult();
      else waiter.setException(error);
    }
  }

  /**
   * Waits until writing is not paused. For writers. asyncio: `_drain_helper`.
   *
   * @throws Through the operation: ConnectionResetError if the connection is lost; what it was lost with, if that happens meanwhile;
   *   CancelledError.
   */
  drainHelper(): Operation<void> {
    if (this.lost) return failedOperation(this.loop, new ConnectionResetError('Connection lost'));
    return this.paused ? operation(this.loop, this.draining()) : DONE;
  }

  /**
   * Waits until the connection of a writer is lost. For writers; a subclass says how: {@link whenEnded}. asyncio: `_get_close_waiter`.
   *
   * @throws Through the operation: what it was lost with.
   */
  closeWaiter(_writer: object): Operation<void> {
    return failedOperation(this.loop, new NotImplementedError(`${this.constructor.name} has no closeWaiter()`));
  }

  /** For subclasses: what a writer writes to is gone. Without effect the second time. */
  protected end(error: Error | null): void {
    if (this.ended) return;
    this.ended = true;
    this.endError = error;
    for (const waiter of this.endWaiters) if (!waiter.done()) waiter.setResult();
  }

  /** For subclasses: waits for {@link end}; fails with its error, whoever asks and however often. An error that nobody asks for is no news. */
  protected whenEnded(): Operation<void> {
    return this.ended && this.endError === null ? DONE : operation(this.loop, this.ending());
  }

  private *ending(): CoroutineGenerator<void> {
    if (!this.ended) {
      const waiter = this.loop.createFuture<void>();
      this.endWaiters.add(waiter);
      try {
        yield* waiter;
      } finally {
        this.endWaiters.delete(waiter);
      }
    }
    if (this.endError !== null) throw this.endError;
  }

  private *draining(): CoroutineGenerator<void> {
    const waiter = this.loop.createFuture<void>();
    this.waiters.add(waiter);
    try {
      yield* waiter;
    } finally {
      this.waiters.delete(waiter);
    }
  }
}

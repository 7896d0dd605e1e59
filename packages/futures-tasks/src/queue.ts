import { brand, repr, ValueError } from '@tsyncio/core';
import { Event } from './event.js';
import type { ItemStore } from './item-store.js';
import { failedNow, LoopBound } from './loop-bound.js';
import { finishedOperation, operation, type Operation } from './operation.js';
import { QueueEmpty, QueueFull, QueueShutDown } from './queue-errors.js';
import { Ring } from './ring.js';
import type { CoroutineGenerator } from './stepper.js';
import { WaitingLine } from './waiting-line.js';

/**
 * Hands items from those who put to those who get, in the order in which they were put. asyncio: `asyncio.Queue`.
 *
 * Whoever finds it full, or empty, waits in line. A put wakes one who waits for an item, a get one who waits for room; the woken one
 * looks again, and stands at the end of the line if somebody else was faster. Nothing is lost when one who was woken is cancelled.
 * Not for threads. It belongs to the loop in which somebody first has to wait.
 *
 * @example
 * const queue = new Queue<string>(100);
 * loop.createTask(async () => { for (;;) { show(await queue.get()); queue.taskDone(); } });
 * await queue.put('hello');
 * await queue.join();
 */
export class Queue<T = unknown> extends LoopBound {
  static {
    brand(this.prototype, 'Queue');
  }
  private readonly limit: number;
  private readonly getters = new WaitingLine();
  private readonly putters = new WaitingLine();
  private unfinished = 0;
  private isShutDown = false;
  /** Set while nothing is unfinished; made by the first who waits for that. */
  private finished: Event | null = null;

  /**
   * @param maxsize - Limit of the number of items; zero or less means none. Compared as it is: 1.3 admits two items.
   * @param items - Where items are kept: what makes a queue with an order of its own.
   * @throws TypeError if `maxsize` is no number. ValueError for NaN.
   */
  constructor(
    maxsize = 0,
    private readonly items: ItemStore<T> = new Ring<T>(),
  ) {
    super();
    if (typeof maxsize !== 'number') throw new TypeError(`Queue: maxsize must be a number, got ${repr(maxsize)}`);
    if (Number.isNaN(maxsize)) throw new ValueError('Queue: maxsize must not be NaN');
    this.limit = maxsize;
  }

  /** Limit of the number of items; zero or less means none. asyncio: `Queue.maxsize`. */
  get maxsize(): number {
    return this.limit;
  }

  /** Number of items stored. asyncio: `Queue.qsize`. */
  qsize(): number {
    return this.items.length;
  }

  /** True if no item is stored. asyncio: `Queue.empty`. */
  empty(): boolean {
    return this.items.length === 0;
  }

  /** True if there is no room; never without a limit. asyncio: `Queue.full`. */
  full(): boolean {
    return this.limit > 0 && this.items.length >= this.limit;
  }

  /**
   * Stores an item, after waiting for room if there is none. asyncio: `Queue.put`.
   *
   * @throws Through the operation: QueueShutDown after {@link shutdown}; CancelledError (the item is not stored then); RuntimeError if it must
   *   wait in another loop than others before, or there is none; what {@link putNowait} throws.
   */
  put(item: T): Operation<void> {
    try {
      if (this.full() && !this.isShutDown) return operation(this.loopToWaitIn(), this.putAfterWait(item));
      return finishedOperation(null, this.putNowait(item));
    } catch (error) {
      return failedNow(error);
    }
  }

  /**
   * Stores an item. asyncio: `Queue.put_nowait`.
   *
   * @throws QueueFull if there is no room. QueueShutDown after {@link shutdown}. PriorityQueue: the error of a comparison. Nothing changes then.
   */
  putNowait(item: T): void {
    if (this.isShutDown) throw new QueueShutDown();
    if (this.full()) throw new QueueFull();
    this.items.push(item);
    this.unfinished++;
    this.finished?.clear();
    this.getters.wakeAndRemoveFirst();
  }

  /**
   * Takes the next item, after waiting for one if there is none. asyncio: `Queue.get`.
   *
   * @throws Through the operation: QueueShutDown after {@link shutdown}, once there is no item left; CancelledError (no item is taken then);
   *   RuntimeError if it must wait in another loop than others before, or there is none.
   */
  get(): Operation<T> {
    try {
      if (this.empty() && !this.isShutDown) return operation(this.loopToWaitIn(), this.getAfterWait());
      return finishedOperation(null, this.getNowait());
    } catch (error) {
      return failedNow(error);
    }
  }

  /**
   * Takes the next item. asyncio: `Queue.get_nowait`.
   *
   * @throws QueueEmpty if there is none; QueueShutDown if that is for ever.
   */
  getNowait(): T {
    if (this.empty()) throw this.isShutDown ? new QueueShutDown() : new QueueEmpty();
    const item = this.items.take();
    this.putters.wakeAndRemoveFirst();
    return item;
  }

  /**
   * Says that the work on an item which was taken is done. asyncio: `Queue.task_done`.
   *
   * @throws ValueError if it is called more often than items were put.
   */
  taskDone(): void {
    if (this.unfinished <= 0) throw new ValueError('taskDone() called too many times');
    this.unfinished--;
    if (this.unfinished === 0) this.finished?.set();
  }

  /**
   * Waits until {@link taskDone} was called for every item that was put. asyncio: `Queue.join`. Items put after that moment do not count.
   *
   * @throws Through the operation: CancelledError; RuntimeError if it must wait in another loop than others before, or there is none.
   */
  join(): Operation<void> {
    if (this.unfinished === 0) return finishedOperation(null, undefined);
    try {
      return operation(this.loopToWaitIn(), this.waitForFinished());
    } catch (error) {
      return failedNow(error);
    }
  }

  /**
   * Ends the queue: nothing can be put any more, and once it is empty nothing can be got; those who wait learn it at once. asyncio:
   * `Queue.shutdown`, since 3.13. A second call may still be the immediate one.
   *
   * @param immediate - Drop the items that are left, and count them as done for {@link join}.
   */
  shutdown(immediate = false): void {
    this.isShutDown = true;
    if (immediate) {
      while (!this.empty()) {
        this.items.take();
        if (this.unfinished > 0) this.unfinished--;
      }
      if (this.unfinished === 0) this.finished?.set();
    }
    for (const line of [this.getters, this.putters]) while (line.length > 0) line.wakeAndRemoveFirst();
  }

  private *putAfterWait(item: T): CoroutineGenerator<void> {
    while (this.full() && !this.isShutDown) yield* this.waitInLine(this.putters, () => !this.full());
    try {
      this.putNowait(item);
    } catch (error) {
      if (!this.full()) this.putters.wakeAndRemoveFirst();
      throw error;
    }
  }

  private *getAfterWait(): CoroutineGenerator<T> {
    while (this.empty() && !this.isShutDown) yield* this.waitInLine(this.getters, () => !this.empty());
    try {
      return this.getNowait();
    } catch (error) {
      if (!this.empty()) this.getters.wakeAndRemoveFirst();
      throw error;
    }
  }

  /** @param possible - Whether another one in this line could go on. */
  private *waitInLine(line: WaitingLine, possible: () => boolean): CoroutineGenerator<void> {
    const place = line.add(this.loopToWaitIn().createFuture<void>());
    try {
      yield* place.future;
    } catch (error) {
      line.remove(place);
      // Woken before it was cancelled: somebody else is to use what it was woken for.
      if (!place.future.cancelled() && possible()) line.wakeAndRemoveFirst();
      throw error;
    }
  }

  private *waitForFinished(): CoroutineGenerator<void> {
    this.finished ??= new Event();
    yield* this.finished.wait();
  }

  /** As asyncio's text: `<Queue maxsize=2 _queue=[1, 2] _putters[1] tasks=2>`, empty parts left out. */
  protected describe(): string {
    const parts = [`maxsize=${this.limit}`];
    if (this.items.length > 0) parts.push(`_queue=${repr([...this.items])}`);
    if (this.getters.length > 0) parts.push(`_getters[${this.getters.length}]`);
    if (this.putters.length > 0) parts.push(`_putters[${this.putters.length}]`);
    if (this.unfinished > 0) parts.push(`tasks=${this.unfinished}`);
    if (this.isShutDown) parts.push('shutdown');
    return parts.join(' ');
  }
}

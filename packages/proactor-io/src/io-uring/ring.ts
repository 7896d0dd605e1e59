import {
  E,
  EventCounter,
  IoUring,
  type IoUringFeatures,
  type KernelVersion,
  systemError,
} from '@tsyncio/socket/native';

import type { CompletionQueue } from '../completion-queue.js';
import type { Operation } from '../operation.js';
import { OperationQueue } from '../operation-queue.js';
import { OperationTable } from './operation-table.js';

/**
 * How many requests fit before they must be handed to the kernel, and how many completions before it has to keep some back (it loses none).
 * The second pair is for where the limit of locked memory is what it was for decades, 64 KiB.
 */
const SIZES = [
  [1024, 8192],
  [128, 512],
] as const;
/** How often a ring is asked for where there is no memory for it, 2 ms apart; and where there was enough for another one before. */
const PATIENCE = 25;
const MORE_PATIENCE = 500;
/** How often a queue that the kernel does not empty is offered again. */
const ATTEMPTS = 100;

/** An io_uring with its pending operations, and how a sleeping loop learns of completions. */
export class Ring extends OperationQueue implements CompletionQueue {
  private readonly uring: IoUring;
  private readonly table = new OperationTable();
  private readonly counter: EventCounter;
  /**
   * @param upTo - Uses nothing of a newer kernel, for tests.
   * @throws OSError with `syscall` `io_uring_setup` and so on.
   */
  constructor(upTo?: KernelVersion) {
    super();
    this.uring = openUring(upTo);
    try {
      this.counter = new EventCounter(systemError);
      const failed = this.uring.notify(this.counter.fd);
      if (failed < 0) {
        this.counter.close();
        throw systemError(failed, 'io_uring_register');
      }
    } catch (error) {
      this.uring.close();
      throw error;
    }
    this.uring.setNotifying(false);
  }

  /** For buffer rings, which are registered with it. */
  get native(): IoUring {
    return this.uring;
  }

  get features(): IoUringFeatures {
    return this.uring.features;
  }

  /** Requests that are pending in the kernel. */
  get pending(): number {
    return this.table.pending;
  }

  // ---- Requests: only while reconciling, and when nothing of the operation is pending ---------------------------------------------

  /** One completion when one of `events` (`POLLIN`, `POLLOUT`) holds. */
  poll(operation: Operation, fd: number, events: number): void {
    this.begin(operation);
    this.uring.poll(operation.slot, operation.generation, fd, events);
  }

  /** Completions as data arrives, in buffers of `group`. */
  receive(operation: Operation, fd: number, group: number): void {
    this.begin(operation);
    this.uring.recvMultishot(operation.slot, operation.generation, fd, group);
  }

  /** Asks the pending request to end. Its last completion comes in this poll or a later one. */
  cancel(operation: Operation): void {
    if (operation.slot < 0 || operation.cancelling) return;
    this.makeRoom();
    operation.cancelling = true;
    this.uring.cancel(~operation.slot, 0, operation.slot, operation.generation);
  }

  /**
   * Ends what is pending of the operations there and then, so that the kernel lets go of their file: what is closed after it is closed. Their
   * last completions are found at the next poll, if there is to be one.
   */
  cancelNow(first: Operation, second: Operation | null = null): void {
    this.unwant(first);
    if (second !== null) this.unwant(second);
    const isPending = first.slot >= 0 || (second !== null && second.slot >= 0);
    if (!isPending) return;
    this.cancel(first);
    if (second !== null) this.cancel(second);
    this.submit();
    // Behind other work, which the kernel does in portions.
    for (let attempts = 0; this.uring.hasWork() && attempts < ATTEMPTS; attempts++) this.uring.enter();
    // With nobody to report to, there may be no next poll.
    if (this.wanted === 0) this.uring.reap(this.table);
  }

  private begin(operation: Operation): void {
    this.makeRoom();
    this.markBegun(operation);
    this.table.begin(operation);
  }

  private makeRoom(): void {
    if (this.uring.room() === 0) this.submit();
  }

  /** Hands over everything that was written. */
  private submit(): void {
    const { uring } = this;
    for (let attempts = 0; ; attempts++) {
      const n = uring.enter();
      if (uring.unsubmitted() === 0) return;
      if (n >= 0 || n === -E.EINTR) continue;
      // Out of memory, or too many completions: making room for those is all that can be done.
      if ((n !== -E.EAGAIN && n !== -E.EBUSY) || attempts === ATTEMPTS) throw systemError(n, 'io_uring_enter');
      uring.reap(this.table);
    }
  }

  // ---- The life of a loop ---------------------------------------------------------------------------------------------------------

  /**
   * Reconciles, enters the kernel if there is any reason to, and gives completions to their operations.
   *
   * Once: the kernel prepares some twenty completions, and flags what there is beyond them for the next poll. Those who received answer
   * first, while their sockets are in the processor's cache. (Going on until nothing is flagged costs 10 % with 500 connections.)
   */
  advance(): void {
    const { uring } = this;
    this.polls++;
    this.reconcile();
    if (uring.pending()) {
      const n = uring.enter();
      if (n < 0 && n !== -E.EINTR && n !== -E.EAGAIN && n !== -E.EBUSY) throw systemError(n, 'io_uring_enter');
    }
    uring.reap(this.table);
  }

  /** The loop goes to sleep: calls `turn` when there is something to do, perhaps at once. */
  arm(turn: () => void): void {
    const { uring } = this;
    this.turn = turn;
    if (this.wanted === 0) return;
    if (this.touched.length > 0) {
      turn();
      return;
    }
    uring.setNotifying(true);
    // What was completed until now, nobody has counted.
    if (uring.pending() || uring.completions > 0) turn();
    else this.counter.arm(turn);
  }

  /** A poll request on an eventfd has completed: see `IoUring.renotify`. */
  afterEventfd(): void {
    this.uring.renotify(this.counter.fd);
  }

  disarm(): void {
    if (this.turn === null) return;
    this.turn = null;
    this.uring.setNotifying(false);
    this.counter.disarm();
  }

  /**
   * Cancels everything and waits until the kernel has let go of it.
   *
   * @returns whether nothing is pending any more: memory that requests use may be unmapped.
   */
  cancelAll(): boolean {
    const { uring, table } = this;
    this.touched.length = 0;
    for (let attempts = 0; table.pending > 0 && attempts < ATTEMPTS; attempts++) {
      uring.cancelAll();
      do uring.enter();
      while (uring.reap(table) > 0);
    }
    return table.pending === 0;
  }

  /** After {@link cancelAll}. */
  close(): void {
    this.disarm();
    this.counter.close();
    this.uring.close();
  }
}

/** Whether this thread has had a ring. */
let possible = false;

function openUring(upTo: KernelVersion | undefined): IoUring {
  const [[submissions, completions], small] = SIZES;
  try {
    return new IoUring(submissions, completions, systemError, upTo);
  } catch (error) {
    if (!isOutOfMemory(error)) throw error;
  }
  // A ring that was just closed, such as that of the probe, counts until the kernel has freed it: a grace period of RCU later, which is
  // long on a busy machine.
  const patience = possible ? MORE_PATIENCE : PATIENCE;
  for (let attempt = 1; ; attempt++) {
    try {
      const uring = new IoUring(...small, systemError, upTo);
      possible = true;
      return uring;
    } catch (error) {
      if (!isOutOfMemory(error) || attempt === patience) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2);
    }
  }
}

function isOutOfMemory(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ENOMEM';
}

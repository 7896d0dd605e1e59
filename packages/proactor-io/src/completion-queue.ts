import type { Operation } from './operation.js';

/** The requests of a loop that are pending in the kernel: a ring of io_uring, a completion port. Internal. */
export interface CompletionQueue {
  /** Whether anything is wanted: what is pending and unwanted can wait. */
  readonly active: boolean;

  /** Makes a request pending from the next poll on. Idempotent. */
  want(operation: Operation): void;
  /** Ends what is pending, at the next poll. Idempotent. */
  unwant(operation: Operation): void;
  /** What is wanted of the operation has changed: it is reconciled at the next poll. A sleeping loop wakes up for it. */
  touch(operation: Operation): void;
  /** Whether the operation was asked for only in this poll, and is ready at once. */
  isFresh(operation: Operation): boolean;

  /**
   * One completion when one of `events` (`POLLIN`, `POLLOUT`) holds. Only while reconciling, and when nothing of the operation is pending; as all
   * requests.
   */
  poll(operation: Operation, fd: number, events: number): void;
  /** Asks the pending request to end. Its last completion comes in this poll or a later one. */
  cancel(operation: Operation): void;
  /** Ends what is pending of the operations there and then, so that what is closed after it is closed. */
  cancelNow(first: Operation, second?: Operation | null): void;
  /** A poll request on an eventfd has completed. */
  afterEventfd?(): void;

  /** Reconciles, and gives completions to their operations. */
  advance(): void;
  /** The loop goes to sleep: calls `turn` when there is something to do, perhaps at once. */
  arm(turn: () => void): void;
  disarm(): void;
  /** Makes an armed queue call its `turn`. */
  wake(): void;
  /** Cancels everything and waits until the kernel has let go of it. @returns Whether it has. */
  cancelAll(): boolean;
  /** After {@link cancelAll}. */
  close(): void;
}

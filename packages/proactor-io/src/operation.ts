/**
 * Something that is asked of the kernel again and again: a receive, a poll. At most one request of it is pending.
 *
 * What is wanted changes at any time, what is pending only in {@link reconcile}, which runs before the kernel is entered: so that a pause
 * and a resume between two polls cost nothing, and no call of a port needs the kernel.
 */
export abstract class Operation {
  /** Where the table knows the pending request; -1 while there is none. Written by the queue alone, like the next two. */
  slot = -1;
  generation = 0;
  /** The pending request was asked to end, and has not yet. */
  cancelling = false;
  /** It stands in the list of those to be reconciled. */
  touched = false;
  /** Somebody waits for its completions. Written by the queue alone. */
  wanted = false;
  /** The poll in which the first request since it was wanted was made; -1 while it is still to be made. Written by the queue alone. */
  begun = -1;

  /** Brings what is pending in line with what is wanted. */
  abstract reconcile(): void;

  /**
   * A completion. If it was the last one of the request, nothing is pending any more ({@link slot} is -1). Must not throw.
   *
   * @param result - What the system call would return, or a negated error number.
   * @param flags - `IORING_CQE_F_...`.
   */
  abstract completed(result: number, flags: number): void;
}

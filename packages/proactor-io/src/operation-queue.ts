import type { Operation } from './operation.js';

/** What is wanted of the kernel, and what of that it has not been told: the half of a queue that knows no kernel. Internal. */
export abstract class OperationQueue {
  /** Operations to reconcile before the kernel is asked, and an empty list to take its place. */
  protected touched: Operation[] = [];
  private spare: Operation[] = [];
  /** What an armed queue calls; null while the loop is awake. */
  protected turn: (() => void) | null = null;
  /** Operations that are wanted. */
  protected wanted = 0;
  /** Counts polls. */
  protected polls = 0;

  get active(): boolean {
    return this.wanted > 0;
  }

  want(operation: Operation): void {
    if (operation.wanted) return;
    operation.wanted = true;
    operation.begun = -1;
    this.wanted++;
    this.touch(operation);
  }

  unwant(operation: Operation): void {
    if (!operation.wanted) return;
    operation.wanted = false;
    this.wanted--;
    if (operation.slot >= 0) this.touch(operation);
  }

  touch(operation: Operation): void {
    if (operation.touched) return;
    operation.touched = true;
    this.touched.push(operation);
    this.turn?.();
  }

  isFresh(operation: Operation): boolean {
    return operation.begun === this.polls;
  }

  /** Makes an armed queue call its `turn`. */
  wake(): void {
    this.turn?.();
  }

  /** A request of the operation is being made. */
  protected markBegun(operation: Operation): void {
    if (operation.begun < 0) operation.begun = this.polls;
  }

  protected reconcile(): void {
    const list = this.touched;
    if (list.length === 0) return;
    this.touched = this.spare;
    for (const operation of list) {
      operation.touched = false;
      operation.reconcile();
    }
    list.length = 0;
    this.spare = list;
  }
}

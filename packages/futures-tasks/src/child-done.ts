import type { Waiter } from './awaitable.js';
import { Future } from './future.js';

/**
 * Tells of the end of one child. A job of its own: a handle would hold an async context for each child, and no code of a user is called.
 */
class ChildDone implements Waiter {
  readonly source = null;

  constructor(
    private readonly child: Future<unknown>,
    private readonly childDone: (child: Future<unknown>) => void,
    private readonly parent: () => object | null,
  ) {}

  run(): void {
    this.childDone(this.child);
  }

  /** For call graphs: who waits for the child. */
  awaitedBy(): object | null {
    return this.parent();
  }

  awaitingTask(): null {
    return null;
  }

  cancelRequested(): boolean {
    return false;
  }

  cancelMessage(): undefined {}

  cancelTaken(): void {}

  cancelDelivered(): void {}
}

/**
 * Calls `childDone(child)` through the loop when `child` is done. Internal.
 *
 * @param parent - The future or task on whose behalf, for call graphs.
 */
export function watchChild(
  child: Future<unknown>,
  childDone: (child: Future<unknown>) => void,
  parent: () => object | null,
): void {
  // A future of another implementation, or one that is done, is asked the usual way.
  if (child.done() || !(child instanceof Future)) child.addDoneCallback(childDone);
  else child.addWaiter(new ChildDone(child, childDone, parent));
}

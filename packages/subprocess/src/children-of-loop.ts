import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { IoBackend } from '@tsyncio/core';

/** Whoever must know that the loop was closed. */
interface Adopted {
  loopClosed(): void;
}

/** The children that run, by loop. */
const children = new WeakMap<TaskLoop<IoBackend>, Set<Adopted>>();

/** From now on the child is told when its loop is closed. */
export function adoptChild(loop: TaskLoop<IoBackend>, child: Adopted): void {
  let all = children.get(loop);
  if (all === undefined) {
    const made = new Set<Adopted>();
    children.set(loop, (all = made));
    loop.onClose(() => {
      for (const each of made) each.loopClosed();
      made.clear();
    });
  }
  all.add(child);
}

/** The child has ended. */
export function forgetChild(loop: TaskLoop<IoBackend>, child: Adopted): void {
  children.get(loop)?.delete(child);
}

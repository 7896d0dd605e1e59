import { RuntimeError } from './errors.js';
import { threadState } from './thread-state.js';

/** The least that is known of a loop wherever it comes from; packages above narrow it. */
export interface AnyLoop {
  isRunning(): boolean;
  isClosed(): boolean;
}

/** The loop whose handle or task step this code belongs to, if that loop is running; null in any other code. */
export function loopOfContext(): AnyLoop | null {
  const loop = threadState.storage.getStore()?.loop ?? null;
  return loop !== null && threadState.running.has(loop) ? (loop as AnyLoop) : null;
}

/**
 * The running loop, or null: in a handle or a task step the loop that runs it; in any other code of this thread the one loop that is
 * running, if it is exactly one. asyncio: `_get_running_loop`.
 */
export function getRunningLoopOrNull(): AnyLoop | null {
  const own = loopOfContext();
  if (own !== null) return own;
  if (threadState.explicitRunning !== null) return threadState.explicitRunning as AnyLoop;
  if (threadState.running.size !== 1) return null;
  for (const loop of threadState.running) return loop as AnyLoop;
  return null;
}

/**
 * The running loop. asyncio: `get_running_loop`.
 *
 * @throws RuntimeError if no loop is running, or several are and this code belongs to none of them.
 */
export function getRunningLoop(): AnyLoop {
  const loop = getRunningLoopOrNull();
  if (loop === null) throw new RuntimeError('no running event loop');
  return loop;
}

/**
 * For authors of loops that do not extend ours: names the loop that runs in this thread, null when its run ends.
 * asyncio: `_set_running_loop`.
 */
export function setRunningLoop(loop: AnyLoop | null): void {
  threadState.explicitRunning = loop;
}

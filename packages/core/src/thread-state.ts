import { AsyncLocalStorage } from 'node:async_hooks';
import type { AsyncStore } from './async-store.js';
import type { Variables } from './context.js';
import type { Logger } from './logger.js';

/**
 * What all copies of this package in one JavaScript thread share: the ESM and the CJS build, and several versions.
 *
 * It stands on `globalThis` under a symbol that carries the number of this schema. Fields are only ever added: a copy of
 * another version reads the same object.
 */
export interface ThreadState {
  /** The async context: which loop and which task the running code belongs to. */
  readonly storage: AsyncLocalStorage<AsyncStore>;
  /** The loops that are running in this thread. */
  readonly running: Set<object>;
  /** What `setRunningLoop` put in place for a foreign loop implementation. */
  explicitRunning: object | null;
  /** The handle whose callback is running synchronously right now: the identity of its context. */
  handle: object | null;
  /** Context variables of code outside any loop. */
  variables: Variables;
  /** The event loop policy, or null before its first use. */
  policy: object | null;
  /** Makes the default policy; the umbrella package sets it, first wins. */
  defaultPolicyFactory: (() => object) | null;
  /** Number of the last automatic task name. */
  taskNumber: number;
  /** Where records of the logger named `asyncio` go; null is the console. */
  logger: Logger | null;
}

const KEY = Symbol.for('tsyncio/1');

/** The state of this thread; made at first use. */
export const threadState: ThreadState = ((globalThis as unknown as Record<symbol, ThreadState | undefined>)[KEY] ??= {
  storage: new AsyncLocalStorage(),
  running: new Set(),
  explicitRunning: null,
  handle: null,
  variables: new Map(),
  policy: null,
  defaultPolicyFactory: null,
  taskNumber: 0,
  logger: null,
});

import type { Context, Variables } from './context.js';
import { threadState } from './thread-state.js';

/**
 * The store of our AsyncLocalStorage: what the running code belongs to.
 *
 * Two kinds. One with a `context` belongs to a task or to `Context.run`: setting a variable changes that context in place.
 * One without belongs to callbacks and never changes: setting a variable enters a new store for the rest of this callback
 * (see `ContextVar.set`), so that the many handles which inherit one store need none of their own.
 *
 * The store of a task is the task itself: it has the same fields.
 */
export class AsyncStore {
  /**
   * @param loop - The loop whose handle or task runs.
   * @param task - The task whose step runs; null in a plain callback.
   * @param context - The context that `ContextVar.set` changes; null in a plain callback.
   * @param variables - The variables of a plain callback; unused with a context.
   * @param origin - The handle in which these variables were set: what a `Token` is compared with.
   * @param scope - What runs this code within the task, and is cancelled on its own, as an operation with a deadline; null for the
   *   task itself.
   */
  constructor(
    readonly loop: object | null,
    readonly task: object | null,
    readonly context: Context | null,
    readonly variables: Variables | null,
    readonly origin: object | null,
    readonly scope: object | null = null,
  ) {}
}

/** The context variables that are visible here and now. */
export function currentVariables(store: AsyncStore | undefined): Variables {
  if (store === undefined) return threadState.variables;
  return store.context === null ? store.variables! : store.context.variables;
}

/** By loop, the store last made for a callback: those registered one after the other nearly always have the same variables. */
const lastStores = new WeakMap<object, AsyncStore>();

/**
 * The store in which a callback registered here must run, or null when the store that it inherits from its async context will do:
 * the registering code is a plain callback of the same loop.
 */
export function storeForCallback(loop: object): AsyncStore | null {
  const store = threadState.storage.getStore();
  if (store !== undefined && store.loop === loop && store.task === null && store.context === null && !store.scope) {
    return null;
  }
  const variables = currentVariables(store);
  const last = lastStores.get(loop);
  if (last !== undefined && last.variables === variables) return last;
  const own = new AsyncStore(loop, null, null, variables, null);
  lastStores.set(loop, own);
  return own;
}

/** The task in whose async context this code runs, whether or not it is still alive; null in a callback or outside any loop. */
export function taskOfContext(): object | null {
  const store = threadState.storage.getStore();
  return store === undefined ? null : store.task;
}

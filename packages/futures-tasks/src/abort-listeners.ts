import { repr } from '@tsyncio/core';

/** Who waits for a signal to be aborted. One listener serves them all: a signal warns about its eleventh, and finds them in linear time. */
const waiting = new WeakMap<AbortSignal, { readonly callbacks: Set<() => void>; readonly listener: () => void }>();

/** @throws TypeError if `signal` is no AbortSignal. Internal. */
export function checkSignal(method: string, signal: unknown): asserts signal is AbortSignal | undefined {
  if (signal === undefined) return;
  const { aborted, addEventListener } = (signal ?? {}) as { aborted?: unknown; addEventListener?: unknown };
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return;
  throw new TypeError(`${method}: signal must be an AbortSignal, got ${repr(signal)}`);
}

/**
 * Calls `callback` when `signal` is aborted, which it must not be yet. Internal.
 *
 * @returns To be called when nobody waits any more: nothing is left on the signal then.
 */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  let entry = waiting.get(signal);
  if (entry === undefined) {
    const callbacks = new Set<() => void>();
    const listener = (): void => {
      waiting.delete(signal);
      for (const each of callbacks) each();
    };
    entry = { callbacks, listener };
    waiting.set(signal, entry);
    signal.addEventListener('abort', listener, { once: true });
  }
  const { callbacks, listener } = entry;
  const own = (): void => callback();
  callbacks.add(own);
  return () => {
    if (!callbacks.delete(own) || callbacks.size > 0) return;
    signal.removeEventListener('abort', listener);
    if (waiting.get(signal)?.callbacks === callbacks) waiting.delete(signal);
  };
}

import { setImmediate as immediate } from 'node:timers';

// Taken at load: fake timers of a test must not stop its helpers.
const later = immediate;

/** Fulfilled in a later turn of Node: every microtask and tick that was due has run by then. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => {
    later(resolve);
  });
}

/** A lookup that may still have to wait for its turn. */
export interface Lookup {
  /** Calls `done` once, later. */
  start(done: () => void): void;
}

/**
 * Lookups in progress at a time. A lookup may take many seconds; libuv's pool has four threads, and files need them too. (libuv itself
 * allows its own lookups half of the pool.)
 */
const MOST = 2;

const waiting: Lookup[] = [];
let running = 0;

/** Starts a lookup, now or when those before it have ended. */
export function enqueue(lookup: Lookup): void {
  if (running >= MOST) {
    waiting.push(lookup);
    return;
  }
  running++;
  lookup.start(ended);
}

/** Takes back a lookup that has not been started; nothing can stop one that was. */
export function withdraw(lookup: Lookup): void {
  const index = waiting.indexOf(lookup);
  if (index >= 0) waiting.splice(index, 1);
}

function ended(): void {
  running--;
  const next = waiting.shift();
  if (next !== undefined) enqueue(next);
}

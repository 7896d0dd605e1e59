/** A lookup that may still have to wait for its turn. */
export interface Lookup {
  /** Calls `done` once, now (if there is nothing to do) or later. Must not throw. */
  start(done: () => void): void;
}

/**
 * Lookups in progress at a time. A lookup may take many seconds; libuv's pool has four threads, and files need them too. (libuv itself
 * allows its own lookups half of the pool.)
 */
const MOST = 2;

const waiting = new Set<Lookup>();
let running = 0;

/** Starts a lookup, now or when those before it have ended. */
export function enqueue(lookup: Lookup): void {
  waiting.add(lookup);
  startNext();
}

/** Takes back a lookup that has not been started; nothing can stop one that was. */
export function withdraw(lookup: Lookup): void {
  waiting.delete(lookup);
}

function startNext(): void {
  for (const lookup of waiting) {
    if (running >= MOST) return;
    waiting.delete(lookup);
    running++;
    lookup.start(ended);
  }
}

function ended(): void {
  running--;
  startNext();
}

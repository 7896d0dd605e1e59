/**
 * What a loop needs of the program that it lives in. {@link NodeHost} is the one for Node; a test or a simulation brings its own
 * and thereby decides when turns happen and what time it is.
 *
 * Each loop has a host of its own. None of the callbacks given to a host throws.
 */
export interface Host {
  /** Calls `turn` once, soon, from outside of any other code. Node: `setImmediate`. */
  scheduleTurn(turn: () => void): void;
  /** Calls `callback` once all microtasks that exist now, and all that these bring about, have run: the end of a task's step. */
  afterStep(callback: () => void): void;
  /** Calls `alarm` once after `delay` seconds, replacing an earlier alarm. May be early: the loop checks its clock and arms again. */
  arm(delay: number, alarm: () => void): void;
  /** Forgets the alarm. */
  disarm(): void;
  /** Keeps the program alive until {@link release}. Not counted: two calls are as one. */
  hold(): void;
  /** Ends {@link hold}. */
  release(): void;
  /** Seconds on the host's own clock: measures how long a turn has taken, also where the loop's clock is virtual. */
  now(): number;
  /** Warns the developer without stopping anything. Node: `process.emitWarning`. */
  warn(message: string, category: string): void;
  /** Registers what must happen before this thread ends, and gives back how to unregister it. */
  onExit(callback: () => void): () => void;
  /**
   * Calls `callback` at each signal of this name, in place of what the signal does by default, until the function given back is called.
   * Keeps nothing alive. Absent: the loop's signal methods throw NotImplementedError.
   *
   * @throws RuntimeError where signals do not arrive, in a worker thread; an error with `code: 'EINVAL'` for a signal that cannot be caught.
   */
  onSignal?(name: string, callback: () => void): () => void;
  /**
   * As {@link onSignal}, but only for signals that reach nobody else, and without an error where signals do not arrive: what stands in place
   * of the default.
   */
  onUnhandledSignal?(name: string, callback: () => void): () => void;
}

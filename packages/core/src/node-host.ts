import { clearTimeout, setImmediate, setInterval, setTimeout } from 'node:timers';
import { isMainThread } from 'node:worker_threads';
import { nodeClock } from './clock.js';
import { NotImplementedError, RuntimeError } from './errors.js';
import type { Host } from './host.js';

// All taken at load: a user's fake timers must never stop a loop. An import alone is not enough: it is looked up at each use, and
// fake timers replace the functions of the module as well.
const cancelTimeout = clearTimeout;
const immediate = setImmediate;
const interval = setInterval;
const timeout = setTimeout;
const nextTick = process.nextTick.bind(process);
const settled = Promise.resolve();

/** Node cuts a longer delay to 1 ms; the loop arms again when an alarm was early. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** Node ignores them; once a listener is gone, the system's own default would end the process. */
const IGNORED: ReadonlySet<string> = new Set(['SIGPIPE', 'SIGXFSZ']);

/** Marks listeners that stand back when there are others; also for other copies of this package. */
const STANDS_BACK = Symbol.for('tsyncio.stands-back');

function nothing(): void {}

function standsBack(listener: object): boolean {
  return (listener as { [STANDS_BACK]?: true })[STANDS_BACK] === true;
}

/** The host of a loop in Node: turns by `setImmediate`, alarms by `setTimeout`, steps ended by the tick queue. */
export class NodeHost implements Host {
  private alarm: NodeJS.Timeout | null = null;
  private keepAlive: NodeJS.Timeout | null = null;
  /** What {@link afterStep} was last given: there is one step at a time. */
  private stepEnded: () => void = nothing;
  private readonly tick = (): void => nextTick(this.stepEnded);

  scheduleTurn(turn: () => void): void {
    immediate(turn);
  }

  /**
   * The tick queue is served only when the microtask queue is empty, so a tick asked for *from a microtask* comes after the whole
   * step, nested awaits included. A tick asked for directly would come before it. (A reaction of a settled promise is the
   * cheapest microtask: `queueMicrotask` costs 30 to 90 ns more a step.)
   */
  afterStep(callback: () => void): void {
    this.stepEnded = callback;
    void settled.then(this.tick);
  }

  arm(delay: number, alarm: () => void): void {
    if (this.alarm !== null) cancelTimeout(this.alarm);
    // Node truncates fractions and may fire up to a millisecond early: round up, and let the loop check its clock.
    const ms = Math.min(Math.max(Math.ceil(delay * 1000), 1), MAX_DELAY_MS);
    this.alarm = timeout(alarm, ms);
  }

  disarm(): void {
    if (this.alarm === null) return;
    cancelTimeout(this.alarm);
    this.alarm = null;
  }

  hold(): void {
    this.keepAlive ??= interval(nothing, MAX_DELAY_MS);
  }

  release(): void {
    if (this.keepAlive === null) return;
    cancelTimeout(this.keepAlive);
    this.keepAlive = null;
  }

  now(): number {
    return nodeClock.time();
  }

  warn(message: string, category: string): void {
    process.emitWarning(message, category);
  }

  onExit(callback: () => void): () => void {
    process.on('exit', callback);
    return () => process.removeListener('exit', callback);
  }

  onSignal(name: string, callback: () => void): () => void {
    if (process.platform === 'win32') {
      throw new NotImplementedError("loops have no signal handlers on Windows: use Node's process.on()");
    }
    if (!isMainThread) throw new RuntimeError('signals can be handled in the main thread only');
    const listener = (): void => callback();
    process.on(name, listener);
    return () => {
      process.removeListener(name, listener);
      if (IGNORED.has(name) && process.listenerCount(name) === 0) process.on(name, nothing);
    };
  }

  onUnhandledSignal(name: string, callback: () => void): () => void {
    if (!isMainThread) return nothing;
    const listener = (): void => {
      if (process.listeners(name as NodeJS.Signals).every(standsBack)) callback();
    };
    listener[STANDS_BACK] = true;
    // First, so that a listener that was added by `once` has not gone yet.
    process.prependListener(name as NodeJS.Signals, listener);
    return () => process.removeListener(name, listener);
  }
}

/** asyncio's rule: a non-empty variable turns debug mode on, also the text `0`. */
export function debugFromEnvironment(): boolean {
  const { TSYNCIO_DEBUG, PYTHONASYNCIODEBUG } = process.env;
  return Boolean(TSYNCIO_DEBUG) || Boolean(PYTHONASYNCIODEBUG);
}

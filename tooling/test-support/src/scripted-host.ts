import type { Host } from '@tsyncio/core';
import { quiet } from './quiet.js';
import { VirtualClock } from './virtual-clock.js';

/** More than any test needs. */
const MAX_TURNS = 100_000;

/**
 * A host whose turns happen when the test says so and whose alarm rings at once, the clock jumping to its time. What the loop asks of
 * its host is written down in {@link log}.
 *
 * @example
 * const host = new ScriptedHost();
 * const loop = new Scheduler({ host, clock: host.clock });
 * loop.callLater(3600, () => loop.stop());
 * await host.drive(loop.runForever()); // takes no time
 */
export class ScriptedHost implements Host {
  /** `turn`, `arm 0.5`, `disarm`, `hold`, `release`, `warn ...`, in order. */
  readonly log: string[] = [];
  /** True while the loop wants the program kept alive. */
  held = false;
  private readonly turns: (() => void)[] = [];
  private alarm: { readonly delay: number; readonly ring: () => void } | null = null;
  private worked = 0;
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly substitutes = new Map<string, Set<() => void>>();

  constructor(readonly clock = new VirtualClock()) {}

  // ---- For the test ---------------------------------------------------------------------------------------------------------

  /** How many turns the loop has asked for and not had. */
  get pending(): number {
    return this.turns.length;
  }

  /** The delay of the alarm in seconds; null if none is set. */
  get armed(): number | null {
    return this.alarm === null ? null : this.alarm.delay;
  }

  /** Work takes time on the host's own clock, by which the loop measures its turns. */
  spend(seconds: number): void {
    this.worked += seconds;
  }

  /** Runs the oldest turn asked for, then all the steps that it begins. */
  async turn(): Promise<void> {
    const turn = this.turns.shift();
    if (turn === undefined) throw new Error('the loop has asked for no turn');
    this.log.push('turn');
    turn();
    await quiet();
  }

  /** The alarm rings, `early` seconds before its time. */
  async ring(early = 0): Promise<void> {
    const { alarm } = this;
    if (alarm === null) throw new Error('the loop has set no alarm');
    this.alarm = null;
    this.clock.advance(alarm.delay - early);
    alarm.ring();
    await quiet();
  }

  /** Runs turns, and rings the alarm when there are none, until `run` is settled. */
  async drive<T>(run: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    run.then(settle, settle);
    await quiet();
    for (let turns = 0; !settled; turns++) {
      if (turns === MAX_TURNS) throw new Error('the loop spins');
      if (this.turns.length > 0) await this.turn();
      else if (this.alarm !== null) await this.ring();
      else throw new Error('the loop sleeps for ever');
    }
    return run;
  }

  /** The process gets a signal. @returns False if nobody handles it: a real process would do what the signal does by default. */
  signal(name: string): boolean {
    const called = [this.listeners, this.substitutes].map((table) => [...(table.get(name) ?? [])]);
    const listeners = called.find((some) => some.length > 0) ?? [];
    for (const listener of listeners) listener();
    return listeners.length > 0;
  }

  /** The signals that somebody listens for, with the number of listeners. */
  get signals(): Record<string, number> {
    const found: Record<string, number> = {};
    for (const table of [this.listeners, this.substitutes]) {
      for (const [name, { size }] of table) if (size > 0) found[name] = (found[name] ?? 0) + size;
    }
    return found;
  }

  // ---- For the loop ---------------------------------------------------------------------------------------------------------

  scheduleTurn(turn: () => void): void {
    this.turns.push(turn);
  }

  afterStep(callback: () => void): void {
    queueMicrotask(() => process.nextTick(callback));
  }

  arm(delay: number, ring: () => void): void {
    this.log.push(`arm ${delay}`);
    this.alarm = { delay, ring };
  }

  disarm(): void {
    this.log.push('disarm');
    this.alarm = null;
  }

  hold(): void {
    this.log.push('hold');
    this.held = true;
  }

  release(): void {
    this.log.push('release');
    this.held = false;
  }

  now(): number {
    return this.worked;
  }

  warn(message: string, category: string): void {
    this.log.push(`warn ${category}: ${message}`);
  }

  onExit(): () => void {
    return () => undefined;
  }

  onSignal(name: string, callback: () => void): () => void {
    return listen(this.listeners, name, callback);
  }

  onUnhandledSignal(name: string, callback: () => void): () => void {
    return listen(this.substitutes, name, callback);
  }
}

function listen(table: Map<string, Set<() => void>>, name: string, callback: () => void): () => void {
  const listener = (): void => callback();
  const listeners = table.get(name) ?? new Set();
  table.set(name, listeners.add(listener));
  return () => listeners.delete(listener);
}

import { type Clock, type IoBackend, NodeHost } from '@tsyncio/core';

/** More iterations than any program needs: beyond it the loop spins. */
const MAX_ITERATIONS = 20_000;

/** A clock that stands still until the loop would sleep. */
export class VirtualClock implements Clock {
  now = 0;
  readonly resolution = 1e-9;

  time(): number {
    return this.now;
  }
}

/** The host of a loop in virtual time: an alarm goes off at once, and the clock has advanced by its delay. */
export class VirtualHost extends NodeHost {
  readonly #clock: VirtualClock;
  readonly #cutTurns: boolean;
  #alarms = 0;
  #looks = 0;

  /** @param cutTurns - Turns end as often as the loop allows, in the middle of a batch too; else never before they must. */
  constructor(clock: VirtualClock, cutTurns: boolean) {
    super();
    this.#clock = clock;
    this.#cutTurns = cutTurns;
  }

  override arm(delay: number, alarm: () => void): void {
    this.#alarms += 1;
    const number = this.#alarms;
    super.scheduleTurn(() => {
      if (number !== this.#alarms) return;
      this.#clock.now += delay;
      alarm();
    });
  }

  override disarm(): void {
    this.#alarms += 1;
  }

  override now(): number {
    if (this.#cutTurns) this.#looks += 1;
    return this.#looks; // a turn that looks at the time twice has taken a second
  }
}

/** I/O that never brings anything: it tells when an iteration begins. */
export class IterationProbe implements IoBackend {
  readonly active = true;
  readonly #polled: () => void;
  #iterations = 0;

  constructor(polled: () => void) {
    this.#polled = polled;
  }

  attach(): void {}
  poll(): void {
    this.#iterations += 1;
    if (this.#iterations > MAX_ITERATIONS) throw new Error('the loop spins');
    this.#polled();
  }
  arm(): void {}
  disarm(): void {}
  wake(): void {}
  close(): void {}
}

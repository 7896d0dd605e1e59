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
  #alarms = 0;

  constructor(clock: VirtualClock) {
    super();
    this.#clock = clock;
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
    return 0; // turns are never cut
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

import type { Clock } from '@tsyncio/core';

/** A clock that stands still until it is told otherwise. Seconds. */
export class VirtualClock implements Clock {
  readonly resolution = 1e-9;

  constructor(private now = 0) {}

  time(): number {
    return this.now;
  }

  /** Time passes. */
  advance(seconds: number): void {
    this.now += seconds;
  }
}

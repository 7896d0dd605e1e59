import type { ExceptionContext, Handle, IoBackend, TimerHandle } from '@tsyncio/core';
import { TaskLoop, type Coroutine } from '@tsyncio/futures-tasks';
import { ScriptedHost } from '@tsyncio/test-support';

/** I/O that never brings anything: it counts the iterations. */
class IterationCounter implements IoBackend {
  readonly active = true;
  count = 0;

  attach(): void {}
  poll(): void {
    this.count++;
  }
  arm(): void {}
  disarm(): void {}
  wake(): void {}
  close(): void {}
}

type Callback<A extends unknown[]> = (...args: A) => unknown;

class WorldLoop extends TaskLoop<IterationCounter> {
  /** Weak: a timer holds on to the async context in which it was made. */
  private readonly made: WeakRef<TimerHandle>[] = [];

  override callAt<A extends unknown[]>(when: number, callback: Callback<A>, ...args: A): TimerHandle {
    const timer = super.callAt(when, callback, ...args);
    this.made.push(new WeakRef(timer));
    return timer;
  }

  override callLater<A extends unknown[]>(delay: number, callback: Callback<A>, ...args: A): TimerHandle {
    const timer = super.callLater(delay, callback, ...args);
    this.made.push(new WeakRef(timer));
    return timer;
  }

  /** How often it was asked from outside of its own code. */
  threadsafeCalls = 0;

  override callSoonThreadsafe<A extends unknown[]>(callback: Callback<A>, ...args: A): Handle {
    this.threadsafeCalls++;
    return super.callSoonThreadsafe(callback, ...args);
  }

  /** Timers that are neither cancelled nor due. */
  timersLeft(): number {
    return this.made.filter((ref) => {
      const timer = ref.deref();
      return timer !== undefined && !timer.cancelled() && timer.when() > this.time();
    }).length;
  }
}

/** A loop in virtual time, whose every iteration is counted and whose every report is kept. */
export class World {
  readonly host = new ScriptedHost();
  private readonly io = new IterationCounter();
  readonly loop = new WorldLoop({ host: this.host, clock: this.host.clock, backend: this.io, debug: false });
  /** What the exception handler was told and {@link takeReports} has not taken: anything left fails the test. */
  private reports: ExceptionContext[] = [];
  /** For the test: what happened, in order. */
  readonly trace: string[] = [];

  constructor() {
    this.loop.setExceptionHandler((_loop, context) => this.reports.push(context));
  }

  /** Writes a line into {@link trace}, for use as an expression. */
  log(line: string): void {
    this.trace.push(line);
  }

  /** The number of the current iteration. */
  get iteration(): number {
    return this.io.count;
  }

  /** Virtual seconds since the beginning. */
  get now(): number {
    return this.loop.time();
  }

  /** Lets `n` iterations pass. */
  *pass(n = 1): Generator<unknown, void, unknown> {
    for (let i = 0; i < n; i++) yield;
  }

  takeReports(): ExceptionContext[] {
    return this.reports.splice(0);
  }

  /** Runs `main` as a task, in no time. */
  run<T>(main: Coroutine<T>): Promise<T> {
    return this.host.drive(this.loop.runUntilComplete(main));
  }
}

/**
 * Plays `main` as a task of a fresh world, closes the loop, and fails if a failure was reported that nobody took, or if a timer is left.
 *
 * @param options - `timers`: how many timers may be left.
 */
export async function play<T>(
  main: (world: World) => PromiseLike<T> | Generator<unknown, T, unknown>,
  options: { readonly timers?: number } = {},
): Promise<T> {
  const world = new World();
  try {
    const result = await world.run(() => main(world) as PromiseLike<T>);
    expect(world.loop.timersLeft()).toBe(options.timers ?? 0);
    return result;
  } finally {
    world.loop.close();
    expect(world.takeReports()).toEqual([]);
  }
}

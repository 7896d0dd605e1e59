import { RuntimeError } from './errors.js';

/** A job that can be called off: what a backend hands over when a descriptor is ready. */
export interface ReadyJob {
  run(): void;
  cancelled(): boolean;
}

/** Where a backend puts the handles of what became ready; the loop runs them in this iteration, in this order. */
export interface ReadySink {
  /** Puts `job` behind the queued callbacks; a cancelled one is left out. The same job may be added again and again. */
  addReady(job: ReadyJob): void;
}

/**
 * The I/O of a loop, seen by its scheduler: a readiness or a completion backend.
 *
 * The scheduler calls {@link poll} once an iteration while {@link active}; when there is nothing to run it calls {@link arm} and sleeps
 * in Node's own poll until `turn` was called.
 */
export interface IoBackend {
  /** Called once, by the loop that the backend serves. A second loop is refused with a RuntimeError. */
  attach(sink: ReadySink): void;
  /** True while anything is registered, so that a poll could find something. */
  readonly active: boolean;
  /**
   * Collects what is ready and gives its handles to the sink. What it throws ends the run, which rejects with it; the queue stays.
   *
   * @param timeout - Seconds to wait for the first event; the scheduler always passes 0.
   */
  poll(timeout: number): void;
  /**
   * The loop goes to sleep: call `turn` when something becomes ready. Calling it for nothing, or twice, is allowed; it never throws. What
   * `arm` itself throws ends the run, as with {@link poll}.
   */
  arm(turn: () => void): void;
  /** The loop woke up, or its run ended: nothing may call `turn` any more. Idempotent. */
  disarm(): void;
  /** Makes an armed backend call `turn` soon. */
  wake(): void;
  /** Releases every descriptor. Idempotent. */
  close(): void;
}

/** The backend of a loop without I/O: timers and callbacks only. */
export class NoIo implements IoBackend {
  readonly active = false;
  private attached = false;

  attach(): void {
    if (this.attached) throw new RuntimeError('a backend serves one loop');
    this.attached = true;
  }

  poll(): void {}
  arm(): void {}
  disarm(): void {}
  wake(): void {}
  close(): void {}
}

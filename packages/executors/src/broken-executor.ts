import { RuntimeError } from '@tsyncio/core';

/**
 * A worker ended while it worked (it exited, was killed, ran out of memory, or something outside of the function threw), or could not
 * be started or initialized. `cause` says more where more is known. Python: `concurrent.futures.BrokenExecutor`.
 */
export class BrokenExecutor extends RuntimeError {
  static {
    Object.defineProperty(this.prototype, 'name', { value: 'BrokenExecutor', writable: true, configurable: true });
  }
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}

import { brand, hasBrand } from './brand.js';

/** Gives an error class its `name`, also after minification, and the brand of the same name. Internal. */
export function named(type: { prototype: object }, name: string): void {
  Object.defineProperty(type.prototype, 'name', { value: name, writable: true, configurable: true });
  brand(type.prototype, name);
}

/**
 * A wait, future or task was cancelled. asyncio: `asyncio.CancelledError`.
 *
 * `catch (error)` catches it like any error: pass it on unless the cancellation is yours, `if (isCancelled(error)) throw error`.
 * It is no {@link RuntimeError} nor {@link OSError}, as asyncio's is no `Exception`.
 */
export class CancelledError extends Error {
  static {
    named(this, 'CancelledError');
  }
}

/** A future or task is not in the state that the call needs: a result set twice, or read too early. asyncio: `InvalidStateError`. */
export class InvalidStateError extends Error {
  static {
    named(this, 'InvalidStateError');
  }
}

/** The time given to an operation is over. asyncio: `asyncio.TimeoutError`. An OS time-out is an {@link OSError} with code `ETIMEDOUT`. */
export class TimeoutError extends Error {
  static {
    named(this, 'TimeoutError');
  }
}

/** The call is wrong in the present state of the loop or object: closed, running, not running. Python: `RuntimeError`. */
export class RuntimeError extends Error {
  static {
    named(this, 'RuntimeError');
  }
}

/** The sendfile system call cannot serve this file and socket. asyncio: `SendfileNotAvailableError`. */
export class SendfileNotAvailableError extends RuntimeError {
  static {
    named(this, 'SendfileNotAvailableError');
  }
}

/** The abstract class's method was not overridden. Python: `NotImplementedError`. */
export class NotImplementedError extends RuntimeError {
  static {
    named(this, 'NotImplementedError');
  }
}

/** An argument has the right type but an impossible value. A wrong type is JavaScript's `TypeError`. Python: `ValueError`. */
export class ValueError extends Error {
  static {
    named(this, 'ValueError');
  }
}

/**
 * The one exit error: raised by a callback or task it ends the run, where any other error is reported and the loop goes on.
 * Python: `KeyboardInterrupt` (and `SystemExit`).
 */
export class KeyboardInterrupt extends Error {
  static {
    named(this, 'KeyboardInterrupt');
  }
}

/**
 * Tells whether `error` is a {@link CancelledError}, also one of another copy of this package.
 *
 * @example
 * try { await queue.get(); } catch (error) { if (isCancelled(error)) throw error; report(error); }
 */
export function isCancelled(error: unknown): error is CancelledError {
  return hasBrand(error, 'CancelledError');
}

/** Tells whether `error` ends the run of a loop instead of being reported: {@link KeyboardInterrupt}. */
export function isExitError(error: unknown): error is KeyboardInterrupt {
  return hasBrand(error, 'KeyboardInterrupt');
}

import { getRunningLoop, hasBrand, repr, type IoBackend } from '@tsyncio/core';
import {
  ensureFuture,
  failedOperation,
  operation,
  type CoroutineGenerator,
  type Operation,
  type TaskLoop,
} from '@tsyncio/futures-tasks';

/** A method of a loop's class that stands for the function of the same name: called where there is one, so that a subclass can have its own. */
export type MethodOf<F> = F extends (loop: never, ...rest: infer A) => infer R ? (...rest: A) => R : never;

/**
 * An operation of the running loop, whose backend must be able to do what it needs. Internal.
 *
 * @param what - What it needs, for the message.
 * @param needed - Methods of the ports.
 * @returns One that fails with a RuntimeError if no loop is running, with a TypeError if it makes no tasks or its backend is none of the
 *   right kind.
 */
export function operationInLoop<L extends TaskLoop<IoBackend>, T>(
  method: string,
  what: string,
  needed: readonly string[],
  body: (loop: L) => CoroutineGenerator<T>,
): Operation<T> {
  let loop: L;
  try {
    loop = getRunningLoop() as unknown as L;
    check(method, what, needed, loop);
  } catch (error) {
    return failedOperation(null, error);
  }
  return operation(loop, body(loop));
}

function check(method: string, what: string, needed: readonly string[], loop: TaskLoop<IoBackend>): void {
  if (!hasBrand(loop, 'TaskLoop')) throw new TypeError(`${method}: ${repr(loop)} makes no tasks: use TaskLoop`);
  const backend = loop.backend as unknown as Record<string, unknown>;
  if (needed.every((name) => typeof backend[name] === 'function')) return;
  throw new TypeError(
    `${method}: the running loop has no ${what}: make it with a backend, new TaskLoop({ backend: new SelectorIo() })`,
  );
}

/** What a method of a loop's class gives: an operation runs inside of this one; a subclass may give any promise. Internal. */
export function* outcomeOf<T>(loop: TaskLoop<IoBackend>, given: PromiseLike<T>): CoroutineGenerator<T> {
  return yield* hasBrand(given, 'Operation') ? (given as Operation<T>) : ensureFuture(given, { loop });
}

import { getRunningLoop, hasBrand, RuntimeError } from '@tsyncio/core';
import type { FutureFactory } from './current-factory.js';
import { failedOperation, operation, type Operation, type OperationOptions } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';

/** The running loop, which must be able to make tasks. Internal. @throws RuntimeError if no loop is running. */
export function runningFactory(): FutureFactory {
  const loop = getRunningLoop();
  if (!hasBrand(loop, 'TaskLoop')) throw new RuntimeError(`${String(loop)} makes no tasks: use TaskLoop`);
  return loop as unknown as FutureFactory;
}

/**
 * An operation of the running loop. Internal.
 *
 * @param body - What it throws, for arguments too, arrives through the operation; so does the RuntimeError if no loop is running.
 */
export function operationInRun<T>(
  body: (loop: FutureFactory) => CoroutineGenerator<T>,
  options?: OperationOptions,
): Operation<T> {
  let loop: FutureFactory;
  try {
    loop = runningFactory();
  } catch (error) {
    return failedOperation(null, error);
  }
  return operation(loop, body(loop), options);
}

import { runningFactory, type FutureFactory } from './current-factory.js';
import { failedOperation, operation, type Operation, type OperationOptions } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';

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

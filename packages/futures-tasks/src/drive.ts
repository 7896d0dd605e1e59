import { repr } from '@tsyncio/core';
import { currentFactory } from './current-factory.js';
import { isGenerator } from './coroutine.js';
import { failedOperation, operation, type Operation } from './operation.js';
import type { CoroutineGenerator } from './stepper.js';

/**
 * Runs a generator coroutine from async code, inside the same task.
 *
 * @example
 * async function main() {
 *   const sum = await drive(addSlowly(1, 2));
 * }
 */
export function drive<T>(generator: CoroutineGenerator<T>): Operation<T> {
  if (!isGenerator(generator)) {
    return failedOperation(null, new TypeError(`drive: a generator object was expected, got ${repr(generator)}`));
  }
  try {
    return operation(currentFactory(), generator, { context: true });
  } catch (error) {
    return failedOperation(null, error);
  }
}

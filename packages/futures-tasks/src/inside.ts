import { hasBrand, repr } from '@tsyncio/core';
import { call, coroutineName, isForeignPromise, isGenerator, type Coroutine } from './coroutine.js';
import { claim, type CoroutineGenerator } from './stepper.js';

/**
 * Runs a coroutine within an operation, where a task of its own would be a change of task. Internal.
 *
 * @param method - Whose coroutine it is, for the texts of errors.
 */
export function* runInside<T>(method: string, coroutine: Coroutine<T>): CoroutineGenerator<T> {
  if (typeof coroutine !== 'function') return yield* driveInside(coroutine);
  const started = coroutine();
  if (isGenerator(started)) return yield* driveInside(started);
  if (!isForeignPromise(started) && !hasBrand(started, 'Future') && !hasBrand(started, 'Operation')) {
    const name = coroutineName(coroutine);
    throw new TypeError(`${method}: ${name}() must return a promise or a generator, got ${repr(started)}`);
  }
  return yield* call(() => started);
}

function* driveInside<T>(generator: CoroutineGenerator<T>): CoroutineGenerator<T> {
  claim(generator);
  // An object with the methods of a generator need not be iterable.
  return yield* { [Symbol.iterator]: () => generator };
}

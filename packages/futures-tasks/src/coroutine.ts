import { types } from 'node:util';
import { hasBrand, repr } from '@tsyncio/core';
import type { Future } from './future.js';
import type { Operation } from './operation.js';
import { PromiseWait, type CoroutineGenerator } from './stepper.js';

/**
 * Work that has not begun: a function that begins it, or a generator object. Python: a coroutine object.
 *
 * A promise that is already running is none: `ensureFuture(promise)` adopts it.
 */
export type Coroutine<T = unknown> = (() => PromiseLike<T> | CoroutineGenerator<T>) | CoroutineGenerator<T>;

/** What can be waited for, and given to `gather`, `waitFor`, `ensureFuture`: running or not. */
export type Awaitable<T = unknown> = Future<T> | Operation<T> | Coroutine<T> | PromiseLike<T>;

const GENERATOR = '[object Generator]';
const GENERATOR_FUNCTION = '[object GeneratorFunction]';
const ASYNC_GENERATOR_FUNCTION = '[object AsyncGeneratorFunction]';
const ASYNC_FUNCTION = '[object AsyncFunction]';

// The usual kinds are told by their prototype, which is cheaper than their tag.
const asyncFunctionPrototype: unknown = Object.getPrototypeOf(async () => undefined);
const generatorPrototype: unknown = Object.getPrototypeOf(Object.getPrototypeOf((function* () {})()));

function isOwnGenerator(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) === generatorPrototype;
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value);

/** True for generator objects, and for objects with their methods. */
export function isGenerator(value: unknown): value is CoroutineGenerator {
  if (isOwnGenerator(value) || tagOf(value) === GENERATOR) return true;
  if (typeof value !== 'object' || value === null || hasBrand(value, 'FutureWait')) return false;
  const { next, throw: raise, return: end } = value as Partial<Record<'next' | 'throw' | 'return', unknown>>;
  return (
    typeof next === 'function' &&
    typeof raise === 'function' &&
    typeof end === 'function' &&
    !(Symbol.asyncIterator in value)
  );
}

/**
 * Tells whether `value` can be made a task: a generator object, or a function to be called without arguments. asyncio: `iscoroutine`.
 * A generator function is none: call it.
 */
export function isCoroutine(value: unknown): value is Coroutine {
  if (typeof value === 'function') {
    if (Object.getPrototypeOf(value) === asyncFunctionPrototype) return true;
    const tag = tagOf(value);
    return tag !== GENERATOR_FUNCTION && tag !== ASYNC_GENERATOR_FUNCTION && !isClass(value);
  }
  return isGenerator(value);
}

/** Tells whether `value` is an async function or a generator function. asyncio: `iscoroutinefunction`. */
export function isCoroutineFunction(value: unknown): boolean {
  const tag = tagOf(value);
  return tag === ASYNC_FUNCTION || tag === GENERATOR_FUNCTION;
}

function isClass(value: object): boolean {
  const prototype = Object.getOwnPropertyDescriptor(value, 'prototype');
  return prototype !== undefined && prototype.writable === false;
}

/** True for promises and other foreign thenables: not ours, already running. */
export function isForeignPromise(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false;
  if (hasBrand(value, 'Future') || hasBrand(value, 'Operation')) return false;
  return typeof (value as { then?: unknown }).then === 'function';
}

/** @throws TypeError that says what to do, unless `value` is a coroutine. */
export function checkCoroutine(method: string, value: unknown): asserts value is Coroutine {
  if (isCoroutine(value)) return;
  if (isForeignPromise(value)) {
    throw new TypeError(
      `${method}: a coroutine was expected, got a promise that is already running: pass the function, ${method}(() => work()), or use ensureFuture(promise)`,
    );
  }
  const hint = isCoroutineFunction(value) ? ': call the generator function' : '';
  throw new TypeError(`${method}: a coroutine was expected, got ${repr(value)}${hint}`);
}

/** Name of a coroutine for texts. */
export function coroutineName(coroutine: unknown): string {
  if (typeof coroutine === 'function') return coroutine.name === '' ? '<function>' : coroutine.name;
  return '<generator>';
}

/**
 * Runs an async function from a generator coroutine, inside the same task.
 *
 * @example
 * function* main() {
 *   const text = yield* call(async () => (await fetchIt()).text());
 * }
 */
export function* call<A extends unknown[], T>(
  fn: (...args: A) => PromiseLike<T>,
  ...args: A
): Generator<unknown, T, unknown> {
  if (typeof fn !== 'function') throw new TypeError(`call: fn must be a function, got ${repr(fn)}`);
  const result = fn(...args);
  if (hasBrand(result, 'Future') || hasBrand(result, 'Operation')) return yield* result as unknown as Future<T>;
  if (!isForeignPromise(result)) {
    const hint = isGenerator(result) ? ': use yield* on it' : '';
    throw new TypeError(`call: ${coroutineName(fn)}() must return a promise, got ${repr(result)}${hint}`);
  }
  // Any other thenable might throw, or call back twice.
  return (yield new PromiseWait(types.isPromise(result) ? result : Promise.resolve(result))) as T;
}

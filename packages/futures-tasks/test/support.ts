import { types } from 'node:util';
import type { ExceptionContext } from '@tsyncio/core';
import { call, TaskLoop, type Coroutine, type Future } from '@tsyncio/futures-tasks';

/** What the exception handler was told; a test takes what it expects, anything left at the end fails it. */
export type Reports = ExceptionContext[];

/** Calls `body` with a fresh loop, closes the loop, and fails if the exception handler was told something that `body` did not take. */
export async function withLoop<T>(body: (loop: TaskLoop, reports: Reports) => PromiseLike<T> | T): Promise<T> {
  const loop = new TaskLoop({ debug: false });
  const reports: Reports = [];
  loop.setExceptionHandler((_loop, context) => reports.push(context));
  try {
    return await body(loop, reports);
  } finally {
    loop.close();
    expect(reports).toEqual([]);
  }
}

/** Runs `main` as a task of a fresh loop: see {@link withLoop}. */
export function run<T>(main: (loop: TaskLoop, reports: Reports) => PromiseLike<T>): Promise<T> {
  return withLoop((loop, reports) => loop.runUntilComplete(() => main(loop, reports)));
}

/** What a throwing or rejecting `body` gives; fails if it does neither. */
export async function errorOf(body: (() => unknown) | PromiseLike<unknown>): Promise<any> {
  try {
    await (typeof body === 'function' ? body() : body);
  } catch (error) {
    return error;
  }
  throw new Error('an error was expected');
}

/** One body for both kinds of coroutine: `const value = yield awaitable` waits, promises and nested bodies included. */
export type Body<T = any> = Generator<any, T, any>;

async function runAsync<T>(body: Body<T>): Promise<T> {
  let step = body.next();
  while (step.done !== true) {
    let value: unknown;
    try {
      value = await (isBody(step.value) ? runAsync(step.value) : step.value);
    } catch (error) {
      step = body.throw(error);
      continue;
    }
    step = body.next(value);
  }
  return step.value;
}

function* runGenerator<T>(body: Body<T>): Generator<unknown, T, unknown> {
  let step = body.next();
  while (step.done !== true) {
    let value: unknown;
    try {
      const awaited = step.value as unknown;
      if (isBody(awaited)) value = yield* runGenerator(awaited);
      else if (types.isPromise(awaited)) value = yield* call(() => awaited);
      else value = yield* awaited as Future;
    } catch (error) {
      step = body.throw(error);
      continue;
    }
    step = body.next(value);
  }
  return step.value;
}

function isBody(value: unknown): value is Body {
  return Object.prototype.toString.call(value) === '[object Generator]';
}

/** Makes a coroutine that runs `body`. */
export type Kind = <T>(body: () => Body<T>) => Coroutine<T>;

/** For `describe.each(kinds)`: a native async function with `await`, and a generator with `yield*`. */
export const kinds: [string, Kind][] = [
  ['async function', (body) => () => runAsync(body())],
  ['generator', (body) => runGenerator(body())],
];

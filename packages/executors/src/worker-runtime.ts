import { encodeError, type EncodedError } from '@tsyncio/core';
import type { Target } from './worker-function.js';

/** A function to call, with its arguments as they were at the call; bytes are those of `v8.serialize`. Internal. */
export interface Invocation {
  readonly target: Target;
  readonly args: readonly unknown[] | Uint8Array;
}

/** What a worker is to do. Internal. */
export interface Call extends Invocation {
  /** To be called once in each worker, before anything else. */
  readonly initializer?: Invocation;
}

/** What came of it. Internal. */
export type Reply =
  | { readonly value: unknown }
  | { readonly error: EncodedError }
  /** The initializer failed. */
  | { readonly broken: EncodedError };

type Importer = (url: string) => Promise<Record<string, unknown>>;
type Callable = (...args: unknown[]) => unknown;

/**
 * Runs in the worker, from its text: it uses nothing but its arguments and the globals of Node.
 *
 * @returns The function that does one call. What it gives is a {@link Reply}, or wraps one for the pool library.
 */
function createRuntime(encode: typeof encodeError, importModule: Importer): (call: Call) => unknown {
  const MAX_COMPILED = 256;
  const HINT =
    'the function runs in a worker, without the variables around it: pass them as arguments, import() what it needs, ' +
    'or use workerFunction(moduleUrl, exportName)';
  const global = globalThis as unknown as Record<symbol, unknown>;
  const transfers = (global[Symbol.for('tsyncio.transfers')] ??= new WeakMap()) as WeakMap<object, unknown[]>;
  const known = {
    // The names that a self-contained function may use.
    transfer: (value: object, list: unknown[]) => {
      transfers.set(value, list);
      return value;
    },
    // What esbuild calls, when it keeps names.
    __name: (value: unknown) => value,
  };
  const compiled = new Map<string, Callable>();
  let initialized: Promise<unknown> | null = null;

  const compile = (text: string): Callable => {
    let found = compiled.get(text);
    if (found === undefined) {
      if (compiled.size >= MAX_COMPILED) compiled.clear();
      // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the text of a function that the user has submitted
      const make = new Function(
        ...Object.keys(known),
        `'use strict'; return (${text}\n)\n//# sourceURL=worker-function`,
      ) as Callable;
      found = make(...Object.values(known)) as Callable;
      compiled.set(text, found);
    }
    return found;
  };
  const exportOf = async (target: { readonly url: string; readonly name: string }): Promise<Callable> => {
    const module = await importModule(target.url);
    const inner = module['default'] as Record<string, unknown> | undefined;
    const found = module[target.name] ?? inner?.[target.name];
    if (typeof found !== 'function') throw new TypeError(`${target.url} exports no function '${target.name}'`);
    return found as Callable;
  };
  const argsOf = ({ args }: Invocation): readonly unknown[] =>
    args instanceof Uint8Array ? (process.getBuiltinModule('node:v8').deserialize(args) as unknown[]) : args;
  const failure = (error: unknown, target: Target): Reply => {
    if ('text' in target && error instanceof ReferenceError) error.message += ` (${HINT})`;
    return { error: encode(error) };
  };
  const { isMainThread } = process.getBuiltinModule('node:worker_threads');
  /** The pool library's mark for a message that takes memory along. */
  let Transfer: (new (message: Reply, list: unknown[]) => unknown) | null = null;
  const success = (value: unknown): unknown => {
    const list = typeof value === 'object' && value !== null && !isMainThread ? transfers.get(value) : undefined;
    if (list === undefined) return { value } satisfies Reply;
    if (Transfer !== null) return new Transfer({ value }, list);
    return importModule('workerpool').then((module) => {
      ({ Transfer } = module['default'] as { Transfer: NonNullable<typeof Transfer> });
      return new Transfer({ value }, list);
    });
  };
  const invoke = async (invocation: Invocation): Promise<unknown> => {
    const { target } = invocation;
    const fn = 'text' in target ? compile(target.text) : await exportOf(target);
    return fn(...argsOf(invocation));
  };
  const perform = (call: Call): unknown => {
    const { target } = call;
    const fail = (error: unknown): Reply => failure(error, target);
    if (!('text' in target)) return invoke(call).then(success).catch(fail);
    // Without a wait where there is nothing to wait for: this is most of what a short call costs.
    try {
      const value = compile(target.text)(...argsOf(call));
      const isPromise = typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
      return isPromise ? Promise.resolve(value).then(success).catch(fail) : success(value);
    } catch (error) {
      return fail(error);
    }
  };
  return (call) => {
    if (call.initializer === undefined) return perform(call);
    initialized ??= invoke(call.initializer);
    return initialized.then(
      () => perform(call),
      (error: unknown): Reply => ({ broken: encode(error) }),
    );
  };
}

/** Makes the runtime in a worker. As text: bundlers and TypeScript runners have no module of ours to miss. Internal. */
export const RUNTIME = `
  const __name = (value) => value;
  const importModule = new Function('url', 'return import(url)');
  return (${String(createRuntime)})(${String(encodeError)}, importModule);
  //# sourceURL=tsyncio-executors`;

/** Where a process finds {@link RUNTIME}, until its first call. Internal. */
export const RUNTIME_VARIABLE = 'TSYNCIO_EXECUTOR_RUNTIME';

const CALL = (source: string): string =>
  `(call) => (globalThis[Symbol.for('tsyncio.runtime')] ??= new Function(${source})())(call)`;

/** The function that the pool library is given for each {@link Call}: short, because its text is sent each time. Internal. */
export const RUN = {
  thread: CALL(`process.getBuiltinModule('worker_threads').workerData.${RUNTIME_VARIABLE}`),
  process: CALL(
    `(() => { const text = process.env.${RUNTIME_VARIABLE}; delete process.env.${RUNTIME_VARIABLE}; return text; })()`,
  ),
} as const;

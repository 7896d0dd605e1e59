import { encodeError, type EncodedError } from '@tsyncio/core';
import type { Target } from './worker-function.js';

/** What a worker is to do. Internal. */
export interface Call {
  readonly target: Target;
  readonly args: readonly unknown[];
  /** To be called once in each worker, before anything else. */
  readonly initializer?: { readonly target: Target; readonly args: readonly unknown[] } | undefined;
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
 * @returns The function that does one call. A process exchanges bytes, so that what cannot cross is found here and not in the channel.
 */
function createRuntime(
  encode: typeof encodeError,
  importModule: Importer,
): (call: Call | Uint8Array) => Promise<unknown> {
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
  const run = async (target: Target, args: readonly unknown[]): Promise<unknown> => {
    try {
      const fn = 'text' in target ? compile(target.text) : await exportOf(target);
      return await fn(...args);
    } catch (error) {
      if ('text' in target && error instanceof ReferenceError) error.message += ` (${HINT})`;
      throw error;
    }
  };
  const perform = async ({ target, args, initializer }: Call): Promise<Reply> => {
    if (initializer !== undefined) {
      try {
        await (initialized ??= run(initializer.target, initializer.args));
      } catch (error) {
        return { broken: encode(error) };
      }
    }
    try {
      return { value: await run(target, args) };
    } catch (error) {
      return { error: encode(error) };
    }
  };
  const inThread = async (call: Call): Promise<unknown> => {
    const reply = await perform(call);
    const value = 'value' in reply ? reply.value : undefined;
    const list = typeof value === 'object' && value !== null ? transfers.get(value) : undefined;
    if (list === undefined) return reply;
    const library = (await importModule('workerpool'))['default'] as {
      Transfer: new (message: unknown, list: unknown[]) => unknown;
    };
    return new library.Transfer(reply, list);
  };
  const inProcess = async (bytes: Uint8Array): Promise<unknown> => {
    const { deserialize, serialize } = process.getBuiltinModule('node:v8');
    const reply = await perform(deserialize(bytes) as Call);
    try {
      return serialize(reply);
    } catch (error) {
      const { message } = error as Error;
      return serialize({ error: { name: 'DataCloneError', message: `the result cannot come back: ${message}` } });
    }
  };
  return (call) => (call instanceof Uint8Array ? inProcess(call) : inThread(call));
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

import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';
import { brand, hasBrand, repr } from '@tsyncio/core';

type AnyFunction = (...args: never[]) => unknown;

/** A function of a module, which a worker can import. Called in this thread it imports the module here. */
export interface WorkerFunction<F extends AnyFunction = AnyFunction> {
  (...args: Parameters<F>): Promise<Awaited<ReturnType<F>>>;
  /** The module: `file:`, `node:` or `data:`. */
  readonly moduleUrl: string;
  readonly exportName: string;
}

/**
 * Names a function for the workers of an executor by where it stands, for functions that use what is around them: imports, constants,
 * other functions. The worker imports the module once, so code at its top level runs there as well.
 *
 * @param moduleUrl - `new URL('./work.js', import.meta.url)`, `import.meta.url` for this module, `node:` or `data:`, or an absolute path.
 * @param exported - The name of the export, or the exported function itself, for its types; default `'default'`.
 * @throws TypeError for a relative path, which the worker would look up elsewhere, or a function without a name.
 *
 * @example
 * import type { hash } from './work.js';
 * const inWorker = workerFunction<typeof hash>(new URL('./work.js', import.meta.url), 'hash');
 * await loop.runInExecutor(null, inWorker, 'a text');
 */
export function workerFunction<F extends AnyFunction>(
  moduleUrl: URL | string,
  exported: F | string = 'default',
): WorkerFunction<F> {
  const url = absoluteUrl(moduleUrl);
  const exportName = typeof exported === 'function' ? exported.name : exported;
  if (typeof exportName !== 'string' || exportName === '') {
    throw new TypeError(`workerFunction: exported must be a name, or a function with a name, got ${repr(exported)}`);
  }
  const here = async (...args: Parameters<F>): Promise<Awaited<ReturnType<F>>> => {
    const module = (await import(url)) as Record<string, unknown>;
    const found = module[exportName];
    if (typeof found !== 'function') throw new TypeError(`${url} exports no function '${exportName}'`);
    return (await (found as F)(...args)) as Awaited<ReturnType<F>>;
  };
  brand(here, 'WorkerFunction');
  return Object.assign(here, { moduleUrl: url, exportName });
}

function absoluteUrl(moduleUrl: URL | string): string {
  if (moduleUrl instanceof URL || Object.prototype.toString.call(moduleUrl) === '[object URL]')
    return String(moduleUrl);
  if (typeof moduleUrl === 'string') {
    if (isAbsolute(moduleUrl)) return pathToFileURL(moduleUrl).href;
    if (/^(file|node|data):/.test(moduleUrl)) return moduleUrl;
  }
  throw new TypeError(
    `workerFunction: moduleUrl must be a URL or an absolute path, got ${repr(moduleUrl)}: use new URL('./work.js', import.meta.url)`,
  );
}

/** What a worker is told to call: an export of a module, or a function by its text. Internal. */
export type Target = { readonly url: string; readonly name: string } | { readonly text: string };

/** How the texts of functions and arrow functions begin, and those of methods do not. */
const STANDS_ALONE =
  /^(?:async\s+)?function\b|^(?:async\b\s*)?\(|^(?:async\s+)?[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>/u;
const ADVICE = 'or name a function of a module with workerFunction(moduleUrl, exportName)';

/**
 * How a worker finds `fn`. Internal.
 *
 * @throws TypeError that says what to do, if it cannot.
 */
export function targetOf(method: string, fn: unknown): Target {
  if (typeof fn !== 'function') throw new TypeError(`${method}: a function was expected, got ${repr(fn)}`);
  if (hasBrand(fn, 'WorkerFunction')) {
    const { moduleUrl, exportName } = fn as WorkerFunction;
    return { url: moduleUrl, name: exportName };
  }
  const text = Function.prototype.toString.call(fn);
  const problem = whyNot(text, fn.name);
  if (problem !== null) throw new TypeError(`${method}: ${repr(fn)} cannot cross to a worker: ${problem}`);
  return { text };
}

function whyNot(text: string, name: string): string | null {
  if (text.endsWith('{ [native code] }')) {
    const kind = name.startsWith('bound ')
      ? 'a bound function has no text, and what it is bound to stays here'
      : 'a native function has no text';
    return `${kind}; pass a function that calls it, (...args) => f(...args), ${ADVICE}`;
  }
  if (/^class\b/.test(text)) return `it is a class; pass a function that uses it, ${ADVICE}`;
  if (/^(?:async\s+)?function\s*\*/.test(text)) {
    return `it is a generator function, and a generator cannot come back; pass a function that returns its values, ${ADVICE}`;
  }
  if (!STANDS_ALONE.test(text)) return `the text of a method does not stand alone; pass an arrow function, ${ADVICE}`;
  return null;
}

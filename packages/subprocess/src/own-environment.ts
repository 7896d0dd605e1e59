import { isMainThread } from 'node:worker_threads';
import { types } from 'node:util';

/** The last one that was found to be it, and the last one that was not. */
let own: object | null = null;
let other: object | null = null;

/**
 * Whether this is the environment of this process itself, which libc has as well: `process.env`, but not in a worker thread, which has a copy, nor
 * where the program has replaced it, as test runners do.
 *
 * To read it takes longer than all else that is done here to start a program.
 */
export function isOwnEnvironment(env: unknown): boolean {
  if (env === own) return own !== null;
  if (env === other || env !== process.env || process.platform === 'win32' || !isMainThread) return false;
  if (!types.isProxy(env) && refusesAccessors(process.env)) own = env;
  else other = env;
  return env === own;
}

/** Node's own does, with this code, and stays as it is. Nothing else that is observable tells it from a copy. */
function refusesAccessors(env: object): boolean {
  const name = 'TSYNCIO_PROBE';
  try {
    if (Reflect.defineProperty(env, name, { configurable: true, get: () => undefined }))
      Reflect.deleteProperty(env, name);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ERR_INVALID_OBJECT_DEFINE_PROPERTY';
  }
}

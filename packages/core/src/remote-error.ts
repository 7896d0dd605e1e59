import {
  CancelledError,
  InvalidStateError,
  KeyboardInterrupt,
  NotImplementedError,
  RuntimeError,
  SendfileNotAvailableError,
  TimeoutError,
  ValueError,
} from './errors.js';
import {
  BrokenPipeError,
  ConnectionAbortedError,
  ConnectionError,
  ConnectionRefusedError,
  ConnectionResetError,
  FileNotFoundError,
  GaiError,
  OSError,
  PermissionError,
  ProcessLookupError,
} from './os-error.js';

/** What was thrown in another thread or process, as data: a structured clone of an error itself loses its fields and its class. */
export interface EncodedError {
  /** Absent if what was thrown was no error; then `value` is it, or a text for it. */
  readonly name?: string;
  readonly message?: string;
  readonly stack?: string | undefined;
  readonly value?: unknown;
  readonly cause?: EncodedError | undefined;
  /** Of an AggregateError. */
  readonly errors?: readonly EncodedError[] | undefined;
  /** Own properties such as `code`, as far as they can be cloned. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/**
 * Makes data of what was thrown. It uses nothing but JavaScript's own globals, because executors send its text to their workers.
 *
 * @param thrown - Anything; never throws itself.
 */
export function encodeError(thrown: unknown): EncodedError {
  // A chain of causes may be a circle.
  const MAX_DEPTH = 8;
  const cloneable = (value: unknown): boolean => {
    try {
      structuredClone(value);
      return true;
    } catch {
      return false;
    }
  };
  const textOf = (value: unknown): string => {
    try {
      return String(value);
    } catch {
      return 'a value without a text';
    }
  };
  const encode = (value: unknown, depth: number): EncodedError => {
    const tag = Object.prototype.toString.call(value);
    if (!(value instanceof Error || tag === '[object Error]' || tag === '[object DOMException]'))
      return { value: cloneable(value) ? value : textOf(value) };
    const error = value as Error & { errors?: unknown };
    const fields: Record<string, unknown> = {};
    for (const key of Object.keys(error)) {
      const field = (error as unknown as Record<string, unknown>)[key];
      if (!['name', 'message', 'stack', 'cause', 'errors'].includes(key) && cloneable(field)) fields[key] = field;
    }
    const { name, message, stack, cause, errors } = error;
    const deeper = depth < MAX_DEPTH;
    return {
      name: textOf(name),
      message: textOf(message),
      stack: typeof stack === 'string' ? stack : undefined,
      cause: cause !== undefined && deeper ? encode(cause, depth + 1) : undefined,
      errors: Array.isArray(errors) && deeper ? errors.map((one) => encode(one, depth + 1)) : undefined,
      fields,
    };
  };
  try {
    return encode(thrown, 0);
  } catch {
    // A getter or a proxy that throws.
    return { name: 'Error', message: 'an error that cannot be read' };
  }
}

type ErrorClass = new (message: string, options: { cause?: unknown }) => Error;

/** Classes whose instances stay such: those of the language, and ours. Of any other the name is kept. */
const CLASSES: ReadonlyMap<string, ErrorClass> = new Map(
  [
    ...[EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError],
    ...[CancelledError, InvalidStateError, KeyboardInterrupt, NotImplementedError, RuntimeError],
    ...[SendfileNotAvailableError, TimeoutError, ValueError],
    ...[BrokenPipeError, ConnectionAbortedError, ConnectionError, ConnectionRefusedError, ConnectionResetError],
    ...[FileNotFoundError, GaiError, OSError, PermissionError, ProcessLookupError],
  ].map((type) => [type.prototype.name, type as ErrorClass]),
);

/**
 * What {@link encodeError} has encoded: an error of the same class where that is the language's or ours, with name, message, stack, cause
 * and fields; or the value that was thrown.
 */
export function decodeError(encoded: EncodedError): unknown {
  const { name, message = '', stack, cause, errors, fields = {} } = encoded;
  if (name === undefined) return encoded.value;
  const options = cause === undefined ? {} : { cause: decodeError(cause) };
  const error =
    errors === undefined
      ? new (CLASSES.get(name) ?? Error)(message, options)
      : new AggregateError(errors.map(decodeError), message, options);
  const own = (key: string, value: unknown, enumerable: boolean): void => {
    Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
  };
  if (error.name !== name) own('name', name, false);
  if (stack !== undefined) own('stack', stack, false);
  for (const [key, value] of Object.entries(fields)) own(key, value, true);
  return error;
}

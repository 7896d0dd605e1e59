const MAX_TEXT = 60;
const MAX_ITEMS = 6;
/** Objects that are being asked for their own text, one because of the other. */
const MAX_ASKED = 8;

function shorten(text: string): string {
  if (text.length <= MAX_TEXT) return text;
  const half = (MAX_TEXT - 3) >> 1;
  return `${text.slice(0, half)}...${text.slice(text.length - half)}`;
}

/**
 * A short text for a value in messages, never throwing and never endless. Python: `reprlib.repr`.
 *
 * @param value - Anything; objects with their own `toString` are asked, others shown by their class name.
 */
export function repr(value: unknown): string {
  return reprWithin(value, 2);
}

function reprWithin(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'string':
      return shorten(`'${value}'`);
    case 'bigint':
      return `${shorten(String(value))}n`;
    case 'function':
      return value.name === '' ? '<function>' : `<function ${value.name}>`;
    case 'object':
      return value === null ? 'null' : reprObject(value, depth);
    default:
      return shorten(String(value));
  }
}

function reprObject(value: object, depth: number): string {
  try {
    if (Array.isArray(value)) {
      if (depth === 0) return value.length === 0 ? '[]' : '[...]';
      const items = value.slice(0, MAX_ITEMS).map((item) => reprWithin(item, depth - 1));
      if (value.length > MAX_ITEMS) items.push('...');
      return `[${items.join(', ')}]`;
    }
    const tag = Object.prototype.toString.call(value);
    if (value instanceof Error || tag === '[object Error]') {
      const { name, message } = value as Error;
      return `${name}(${message === '' ? '' : reprWithin(message, 0)})`;
    }
    const own = (value as { toString?: unknown }).toString;
    if (typeof own === 'function' && own !== Object.prototype.toString && !ArrayBuffer.isView(value)) {
      return askObject(value);
    }
    const type = (value as { constructor?: { name?: unknown } | undefined }).constructor?.name;
    const name = typeof type === 'string' && type !== '' ? type : 'Object';
    if (name !== 'Object')
      return ArrayBuffer.isView(value) ? `<${name} ${value.byteLength} bytes>` : `<${name} object>`;
    if (depth === 0) return '{...}';
    const keys = Object.keys(value);
    const items = keys
      .slice(0, MAX_ITEMS)
      .map((key) => `${key}: ${reprWithin((value as Record<string, unknown>)[key], depth - 1)}`);
    if (keys.length > MAX_ITEMS) items.push('...');
    return `{${items.join(', ')}}`;
  } catch {
    return '<object>';
  }
}

let asking = 0;

/** Objects may show each other in a circle. The stack is not left to end it: V8 aborts the process when a RegExp meets its end. */
function askObject(value: object): string {
  if (asking >= MAX_ASKED) return '...';
  asking++;
  try {
    return shorten(String(value));
  } finally {
    asking--;
  }
}

/** Where {@link describeCallback} finds the function and the arguments behind a wrapper, as with Python's `functools.partial`. */
export const WRAPPED: unique symbol = Symbol.for('tsyncio.wrapped') as never;

/** What a wrapper that stands for `callback(...args)` carries under {@link WRAPPED}. */
export interface Wrapped {
  readonly callback: (...args: never[]) => unknown;
  readonly args: readonly unknown[];
}

/** The name and arguments of a callback for messages: `name(1, 'x')`; of a bound one `name(bound)(args)`. */
export function describeCallback(callback: unknown, args: readonly unknown[] | null): string {
  const suffix = args === null ? '' : `(${args.map((arg) => reprWithin(arg, 1)).join(', ')})`;
  if (typeof callback !== 'function') return `${repr(callback)}${suffix}`;
  const wrapped = (callback as { [WRAPPED]?: Wrapped })[WRAPPED];
  if (wrapped !== undefined) return `${describeCallback(wrapped.callback, wrapped.args)}${suffix}`;
  const name = callback.name.replace(/^bound /, '');
  return `${name === '' ? '<function>' : name}${suffix}`;
}

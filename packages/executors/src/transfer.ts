import type { Transferable } from 'node:worker_threads';

const KEY = Symbol.for('tsyncio.transfers');

/** What was marked, with its list: shared by all copies of this package in a thread, and with the code of the workers. */
const transfers = ((globalThis as unknown as Record<symbol, WeakMap<object, readonly Transferable[]> | undefined>)[
  KEY
] ??= new WeakMap());

/**
 * Marks a value, so that as an argument or as a result it takes `list` along instead of a copy of it: the memory moves, and is empty on
 * this side. Only threads can; a process gets a copy.
 *
 * In a self-contained function the name `transfer` is known; a module of a `workerFunction` imports it.
 *
 * @param value - An argument, or what a function returns: an object.
 * @param list - Parts of `value`: ArrayBuffers, MessagePorts, streams.
 * @returns `value`.
 * @throws TypeError if `value` is no object or `list` no array.
 *
 * @example
 * const pixels = await loop.runInExecutor(null, blur, transfer(image, [image.buffer]));
 */
export function transfer<T extends object>(value: T, list: readonly Transferable[]): T {
  if (typeof value !== 'object' || value === null) throw new TypeError('transfer: value must be an object');
  if (!Array.isArray(list)) throw new TypeError('transfer: list must be an array');
  transfers.set(value, list);
  return value;
}

/** All that the values take along. Internal. */
export function transferListOf(values: readonly unknown[]): Transferable[] {
  return values.flatMap((value) => (typeof value === 'object' && value !== null ? (transfers.get(value) ?? []) : []));
}

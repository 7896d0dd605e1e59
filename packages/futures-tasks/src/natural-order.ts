import { repr } from '@tsyncio/core';

/**
 * Compares as Python's `<` would: numbers and bigints with each other, strings by code units, booleans, objects by their primitive
 * `valueOf()` (dates), and arrays item by item, the shorter one first. NaN is neither smaller nor greater.
 *
 * @returns Negative, zero or positive.
 * @throws TypeError for values of different or other types: null, undefined, plain objects, symbols, functions.
 */
export function naturalOrder(a: unknown, b: unknown): number {
  if (Array.isArray(a) && Array.isArray(b)) return compareArrays(a, b);
  const left = primitiveOf(a);
  const right = primitiveOf(b);
  if (!orderable(left) || !orderable(right) || kindOf(left) !== kindOf(right)) {
    throw new TypeError(`${repr(a)} and ${repr(b)} cannot be compared: give the queue a compare function`);
  }
  return left < right ? -1 : left > right ? 1 : 0;
}

/** As Python compares tuples: the first pair that differs decides, and only that is compared. */
function compareArrays(a: readonly unknown[], b: readonly unknown[]): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    if (Object.is(a[i], b[i])) continue;
    const order = naturalOrder(a[i], b[i]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

type Orderable = number | bigint | string | boolean;

function primitiveOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? value.valueOf() : value;
}

function orderable(value: unknown): value is Orderable {
  return (
    typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' || typeof value === 'boolean'
  );
}

function kindOf(value: Orderable): string {
  return typeof value === 'bigint' ? 'number' : typeof value;
}

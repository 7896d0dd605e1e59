import { types } from 'node:util';

import { repr } from '@tsyncio/core';

/** @throws TypeError unless `value` is a Uint8Array (a Buffer is one), also of another realm. */
export function checkBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (value instanceof Uint8Array || types.isUint8Array(value)) return;
  throw new TypeError(`${name} must be a Uint8Array (a Buffer), got ${repr(value)}`);
}

/** The pieces as an array; the one given, if it is one. @throws TypeError unless all are bytes. */
export function checkPieces(method: string, pieces: unknown): readonly Uint8Array[] {
  if (typeof pieces !== 'object' || pieces === null || !(Symbol.iterator in pieces)) {
    throw new TypeError(`${method}: an iterable of Uint8Array was expected, got ${repr(pieces)}`);
  }
  const chunks: readonly unknown[] = Array.isArray(pieces) ? pieces : [...(pieces as Iterable<unknown>)];
  for (const chunk of chunks) checkBytes(`${method}: a piece`, chunk);
  return chunks as readonly Uint8Array[];
}

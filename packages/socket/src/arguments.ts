import { types } from 'node:util';

import { ValueError } from '@tsyncio/core';

import type { FileDescriptorLike } from './address.js';

/** True for a Uint8Array (a Buffer too), also one of another realm. */
export function isBytes(value: unknown): value is Uint8Array {
  return types.isUint8Array(value);
}

/** Names the type of a wrong argument in a message. */
export function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value;
}

/**
 * Checks an integer argument.
 *
 * @throws TypeError if it is no number; ValueError if it is no integer from `min` to `max`. Both name the argument.
 */
export function checkInteger(name: string, value: unknown, min: number, max: number): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${kindOf(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new ValueError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
}

/** Checks an argument that holds bytes. */
export function checkBytes(name: string, value: unknown): asserts value is Uint8Array {
  if (!isBytes(value)) throw new TypeError(`${name} must be a Uint8Array (a Buffer), not ${kindOf(value)}`);
}

/** Checks an argument that is an array of bytes. */
export function checkChunks(name: string, value: unknown): asserts value is readonly Uint8Array[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array of Uint8Array, not ${kindOf(value)}`);
  for (const each of value as readonly unknown[]) checkBytes(`each of ${name}`, each);
}

/**
 * The descriptor that `file` stands for: the number itself, the result of its `fileno()`, or its `fd`.
 *
 * Objects of `node:net`, `node:tty` and the like are refused: libuv owns and watches their descriptors.
 *
 * @throws ValueError if there is none or it is negative (a closed object, for example). Python's selectors raise the same.
 */
export function fileDescriptor(file: FileDescriptorLike): number {
  const fd = typeof file === 'number' ? file : descriptorOfObject(file);
  if (!Number.isInteger(fd)) throw new ValueError(`not a file object or descriptor: ${describe(file)}`);
  if (fd < 0 || fd > 0x7fffffff) throw new ValueError(`invalid file descriptor: ${fd}`);
  return fd;
}

function descriptorOfObject(file: unknown): number {
  if (typeof file !== 'object' || file === null) return NaN;
  if ('_handle' in file) {
    throw new ValueError("a stream of Node cannot be used as a descriptor: Node's own loop owns it and watches it");
  }
  const { fileno } = file as { fileno?: unknown };
  const fd: unknown = typeof fileno === 'function' ? fileno.call(file) : (file as { fd?: unknown }).fd;
  return typeof fd === 'number' ? fd : NaN;
}

function describe(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : typeof value === 'number' ? String(value) : kindOf(value);
}

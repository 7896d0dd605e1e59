import { types } from 'node:util';

import { repr, ValueError } from '@tsyncio/core';

import type { ByteQueue } from './byte-queue.js';

/** What ends a read of `readuntil`: one separator, or several of which the first to end counts. */
export type Separator = Uint8Array | readonly Uint8Array[];

/** Where a separator was found. Internal. */
export interface Match {
  readonly start: number;
  readonly end: number;
}

/** One separator or several, checked. Internal. */
export class Separators {
  /** Length of the longest, in bytes. */
  readonly longest: number;

  private constructor(
    /** The shortest first: of two that end together it counts. */
    private readonly list: readonly Uint8Array[],
  ) {
    this.longest = list[list.length - 1]!.length;
  }

  /** @throws TypeError for what is no bytes; ValueError for an empty separator, or none. */
  static of(separator: Separator): Separators {
    const list: readonly unknown[] = Array.isArray(separator) ? separator : [separator];
    for (const one of list) {
      if (one instanceof Uint8Array || types.isUint8Array(one)) continue;
      throw new TypeError(`readuntil: separator must be a Uint8Array or an array of them, got ${repr(separator)}`);
    }
    if (list.length === 0) throw new ValueError('Separator should contain at least one element');
    const sorted = [...(list as readonly Uint8Array[])].sort((a, b) => a.length - b.length);
    if (sorted[0]!.length === 0) throw new ValueError('Separator should be at least one-byte string');
    return new Separators(sorted);
  }

  /** The first match at or behind `from`. */
  find(buffer: ByteQueue, from: number): Match | null {
    let match: Match | null = null;
    for (const separator of this.list) {
      const start = buffer.indexOf(separator, from);
      if (start < 0) continue;
      const end = start + separator.length;
      if (match === null || end < match.end) match = { start, end };
    }
    return match;
  }
}

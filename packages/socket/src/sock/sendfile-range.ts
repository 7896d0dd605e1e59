import { ValueError } from '@tsyncio/core';

import { kindOf } from '../arguments.js';

/**
 * Checks what part of a file is to be sent. Internal.
 *
 * @throws TypeError for what is no integer, ValueError for a negative offset or a count below 1.
 */
export function checkRange(offset: unknown, count: unknown): void {
  if (count !== null) checkPlace('count', count, 1);
  checkPlace('offset', offset, 0);
}

/** Unlike other numbers, one that is no integer is a wrong type: so it is in asyncio. */
function checkPlace(name: string, value: unknown, min: number): void {
  if (!Number.isInteger(value)) {
    throw new TypeError(`${name} must be an integer, not ${typeof value === 'number' ? value : kindOf(value)}`);
  }
  if ((value as number) < min || (value as number) > Number.MAX_SAFE_INTEGER) {
    throw new ValueError(`${name} must be an integer of at least ${min} and below 2^53, not ${value as number}`);
  }
}

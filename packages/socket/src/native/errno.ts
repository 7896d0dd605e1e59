import { constants } from 'node:os';
import { getSystemErrorMap, getSystemErrorName } from 'node:util';

import { osError, type OSError } from '@tsyncio/core';

import type { Address } from '../address.js';

const errnoTable: Readonly<Record<string, number>> = constants.errno;

/**
 * Positive error numbers of this platform by name, from Node: `E.EAGAIN`. On Windows those that Node's errors have, which are libuv's; of what
 * libuv has no name for (`EINPROGRESS`), those of the C library.
 */
export const E = process.platform === 'win32' ? libuvNumbers() : constants.errno;

const UNKNOWN = /^Unknown system error/;

/** The symbolic name of a (positive) error number, as Node spells it: 111 is `'ECONNREFUSED'`; unknown ones are `'ERRNO_n'`. */
export function errorName(errno: number): string {
  const name = getSystemErrorName(-errno);
  if (!UNKNOWN.test(name)) return name;
  // libuv does not know every error of the kernel; Node's table knows a few more.
  for (const [known, value] of Object.entries(errnoTable)) if (value === errno) return known;
  return `ERRNO_${errno}`;
}

/**
 * Makes the OSError for a failed call.
 *
 * @param negated - What the call returned: the negated error number, which is also Node's `errno`.
 * @param syscall - The name of the call, as in the manual.
 * @param address - The socket address the call was about: text and fields become Node's, `connect ECONNREFUSED 127.0.0.1:80`.
 */
export function systemError(negated: number, syscall: string, address?: Address): OSError {
  const fields = { code: errorName(-negated), errno: negated, syscall };
  if (address === undefined) return osError(fields);
  if (typeof address === 'string' || address instanceof Uint8Array) {
    const path = typeof address === 'string' ? address : Buffer.from(address).toString('latin1');
    return osError({ ...fields, address: path });
  }
  return osError({ ...fields, address: address[0], port: address[1] });
}

/** As {@link systemError}, for a call about what has a name in the file system: `path` is a field, and in the text. */
export function pathError(negated: number, syscall: string, path: string): OSError {
  return osError({ code: errorName(-negated), errno: negated, syscall, path });
}

/** What a call on a closed socket throws: EBADF, as the kernel would, without asking it about a number that may be someone else's. */
export function closedError(syscall: string): OSError {
  return osError({ code: 'EBADF', errno: -E.EBADF, syscall, message: `${syscall} EBADF: the socket is closed` });
}

/** What a call about a closed file throws: as {@link closedError}. */
export function closedFileError(syscall: string): OSError {
  return osError({ code: 'EBADF', errno: -E.EBADF, syscall, message: `${syscall} EBADF: the file is closed` });
}

function libuvNumbers(): typeof constants.errno {
  const numbers = Object.fromEntries([...getSystemErrorMap()].map(([number, [name]]) => [name, -number]));
  return { ...constants.errno, ...numbers };
}

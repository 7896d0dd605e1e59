import { E } from './errno.js';
import { ARCHITECTURES } from './linux/abi.js';
import { LinuxCalls } from './linux/calls.js';
import type { SystemCalls } from './system-calls.js';

let calls: SystemCalls | undefined;

/**
 * The system calls of this platform; loads koffi at the first call of a thread.
 *
 * @throws Error on a platform without an implementation.
 */
export function systemCalls(): SystemCalls {
  if (calls === undefined) {
    requireLinux('sockets');
    calls = new LinuxCalls();
  }
  return calls;
}

/**
 * Throws unless this is a Linux whose layouts are known. Called at the first use, never at import.
 *
 * @param what - The subject of the message: 'sockets', 'EpollSelector'.
 */
export function requireLinux(what: string): void {
  if (process.platform === 'linux' && ARCHITECTURES.includes(process.arch)) return;
  throw new Error(
    `tsyncio has no ${what} for ${process.platform}-${process.arch} yet: only for Linux (${ARCHITECTURES.join(', ')})`,
  );
}

/** The negated error numbers that hot paths compare with. */
export const WOULD_BLOCK = -E.EAGAIN;

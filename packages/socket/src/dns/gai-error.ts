import { osError, type OSError } from '@tsyncio/core';

import { systemError } from '../native/errno.js';
import { netdbConstants } from '../native/platform.js';
import type { LookupFailure } from '../native/posix/resolver.js';

/**
 * The error of a lookup that failed: GaiError, `getaddrinfo EAI_NONAME example.invalid`; if the resolver blames the system, the OSError of
 * `errno` (`EMFILE`).
 *
 * @param subject - What was looked up, for the text.
 */
export function lookupError(
  { error, errno }: LookupFailure,
  syscall: 'getaddrinfo' | 'getnameinfo',
  subject: string,
): OSError {
  if (error === netdbConstants.EAI_SYSTEM && errno !== 0) return systemError(-errno, syscall);
  return gaiError(error, syscall, subject);
}

/**
 * The GaiError of a resolver's number.
 *
 * @param errno - `EAI_*`.
 */
export function gaiError(errno: number, syscall: 'getaddrinfo' | 'getnameinfo', subject: string): OSError {
  const name = Object.entries(netdbConstants).find(([key, value]) => key.startsWith('EAI_') && value === errno)?.[0];
  const code = name ?? `EAI_${errno}`;
  return osError({ code, errno, syscall, message: `${syscall} ${code} ${subject}` });
}

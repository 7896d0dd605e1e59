import { osError, type OSError } from '@tsyncio/core';

import { netdbConstants } from '../native/platform.js';

/**
 * The GaiError of a lookup: `getaddrinfo EAI_NONAME example.invalid`.
 *
 * @param errno - The resolver's number (`EAI_*`).
 * @param subject - What was looked up, for the text.
 */
export function gaiError(errno: number, syscall: 'getaddrinfo' | 'getnameinfo', subject: string): OSError {
  const name = Object.entries(netdbConstants).find(([key, value]) => key.startsWith('EAI_') && value === errno)?.[0];
  const code = name ?? `EAI_${errno}`;
  return osError({ code, errno, syscall, message: `${syscall} ${code} ${subject}` });
}

import { isStep } from '@tsyncio/core';

import { bufferOf } from '../buffer-of.js';
import type { BufferedProtocolCallbacks } from '../protocol.js';

/**
 * Gives data to a protocol that provides the memory, in pieces: `getBuffer(rest)`, copy, `bufferUpdated(count)`, until all is consumed.
 *
 * @param goesOn - Asked before every piece: false ends it.
 * @returns A promise if a `bufferUpdated` is an async function: the next piece waits for it. Internal.
 */
export function copyInto(
  protocol: BufferedProtocolCallbacks,
  data: Uint8Array,
  goesOn: () => boolean,
): Promise<unknown> | undefined {
  for (let at = 0; at < data.length && goesOn();) {
    const buffer = bufferOf(protocol, data.length - at);
    const piece = data.subarray(at, at + buffer.length);
    buffer.set(piece);
    at += piece.length;
    const step = protocol.bufferUpdated?.(piece.length);
    if (isStep(step)) return step.then(() => copyInto(protocol, data.subarray(at), goesOn));
  }
  return undefined;
}

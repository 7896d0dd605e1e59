import { isStep, RuntimeError } from '@tsyncio/core';

import { checkBytes } from '../bytes.js';
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
    const buffer: unknown = protocol.getBuffer(data.length - at);
    checkBytes('getBuffer: the buffer', buffer);
    if (buffer.length === 0) throw new RuntimeError('getBuffer() returned an empty buffer');
    const piece = data.subarray(at, at + buffer.length);
    buffer.set(piece);
    at += piece.length;
    const step = protocol.bufferUpdated?.(piece.length);
    if (isStep(step)) return step.then(() => copyInto(protocol, data.subarray(at), goesOn));
  }
  return undefined;
}

import { RuntimeError } from '@tsyncio/core';

import { checkBytes } from './bytes.js';
import type { BufferedProtocolCallbacks } from './protocol.js';

/** The memory that a protocol gives for what comes next. @throws TypeError, RuntimeError for none or an empty one; what `getBuffer` throws. */
export function bufferOf(protocol: BufferedProtocolCallbacks, sizeHint: number): Uint8Array {
  const buffer: unknown = protocol.getBuffer(sizeHint);
  checkBytes('getBuffer: the buffer', buffer);
  if (buffer.length === 0) throw new RuntimeError('getBuffer() returned an empty buffer');
  return buffer;
}

import { koffi } from '../koffi.js';

/** A copy of native memory. */
export function decodeBytes(pointer: bigint | number, length: number): Buffer {
  return Buffer.from(koffi().decode(BigInt(pointer), 'uint8_t', length) as Uint8Array);
}

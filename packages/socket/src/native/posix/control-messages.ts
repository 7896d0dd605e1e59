import type { AncillaryMessage } from '../../ancillary.js';
import type { Abi } from './abi.js';

/** What stands in the length field of a control message with `length` bytes of data: C's `CMSG_LEN`. */
export function controlLength(length: number, abi: Abi): number {
  return abi.control.data + length;
}

/** How far behind a control message with `length` bytes of data the next one begins: C's `CMSG_SPACE`. */
export function controlSpace(length: number, abi: Abi): number {
  return abi.control.data + aligned(length, abi);
}

/** Puts control messages one behind the other, as the kernel wants them. */
export function encodeControl(messages: readonly AncillaryMessage[], abi: Abi): Uint8Array {
  const { level: levelAt, type: typeAt, data: dataAt } = abi.control;
  let size = 0;
  for (const [, , data] of messages) size += controlSpace(data.length, abi);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [level, type, data] of messages) {
    // The upper half of a 64-bit length is 0.
    view.setUint32(at, controlLength(data.length, abi), true);
    view.setInt32(at + levelAt, level, true);
    view.setInt32(at + typeAt, type, true);
    bytes.set(data, at + dataAt);
    at += controlSpace(data.length, abi);
  }
  return bytes;
}

/**
 * Takes apart what the kernel wrote into `bytes`. A message that was cut off has the data that arrived; one whose header is not whole
 * is left out.
 *
 * @returns messages with data of their own.
 */
export function decodeControl(bytes: Uint8Array, length: number, abi: Abi): AncillaryMessage<Buffer>[] {
  const { level: levelAt, type: typeAt, data: dataAt } = abi.control;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const messages: AncillaryMessage<Buffer>[] = [];
  let at = 0;
  while (at + dataAt <= length) {
    const size = view.getUint32(at, true);
    if (size < dataAt) break;
    const data = Buffer.from(bytes.subarray(at + dataAt, Math.min(at + size, length)));
    messages.push([view.getInt32(at + levelAt, true), view.getInt32(at + typeAt, true), data]);
    at += controlSpace(size - dataAt, abi);
  }
  return messages;
}

/** The descriptors that arrived with control messages; a number that was cut off is none. */
export function descriptorsIn(messages: readonly AncillaryMessage<Buffer>[], abi: Abi): number[] {
  const fds: number[] = [];
  for (const [level, type, data] of messages) {
    if (level !== abi.SOL_SOCKET || type !== abi.SCM_RIGHTS) continue;
    for (let at = 0; at + 4 <= data.length; at += 4) fds.push(data.readInt32LE(at));
  }
  return fds;
}

/** The data of a control message that carries descriptors. */
export function encodeDescriptors(fds: readonly number[]): Buffer {
  const data = Buffer.alloc(4 * fds.length);
  fds.forEach((fd, i) => data.writeInt32LE(fd, 4 * i));
  return data;
}

function aligned(length: number, { control: { alignment } }: Abi): number {
  return Math.ceil(length / alignment) * alignment;
}

import { hasBrand, ValueError } from '@tsyncio/core';

import type { Address, AddressLike, FileDescriptorLike } from './address.js';
import { checkChunks, checkInteger, fileDescriptor, kindOf } from './arguments.js';
import { AF_UNIX, SCM_RIGHTS, SOCK_STREAM, SOL_SOCKET } from './constants.js';
import { systemAbi } from './native/platform.js';
import { controlLength, controlSpace, descriptorsIn, encodeDescriptors } from './native/posix/control-messages.js';
import type { Socket } from './socket.js';

/** Data beside the data, of {@link Socket.sendmsg} and {@link Socket.recvmsg}: level (`SOL_SOCKET`), type (`SCM_RIGHTS`) and bytes. */
export type AncillaryMessage<Data extends Uint8Array = Uint8Array> = readonly [level: number, type: number, data: Data];

/** Far more than any kernel passes. */
const MAX_LENGTH = 0x7fffffff - 64;
/** Linux passes 253 in a message, macOS and FreeBSD some more. */
const MAX_FDS = 65_536;

/**
 * The size of one ancillary message with `length` bytes of data, without what may have to follow it. Python: `socket.CMSG_LEN`.
 *
 * As `ancillaryBytes` of {@link Socket.recvmsg} it makes room for exactly that much data.
 */
export function CMSG_LEN(length: number): number {
  checkInteger('length', length, 0, MAX_LENGTH);
  return controlLength(length, systemAbi);
}

/** The room that an ancillary message with `length` bytes of data takes, with what aligns the next one. Python: `socket.CMSG_SPACE`. */
export function CMSG_SPACE(length: number): number {
  checkInteger('length', length, 0, MAX_LENGTH);
  return controlSpace(length, systemAbi);
}

/**
 * Sends descriptors over a Unix socket, along with data. Python (3.9): `socket.send_fds`.
 *
 * The receiver gets duplicates: close yours when you like, once this has returned.
 *
 * @param chunks - The data. A stream carries descriptors with at least one byte.
 * @param fds - Descriptors, or what holds one.
 * @returns how many bytes of data the kernel took; the descriptors went with the first one.
 * @throws ValueError if one of `fds` is no descriptor; for descriptors without data on a stream, or on a socket that is not of
 *   `AF_UNIX` (the kernel would drop them).
 * @throws OSError (`EBADF`, `EINVAL` for more than 253, `EAGAIN`, `ETOOMANYREFS`).
 */
export function sendFds(
  socket: Socket,
  chunks: readonly Uint8Array[],
  fds: readonly FileDescriptorLike[],
  flags = 0,
  address: AddressLike | null = null,
): number {
  checkSocket(socket);
  checkChunks('chunks', chunks);
  if (!Array.isArray(fds)) throw new TypeError(`fds must be an array of descriptors, not ${kindOf(fds)}`);
  const numbers = fds.map(fileDescriptor);
  if (numbers.length === 0) return socket.sendmsg(chunks, [], flags, address);
  // TCP takes them and drops them; so does a stream without data.
  if (socket.family !== AF_UNIX) throw new ValueError('only a Unix socket carries descriptors');
  if (socket.type === SOCK_STREAM && chunks.every((chunk) => chunk.length === 0)) {
    throw new ValueError('a stream carries descriptors only along with data');
  }
  return socket.sendmsg(chunks, [[SOL_SOCKET, SCM_RIGHTS, encodeDescriptors(numbers)]], flags, address);
}

/**
 * Receives data and the descriptors that came with it. Python (3.9): `socket.recv_fds`.
 *
 * The descriptors are close-on-exec and yours to close: `Socket.fromFd(fd)`, `fs.closeSync(fd)`.
 *
 * @param nbytes - How much data at most.
 * @param maxFds - How many descriptors at most. The kernel closes those beyond (Linux) and says `MSG_CTRUNC` in the flags.
 * @returns the data, the descriptors, the flags (`MSG_TRUNC`, `MSG_CTRUNC`), and the sender as {@link Socket.recvfrom} tells it.
 */
export function recvFds(
  socket: Socket,
  nbytes: number,
  maxFds: number,
  flags = 0,
): [data: Buffer, fds: number[], flags: number, address: Address | null] {
  checkSocket(socket);
  checkInteger('maxFds', maxFds, 0, MAX_FDS);
  const room = maxFds === 0 ? 0 : CMSG_LEN(4 * maxFds);
  const [data, ancillary, received, address] = socket.recvmsg(nbytes, room, flags);
  return [data, descriptorsIn(ancillary, systemAbi), received, address];
}

function checkSocket(socket: unknown): void {
  if (!hasBrand(socket, 'Socket')) throw new TypeError(`socket must be a Socket, not ${kindOf(socket)}`);
}

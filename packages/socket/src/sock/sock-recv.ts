import type { Operation } from '@tsyncio/futures-tasks';

import { checkBytes, checkInteger } from '../arguments.js';
import { closedError, systemError } from '../native/errno.js';
import { systemCalls, WOULD_BLOCK } from '../native/platform.js';
import type { Socket } from '../socket.js';
import { received, receiveBlock } from './receive-memory.js';
import { sockOperation } from './sock-operation.js';
import type { SockLoop } from './wait-ready.js';

/** No Linux receives more in one call. */
export const MAX_RECV = 0x7ffff000;

/**
 * Receives up to `nbytes` bytes, as soon as there are some. asyncio: `loop.sock_recv`.
 *
 * Cancelled while it waits, it has received nothing: the data is there for the next receive. Two receives at a time on one socket make
 * no sense: the second takes the place of the first, which then ends only when it is cancelled.
 *
 * @param sock - Non-blocking. On a blocking one the whole thread waits; debug mode refuses it with a ValueError.
 * @returns The data, in memory that belongs to the receiver; empty at the end of the stream, or if `nbytes` is 0.
 * @throws Through the operation: OSError (`ECONNRESET`, `EBADF` for a closed socket); RuntimeError if it must wait and a transport uses the
 *   descriptor, or the loop is closed; TypeError and ValueError for wrong arguments.
 */
export function sockRecv(loop: SockLoop, sock: Socket, nbytes: number): Operation<Buffer> {
  return sockOperation(loop, sock, 'readable', () => {
    checkInteger('nbytes', nbytes, 0, MAX_RECV);
    const fd = openDescriptor(sock, 'recv');
    // The kernel would wait for data even so, and throw away a datagram.
    if (nbytes === 0) return Buffer.alloc(0);
    const block = receiveBlock(nbytes);
    const n = countOf('recv', systemCalls().recv(fd, block.address, nbytes, 0));
    return n === null ? null : received(block, n);
  });
}

/**
 * As {@link sockRecv}, into the start of `buffer`. asyncio: `loop.sock_recv_into`.
 *
 * @param buffer - Must be left alone until the operation is done.
 * @returns How many bytes were received; 0 at the end of the stream. The rest of the buffer is as it was.
 */
export function sockRecvInto(loop: SockLoop, sock: Socket, buffer: Uint8Array): Operation<number> {
  return sockOperation(loop, sock, 'readable', () => {
    checkBytes('buffer', buffer);
    const fd = openDescriptor(sock, 'recv');
    if (buffer.length === 0) return 0;
    return countOf('recv', systemCalls().recvInto(fd, buffer, Math.min(buffer.length, MAX_RECV), 0));
  });
}

/** The descriptor of an open socket. @throws OSError (`EBADF`) if it is closed. */
export function openDescriptor(sock: Socket, syscall: string): number {
  const fd = sock.fileno();
  if (fd < 0) throw closedError(syscall);
  return fd;
}

/** The result of a call: how many bytes, or null if it would block. @throws OSError if it failed. */
export function countOf(syscall: string, result: number): number | null {
  if (result >= 0) return result;
  if (result === WOULD_BLOCK) return null;
  throw systemError(result, syscall);
}

import type { Operation } from '@tsyncio/futures-tasks';

import type { Address } from '../address.js';
import { checkBytes, checkInteger } from '../arguments.js';
import { systemCalls } from '../native/platform.js';
import type { Socket } from '../socket.js';
import { received, receiveBlock } from './receive-memory.js';
import { sockOperation } from './sock-operation.js';
import { countOf, MAX_RECV, openDescriptor } from './sock-recv.js';
import type { SockLoop } from './wait-ready.js';

/**
 * Receives one datagram of up to `bufsize` bytes, and who sent it. asyncio (3.11): `loop.sock_recvfrom`.
 *
 * What is longer than `bufsize` is cut off, and the rest is lost. Waiting, errors and cancellation are as for `sockRecv`.
 *
 * @returns The data, which may be empty, and the sender's address: null if it has none (a Unix socket without a name, any stream).
 */
export function sockRecvfrom(loop: SockLoop, sock: Socket, bufsize: number): Operation<[Buffer, Address | null]> {
  return sockOperation(loop, sock, 'readable', () => {
    checkInteger('bufsize', bufsize, 0, MAX_RECV);
    const fd = openDescriptor(sock, 'recvfrom');
    const block = receiveBlock(bufsize);
    const n = countOf('recvfrom', systemCalls().recvfrom(fd, block.memory, bufsize, 0));
    if (n === null) return null;
    const sender = systemCalls().receivedFrom();
    return [received(block, n), sender];
  });
}

/**
 * As {@link sockRecvfrom}, into the start of `buffer`. asyncio (3.11): `loop.sock_recvfrom_into`.
 *
 * @param buffer - Must be left alone until the operation is done.
 * @param nbytes - How much at most; default (and 0) the size of the buffer.
 * @returns How many bytes were received, and the sender's address.
 */
export function sockRecvfromInto(
  loop: SockLoop,
  sock: Socket,
  buffer: Uint8Array,
  nbytes = 0,
): Operation<[number, Address | null]> {
  return sockOperation(loop, sock, 'readable', () => {
    checkBytes('buffer', buffer);
    checkInteger('nbytes', nbytes, 0, buffer.length);
    const fd = openDescriptor(sock, 'recvfrom');
    const length = Math.min(nbytes === 0 ? buffer.length : nbytes, MAX_RECV);
    const n = countOf('recvfrom', systemCalls().recvfrom(fd, buffer, length, 0));
    return n === null ? null : [n, systemCalls().receivedFrom()];
  });
}

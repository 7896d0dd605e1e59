import { ValueError } from '@tsyncio/core';
import {
  type CoroutineGenerator,
  failedOperation,
  finishedOperation,
  type Operation,
  operation,
} from '@tsyncio/futures-tasks';

import { checkBytes } from '../arguments.js';
import { systemCalls } from '../native/platform.js';
import type { Socket } from '../socket.js';
import { checkSocket } from './sock-operation.js';
import { countOf, openDescriptor } from './sock-recv.js';
import { repeatWhenReady, type SockLoop } from './wait-ready.js';

/**
 * Sends all of `data`. asyncio: `loop.sock_sendall`.
 *
 * Done when the kernel has taken everything, not when the peer has. After a failure or a cancellation a part may have been sent, and nobody
 * can tell how much.
 *
 * @param data - Is not copied: change it before the operation is done, and the peer gets the change.
 * @throws Through the operation: OSError (`EPIPE`, `ECONNRESET`, `EBADF` for a closed socket) and the rest as `sockRecv`.
 */
export function sockSendall(loop: SockLoop, sock: Socket, data: Uint8Array): Operation<void> {
  let sent: number;
  try {
    checkSocket(loop, sock);
    checkBytes('data', data);
    sent = send(sock, data) ?? 0;
    if (sent === data.length) return finishedOperation(loop, undefined);
  } catch (error) {
    return failedOperation(loop, error);
  }
  return operation(loop, rest(loop, sock, data, sent));
}

/** Sends in the callback of the writer, as asyncio does, and not in the step of the awaiter. */
function rest(loop: SockLoop, sock: Socket, data: Uint8Array, sent: number): CoroutineGenerator<void> {
  const total = data.length;
  return repeatWhenReady(loop, sock, 'writable', () => {
    if (data.length !== total) throw new ValueError('data changed its length while it was being sent');
    sent += send(sock, data.subarray(sent)) ?? 0;
    return sent >= total;
  });
}

/** How many bytes the kernel took, or null if it would block. */
function send(sock: Socket, data: Uint8Array): number | null {
  return countOf('send', systemCalls().send(openDescriptor(sock, 'send'), data, 0));
}

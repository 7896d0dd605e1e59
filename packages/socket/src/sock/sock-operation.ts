import { hasBrand, RuntimeError, ValueError } from '@tsyncio/core';
import {
  type CoroutineGenerator,
  failedOperation,
  finishedOperation,
  type Operation,
  operation,
} from '@tsyncio/futures-tasks';

import { kindOf } from '../arguments.js';
import type { Socket } from '../socket.js';
import { type Direction, type SockLoop, waitReady } from './wait-ready.js';

/** One try of an operation. Null: it would block. (No operation here has null as its result.) */
export type Attempt<T> = () => T | null;

/**
 * An operation on a socket that is tried at once, and again whenever the socket is ready: what all of them but the longer ones are.
 *
 * What succeeds or fails at once registers nothing and costs no more than the Operation itself.
 *
 * @param attempt - Throws what the operation is to fail with, errors of arguments too.
 */
export function sockOperation<T>(
  loop: SockLoop,
  sock: Socket,
  direction: Direction,
  attempt: Attempt<T>,
): Operation<T> {
  try {
    checkSocket(loop, sock);
    const result = attempt();
    if (result !== null) {
      if (direction === 'readable') sock.keeper?.unneeded();
      return finishedOperation(loop, result);
    }
  } catch (error) {
    return failedOperation(loop, error);
  }
  return operation(loop, repeated(loop, sock, direction, attempt));
}

/** Somebody else may have been quicker than the one who was woken: then it waits again. */
function* repeated<T>(loop: SockLoop, sock: Socket, direction: Direction, attempt: Attempt<T>): CoroutineGenerator<T> {
  for (;;) {
    yield* waitReady(loop, sock, direction);
    const result = attempt();
    if (result !== null) return result;
  }
}

/**
 * What every operation on a socket begins with.
 *
 * @throws RuntimeError if the loop is closed. TypeError if `sock` is no Socket. ValueError in debug mode for a blocking socket, which would
 *   stop the thread; otherwise nobody looks, as in asyncio, because looking is a system call. OSError (`EBADF`) if it is closed.
 */
export function checkSocket(loop: SockLoop, sock: Socket): void {
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  if (!hasBrand(sock, 'Socket')) throw new TypeError(`sock must be a Socket of @tsyncio/socket, not ${describe(sock)}`);
  if (loop.getDebug() && sock.getblocking()) throw new ValueError('the socket must be non-blocking');
}

function describe(value: unknown): string {
  const name = typeof value === 'object' && value !== null ? value.constructor?.name : undefined;
  return name === undefined || name === 'Object' || name === '' ? kindOf(value) : `a ${name}`;
}

import { Handle } from '@tsyncio/core';
import type { CoroutineGenerator, Future, TaskLoop } from '@tsyncio/futures-tasks';

import type { WatchIo } from '../ports.js';
import type { Socket } from '../socket.js';

/** What a socket operation needs of the loop: any loop whose backend watches descriptors has it. */
export type SockLoop = TaskLoop<WatchIo>;

/** What is waited for. */
export type Direction = 'readable' | 'writable';

/**
 * Waits until a socket is ready: `yield* ready(loop, sock, 'readable')` inside an operation.
 *
 * It goes on in the iteration after the one that found the socket ready, where asyncio resumes the awaiter too. asyncio makes its system
 * call before that, in the callback of the reader, and what it received is lost when the awaiter is cancelled in between. Ours is made by
 * whoever waited, after this wait: a cancelled receive has received nothing, a cancelled accept has accepted nothing.
 *
 * However it ends, the descriptor is watched no more, unless somebody else has registered it in the meantime (a second receive takes the
 * place of the first, which then only ends when it is cancelled).
 *
 * @throws RuntimeError if the loop is closed or a transport uses the descriptor. OSError if it cannot be watched.
 */
export function* ready(loop: SockLoop, sock: Socket, direction: Direction): CoroutineGenerator<void> {
  const woken = loop.createFuture<void>();
  const handle = new Handle(wake, [loop.backend, sock, direction, woken], loop);
  watch(loop.backend, sock, direction, handle);
  try {
    yield* woken;
  } finally {
    if (!handle.cancelled()) unwatch(loop.backend, sock, direction);
  }
}

/** Watched no longer than needed: otherwise the next iteration would find the socket ready once more. */
function wake(backend: WatchIo, sock: Socket, direction: Direction, woken: Future<void>): void {
  unwatch(backend, sock, direction);
  if (!woken.done()) woken.setResult();
}

function watch(backend: WatchIo, sock: Socket, direction: Direction, handle: Handle): void {
  if (direction === 'readable') backend.addReader(sock, handle);
  else backend.addWriter(sock, handle);
}

function unwatch(backend: WatchIo, sock: Socket, direction: Direction): void {
  if (direction === 'readable') backend.removeReader(sock);
  else backend.removeWriter(sock);
}

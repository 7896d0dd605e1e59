import { Handle, isOSError } from '@tsyncio/core';
import { type CoroutineGenerator, Future, type TaskLoop } from '@tsyncio/futures-tasks';

import type { WatchIo } from '../ports.js';
import type { Socket } from '../socket.js';

/** What a socket operation needs of the loop: any loop whose backend watches descriptors has it. */
export type SockLoop = TaskLoop<WatchIo>;

/** What is waited for. */
export type Direction = 'readable' | 'writable';

/**
 * Waits until a socket is ready: `yield* waitReady(loop, sock, 'readable')` inside an operation.
 *
 * It goes on in the iteration after the one that found the socket ready, where asyncio resumes the awaiter too. asyncio makes its system
 * call before that, in the callback of the reader, and what it received is lost when the awaiter is cancelled in between. Ours is made by
 * whoever waited, after this wait: a cancelled receive has received nothing, a cancelled accept has accepted nothing.
 *
 * @throws RuntimeError if the loop is closed or a transport uses the descriptor. OSError if it cannot be watched.
 */
export function* waitReady(loop: SockLoop, sock: Socket, direction: Direction): CoroutineGenerator<void> {
  const wait = new WatchedWait(loop, sock, direction, end);
  try {
    yield* wait;
  } finally {
    wait.unwatch();
  }
}

/**
 * Makes a step whenever a socket is ready, in the callback of the reader or writer, until it says that it is done:
 * `yield* repeatWhenReady(...)` inside an operation. What a step has done stays done, cancelled or not, and each costs one iteration in place
 * of the two of {@link waitReady}.
 *
 * @param step - What it throws ends the wait.
 * @throws As {@link waitReady}, and what `step` throws.
 */
export function* repeatWhenReady(
  loop: SockLoop,
  sock: Socket,
  direction: Direction,
  step: () => boolean,
): CoroutineGenerator<void> {
  const wait = new WatchedWait(loop, sock, direction, () => {
    try {
      if (!step()) return;
      wait.setResult();
    } catch (error) {
      wait.setException(error);
    }
    wait.unwatch();
  });
  try {
    yield* wait;
  } finally {
    wait.unwatch();
  }
}

/** At once, not when the awaiter goes on: otherwise the next iteration would find the socket ready once more. */
function end(wait: WatchedWait): void {
  wait.park();
  wait.setResult();
}

/**
 * A future during which a socket is watched.
 *
 * Cancelled, it has unwatched the socket before `cancel` returns, so that whoever cancels may close the socket there and then. (asyncio
 * does it in the next iteration: a selector would look at a closed descriptor once, and `select` fails then.)
 */
export class WatchedWait extends Future<void> {
  private readonly handle: Handle;

  /**
   * @param onReady - Called in each iteration in which the socket is ready, until the socket is unwatched.
   */
  constructor(
    private readonly loop: SockLoop,
    private readonly sock: Socket,
    private readonly direction: Direction,
    onReady: (wait: WatchedWait) => void,
  ) {
    super({ loop });
    this.handle = new Handle(onReady, [this], loop);
    if (direction === 'readable') loop.backend.addReader(sock, this.handle);
    else loop.backend.addWriter(sock, this.handle);
  }

  /**
   * Watches the socket no more; idempotent. If somebody else has registered the descriptor in the meantime, as a second receive does which
   * takes the place of the first, it is left alone.
   */
  unwatch(): void {
    if (this.handle.cancelled()) return;
    try {
      if (this.direction === 'readable') this.loop.backend.removeReader(this.sock);
      else this.loop.backend.removeWriter(this.sock);
    } catch (error) {
      // The socket was closed while the other direction was watched too: the backend has forgotten both.
      if (!isOSError(error)) throw error;
    }
  }

  /** As {@link unwatch}, but the backend may expect the next wait for the same socket. */
  park(): void {
    const { backend } = this.loop;
    if (this.direction !== 'readable' || backend.parkReader === undefined) this.unwatch();
    else if (!this.handle.cancelled()) backend.parkReader(this.sock);
  }

  override cancel(message?: string): boolean {
    this.unwatch();
    return super.cancel(message);
  }
}

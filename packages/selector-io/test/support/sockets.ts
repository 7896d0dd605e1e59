import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { type AddressLike, AF_INET, AF_UNIX, Socket, SOCK_STREAM, socketpair } from '@tsyncio/socket';
import { recordExceptions } from '@tsyncio/test-support';

import type { MakeLoop } from '@tsyncio/test-support/loops/selectors';

const NONBLOCKING = { nonblocking: true };

/** Non-blocking sockets of a test, closed at its end. */
export class Sockets {
  private readonly open: Socket[] = [];

  /** Closes this one too. */
  keep(socket: Socket): Socket {
    this.open.push(socket);
    return socket;
  }

  make(family: number = AF_INET, type: number = SOCK_STREAM): Socket {
    return this.keep(new Socket(family, type, 0, NONBLOCKING));
  }

  /** Two Unix sockets connected to each other. */
  pair(type: number = SOCK_STREAM): [Socket, Socket] {
    const [a, b] = socketpair(AF_UNIX, type, 0, NONBLOCKING);
    return [this.keep(a), this.keep(b)];
  }

  /** A socket that listens. */
  listener(address: AddressLike = ['127.0.0.1', 0], family: number = AF_INET, backlog = 128): Socket {
    const socket = this.make(family);
    socket.bind(address);
    socket.listen(backlog);
    return socket;
  }

  /** The two ends of a TCP connection. */
  connection(): [Socket, Socket] {
    const listener = this.listener();
    const client = this.keep(new Socket());
    client.connect(listener.getsockname());
    client.setblocking(false);
    listener.setblocking(true);
    const [server] = listener.accept(NONBLOCKING);
    listener.close();
    return [client, this.keep(server)];
  }

  close(): void {
    for (const socket of this.open) socket.close();
  }
}

/**
 * A test inside a fresh loop. At its end nothing may be registered, nothing have been reported, and the sockets are closed.
 */
export function inLoop(
  makeLoop: MakeLoop,
  body: (loop: TaskLoop<SelectorIo>, sockets: Sockets) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const loop = makeLoop();
    const reports = recordExceptions(loop);
    const sockets = new Sockets();
    try {
      await loop.runUntilComplete(() => body(loop, sockets));
      expect(loop.backend.active).toBe(false);
      expect(reports).toEqual([]);
    } finally {
      loop.close();
      sockets.close();
    }
  };
}

/** What waiting for `awaitable` throws; fails if it throws nothing. */
export async function failure(awaitable: PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await awaitable;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('nothing was thrown');
}

/** Bytes that differ from place to place. */
export function pattern(length: number, seed = 0): Buffer {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + (i >> 8) + seed) & 255;
  return data;
}

/** Sends until the kernel takes no more. @returns How many bytes it took. */
export function fill(socket: Socket): number {
  const piece = Buffer.alloc(16 * 1024, 'f');
  let total = 0;
  try {
    for (;;) total += socket.send(piece);
  } catch {
    return total;
  }
}

/** Receives until there is nothing. @returns How many bytes there were. */
export function drain(socket: Socket): number {
  let total = 0;
  try {
    for (;;) {
      const { length } = socket.recv(1 << 20);
      if (length === 0) return total;
      total += length;
    }
  } catch {
    return total;
  }
}

/** Makes a connection end with a reset when the socket is closed: SO_LINGER of zero seconds. */
export const NO_LINGER = Buffer.from(
  (process.platform === 'win32' ? new Uint16Array([1, 0]) : new Int32Array([1, 0])).buffer,
);

import type { Clock, ExceptionContext, IoBackend } from '@tsyncio/core';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { IocpProactor, IoUringProactor, probeIoUring } from '@tsyncio/proactor-io';
import { EpollSelector, PollSelector, type Selector, SelectorIo, SelectSelector } from '@tsyncio/selector-io';
import {
  type AddressLike,
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_TCP,
  SO_LINGER,
  Socket,
  socketpair,
  SOCK_DGRAM,
  SOCK_STREAM,
  SOL_SOCKET,
} from '@tsyncio/socket';
import { recordExceptions } from '../index.js';

/** A loop for one test, and what it reported. */
export interface World<B extends IoBackend = SelectorIo> {
  readonly loop: TaskLoop<B>;
  /** Calls of the exception handler. A test takes those it expects (`reports.splice(0)`); others fail it. */
  readonly reports: ExceptionContext[];
}

/** Makes a loop. */
export type MakeLoop = (options?: { clock?: Clock }) => TaskLoop<SelectorIo>;

/** A test that runs as the main task of a loop of its own. */
export function inLoop(
  body: (world: World) => Promise<void>,
  make: MakeLoop = () => new TaskLoop({ backend: new SelectorIo() }),
): () => Promise<void> {
  return inLoopOf(make, body);
}

/** The same on a loop on completion ports. */
export function inPortLoop(body: (world: World<IocpProactor>) => Promise<void>): () => Promise<void> {
  return inLoopOf(() => new TaskLoop({ backend: new IocpProactor() }), body);
}

function inLoopOf<B extends IoBackend>(
  make: () => TaskLoop<B>,
  body: (world: World<B>) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const loop = make();
    const reports = recordExceptions(loop);
    try {
      await loop.runUntilComplete(() => body({ loop, reports }));
    } finally {
      loop.close();
    }
    expect(reports).toEqual([]);
  };
}

const onWindows = process.platform === 'win32';

/** The selectors that this machine can run, by name: for `describe.each`. */
export const selectors: readonly (readonly [name: string, make: MakeLoop])[] = [
  ...(onWindows
    ? []
    : ([
        ['EpollSelector', over(() => new EpollSelector())],
        ['PollSelector', over(() => new PollSelector())],
      ] satisfies [string, MakeLoop][])),
  ['SelectSelector', over(() => new SelectSelector())],
  // Has every port that a selector has, and no selector.
  ...(onWindows ? ([['IocpProactor', overProactor]] satisfies [string, MakeLoop][]) : []),
  ...(probeIoUring().available ? ([['IoUringProactor', overProactor]] satisfies [string, MakeLoop][]) : []),
];

function overProactor(options: { clock?: Clock } = {}): TaskLoop<SelectorIo> {
  return new TaskLoop({
    ...options,
    backend: onWindows ? new IocpProactor() : new IoUringProactor(),
  }) as unknown as TaskLoop<SelectorIo>;
}

function over(makeSelector: () => Selector): MakeLoop {
  return (options = {}) => new TaskLoop({ ...options, backend: new SelectorIo(makeSelector()) });
}

/** Lets `n` iterations pass. */
export async function iterations(n: number): Promise<void> {
  for (let i = 0; i < n; i++) await sleep(0);
}

/** Two connected sockets: one for a transport, and its peer, non-blocking, to be used by hand. */
export function pair(): [ours: Socket, peer: Socket] {
  return socketpair(undefined, SOCK_STREAM, 0, { nonblocking: true });
}

/** The same for datagrams. */
export function datagramPair(): [ours: Socket, peer: Socket] {
  if (onWindows) {
    const ends = [0, 1].map(() => new Socket(AF_INET, SOCK_DGRAM, 0, { nonblocking: true })) as [Socket, Socket];
    for (const end of ends) end.bind(['127.0.0.1', 0]);
    ends[0].connect(ends[1].getsockname());
    ends[1].connect(ends[0].getsockname());
    return ends;
  }
  return socketpair(AF_UNIX, SOCK_DGRAM, 0, { nonblocking: true });
}

/** A listener to be used by hand; non-blocking. */
export function listen(host = '127.0.0.1'): Socket {
  const listener = new Socket(host.includes(':') ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP, { nonblocking: true });
  listener.bind([host, 0]);
  listener.listen();
  return listener;
}

/** A client to be used by hand: connected before it returns, whether or not anybody has accepted it; non-blocking then. */
export function dial(address: AddressLike): Socket {
  const isPath = typeof address === 'string' || address instanceof Uint8Array || address instanceof URL;
  const socket = new Socket(isPath ? AF_UNIX : address[0].includes(':') ? AF_INET6 : AF_INET);
  try {
    socket.connect(address);
    socket.setblocking(false);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/** The same over TCP. */
export function tcpPair(): [ours: Socket, peer: Socket] {
  using listener = new Socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  listener.bind(['127.0.0.1', 0]);
  listener.listen();
  const ours = new Socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
  ours.connect(listener.getsockname());
  const [peer] = listener.accept({ nonblocking: true });
  ours.setblocking(false);
  return [ours, peer];
}

/** Sends until the kernel takes no more. @returns How much it took. */
export function fill(socket: Socket, piece: Uint8Array = Buffer.alloc(64 * 1024, 'f')): number {
  for (let sent = 0; ;) {
    try {
      sent += socket.send(piece);
    } catch {
      return sent;
    }
  }
}

/** Receives what there is, at most `limit` bytes; null at the end of the stream. */
export function drain(socket: Socket, limit = Infinity): Buffer | null {
  const pieces: Buffer[] = [];
  for (let got = 0; got < limit;) {
    let piece: Buffer;
    try {
      piece = socket.recv(Math.min(limit - got, 1 << 20));
    } catch (error) {
      if ((error as { code?: string }).code !== 'EAGAIN') throw error;
      break;
    }
    if (piece.length === 0) return pieces.length === 0 ? null : Buffer.concat(pieces);
    got += piece.length;
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** A connection that is reset: its other end gets ECONNRESET. */
export function reset(socket: Socket): void {
  // For no time. (Windows: two shorts)
  const linger = onWindows ? new Uint16Array([1, 0]) : new Int32Array([1, 0]);
  socket.setsockopt(SOL_SOCKET, SO_LINGER, Buffer.from(linger.buffer));
  socket.close();
}

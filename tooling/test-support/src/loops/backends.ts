import type { Clock, IoBackend } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { AF_INET, type AddressLike, SOCK_DGRAM, Socket } from '@tsyncio/socket';
import {
  memoryDatagramPair,
  MemoryDatagramPeer,
  MemoryIo,
  MemoryListener,
  MemoryNetwork,
  memoryPair,
  memoryPipe,
  type MemorySocket,
} from '../memory-io.js';

import { KernelPipe, pipe, type PipeFile } from './pipes.js';
import {
  datagramPair,
  dial,
  inLoop,
  listen,
  type MakeLoop,
  pair,
  reset,
  selectors,
  tcpPair,
  type World,
} from './world.js';

/** What the tests of one backend use in place of the functions of `world.ts`. */
export interface Backend {
  readonly name: string;
  /** A loop over a new backend of this kind. */
  makeLoop(options?: { clock?: Clock }): TaskLoop<SelectorIo>;
  /** A test that runs as the main task of a loop over this backend. */
  inLoop(body: (world: World) => Promise<void>, make?: MakeLoop): () => Promise<void>;
  /** Two connected sockets of this backend: one for a transport, and its peer to be used by hand. Non-blocking. */
  pair(): [ours: Socket, peer: Socket];
  /** The same over TCP. */
  tcpPair(): [ours: Socket, peer: Socket];
  /** The same for datagrams. */
  datagramPair(): [ours: Socket, peer: Socket];
  /** A pipe: one end for a transport, the other to be used by hand. Non-blocking, unless asked for otherwise where there is a kernel. */
  pipe(nonblocking?: boolean): [readEnd: PipeFile, writeEnd: PipeFile];
  /** A listener to be used by hand. */
  listen(host?: string): Socket;
  /** A client to be used by hand: connected before it returns, whether or not anybody has accepted it; non-blocking. */
  dial(address: AddressLike): Socket;
  /** A datagram socket to be used by hand. Non-blocking. */
  datagramSocket(family?: number): Socket;
  /** Closes a socket so that its peer gets ECONNRESET. */
  reset(socket: Socket): void;
  /** `test` where there is a kernel, whose own behaviour is the subject. */
  readonly kernelTest: (title: string, body: () => Promise<void>) => void;
  readonly inMemory: boolean;
}

/** A backend of this machine's kernel. */
function kernelBackend(name: string, makeLoop: MakeLoop): Backend {
  return {
    name,
    makeLoop,
    inLoop: (body, make = makeLoop) => inLoop(body, make),
    pair,
    tcpPair,
    datagramPair,
    pipe: (nonblocking) => {
      const [readEnd, writeEnd] = pipe(nonblocking);
      return [new KernelPipe(readEnd), new KernelPipe(writeEnd)];
    },
    listen,
    dial,
    datagramSocket: (family = AF_INET) => new Socket(family, SOCK_DGRAM, 0, { nonblocking: true }),
    reset,
    kernelTest: test,
    inMemory: false,
  };
}

/** The ports in memory: the loops have no selector, and all that share the backend can reach each other. */
export function memoryBackend(): Backend & { readonly network: MemoryNetwork } {
  const network = new MemoryNetwork();
  const makeLoop: MakeLoop = (options = {}) =>
    new TaskLoop({ ...options, backend: new MemoryIo(network) }) as unknown as TaskLoop<SelectorIo>;
  return {
    name: 'MemoryIo',
    network,
    makeLoop,
    inLoop: (body, make = makeLoop) => inLoop(body, make),
    pair: memoryPair,
    tcpPair: () => {
      using listener = new MemoryListener(network, ['127.0.0.1', 0]);
      const ours = network.dial(listener.getsockname());
      return [ours, listener.accept()[0]];
    },
    datagramPair: memoryDatagramPair,
    pipe: memoryPipe,
    listen: (host = '127.0.0.1') => new MemoryListener(network, [host, 0]),
    dial: (address) => network.dial(address),
    datagramSocket: (family) => new MemoryDatagramPeer(network, family),
    reset: (socket) => (socket as MemorySocket).reset(),
    kernelTest: () => undefined,
    inMemory: true,
  };
}

const kernelBackends = selectors.map(([name, make]) => kernelBackend(name, make));

/** The backend of real peers, and of what does not depend on the backend. */
export const defaultBackend = kernelBackends[0]!;

/** Every selector of this machine, io_uring if there is, and the ports in memory. */
export const backends: readonly Backend[] = [...kernelBackends, memoryBackend()];

/** The tests that `body` declares, in a block for each selector of this machine and for the ports in memory. */
export function eachBackend(body: (backend: Backend) => void): void {
  for (const backend of backends) describe(backend.name, () => body(backend));
}

/** Two connected sockets for whatever backend a loop has. */
export function pairFor({ backend }: TaskLoop<IoBackend>): [ours: Socket, peer: Socket] {
  return backend instanceof MemoryIo ? memoryPair() : pair();
}

/** `inLoop` over the ports in memory. */
export function inMemory(body: (world: World) => Promise<void>): () => Promise<void> {
  return memoryBackend().inLoop(body);
}

/**
 * An I/O backend without a kernel, for tests: the ports of `@tsyncio/socket` in memory, with faults on request.
 *
 * @packageDocumentation
 */
import { type Handle, type HandleOwner, type OSError, type ReadySink, RuntimeError } from '@tsyncio/core';
import {
  type AcceptIo,
  type Acceptor,
  type Address,
  type AddressLike,
  AF_UNIX,
  type ConnectIo,
  type ConnectLoop,
  type DatagramChannel,
  type DatagramIo,
  type DatagramSink,
  fileDescriptor,
  type FileDescriptorLike,
  type OwnedDescriptor,
  type PipeIo,
  type PipeKind,
  type Socket,
  SOCK_STREAM,
  type StreamChannel,
  type StreamIo,
  type StreamSink,
  type WatchIo,
} from '@tsyncio/socket';

import {
  MemoryAcceptor,
  MemoryDatagramChannel,
  MemoryPipeReader,
  MemoryPipeWriter,
  MemoryStreamChannel,
  MemoryWatch,
  type Pollable,
} from './memory/channel.js';
import { MemoryEnd } from './memory/end.js';
import { MemoryNetwork } from './memory/network.js';
import { MemoryPipe } from './memory/pipe.js';
import { MemoryDatagramSocket, MemorySocket } from './memory/socket.js';
import { isSimulated, memoryError, simulatedAt } from './memory/source.js';

export { MemoryEnd } from './memory/end.js';
export { Mailbox } from './memory/mailbox.js';
export { MemoryNetwork } from './memory/network.js';
export { MemoryDatagramPeer, MemoryListener } from './memory/peers.js';
export { MemoryPipe, memoryPipe } from './memory/pipe.js';
export { memoryDatagramPair, MemoryDatagramSocket, memoryPair, MemorySocket } from './memory/socket.js';

/**
 * The backend. Sockets that a test passes in are those of this module. Those that `createServer`, `createConnection` and
 * `createDatagramEndpoint` make have a descriptor, which is used for its names only: no byte goes through it.
 *
 * @example
 * const loop = new TaskLoop({ backend: new MemoryIo() });
 * const [ours, peer] = memoryPair();
 */
export class MemoryIo implements StreamIo, DatagramIo, AcceptIo, ConnectIo, WatchIo, PipeIo {
  private readonly pollables = new Set<Pollable>();
  private readonly channels = new Set<MemoryStreamChannel | MemoryDatagramChannel>();
  private readonly watches = new Map<number, MemoryWatch>();
  private ready: ReadySink | null = null;
  private turn: (() => void) | null = null;
  private alarm: NodeJS.Immediate | null = null;
  private closed = false;

  /** @param network - Loops on one network can reach each other. */
  constructor(readonly network = new MemoryNetwork()) {}

  // ---- IoBackend --------------------------------------------------------------------------------------------------------------

  attach(sink: ReadySink): void {
    if (this.ready !== null) throw new RuntimeError('this backend already serves another loop');
    this.ready = sink;
  }

  get active(): boolean {
    for (const each of this.pollables) if (each.waits) return true;
    return false;
  }

  poll(): void {
    for (const each of [...this.pollables]) each.poll(this.ready!);
  }

  arm(turn: () => void): void {
    this.turn = turn;
    for (const each of this.pollables) if (each.due) this.alarm ??= setImmediate(turn);
  }

  disarm(): void {
    this.turn = null;
    if (this.alarm !== null) clearImmediate(this.alarm);
    this.alarm = null;
  }

  readonly wake = (): void => this.turn?.();

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.disarm();
    for (const each of [...this.pollables]) each.close();
  }

  // ---- StreamIo, PipeIo, DatagramIo, AcceptIo, ConnectIo ------------------------------------------------------------------------------

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.prepare(socket);
    const end = this.network.endOf(socket) ?? MemoryEnd.unconnected();
    const channel = new MemoryStreamChannel(socket, end, sink, loop, this.wake, () => this.gone(channel));
    return this.opened(channel);
  }

  openDatagram(socket: Socket, sink: DatagramSink, loop: HandleOwner): DatagramChannel {
    this.prepare(socket);
    const mailbox = socket instanceof MemoryDatagramSocket ? socket.mailbox : this.network.mailbox(socket);
    const channel = new MemoryDatagramChannel(socket, mailbox, sink, loop, this.wake, () => this.gone(channel));
    return this.opened(channel);
  }

  pipeKind(fd: number): PipeKind | null {
    const simulated = simulatedAt(fd);
    if (simulated instanceof MemoryPipe) return 'fifo';
    return simulated instanceof MemorySocket ? 'socket' : null;
  }

  openPipe(pipe: OwnedDescriptor, end: 'read' | 'write', sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.checkOpen();
    const fd = pipe.fileno();
    this.checkUnused(fd);
    const source = simulatedAt(fd)?.source;
    if (!(source instanceof MemoryEnd)) throw memoryError('EBADF', 'fcntl');
    const Channel = end === 'read' ? MemoryPipeReader : MemoryPipeWriter;
    const channel: MemoryStreamChannel = new Channel(pipe, source, sink, loop, this.wake, () => this.gone(channel));
    return this.opened(channel);
  }

  startAccepting(
    listener: Socket,
    backlog: number,
    onAccept: (socket: Socket, peer: Address) => void,
    onError: (error: OSError) => void,
    loop: HandleOwner,
  ): Acceptor {
    this.checkOpen();
    if (listener.closed) throw memoryError('EBADF', 'accept');
    const listening = this.network.listening(listener);
    const gone = (): void => void this.pollables.delete(acceptor);
    const acceptor = new MemoryAcceptor(listener, listening, backlog, onAccept, onError, loop, this.wake, gone);
    this.pollables.add(acceptor);
    return acceptor;
  }

  *connect(_loop: ConnectLoop, socket: Socket, address: AddressLike): Generator<unknown, void, unknown> {
    this.checkOpen();
    // TCP takes its time; what stays on the machine, or is a name and nothing else, does not.
    if (socket.family !== AF_UNIX && socket.type === SOCK_STREAM) yield;
    this.network.connect(socket, address);
  }

  // ---- WatchIo ----------------------------------------------------------------------------------------------------------------

  addReader(file: FileDescriptorLike, handle: Handle): void {
    const watch = this.watchFor(file);
    watch.reader?.cancel();
    watch.reader = handle;
    this.wake();
  }

  removeReader(file: FileDescriptorLike): boolean {
    const watch = this.find(file);
    if (watch === undefined || watch.reader === null) return false;
    watch.reader.cancel();
    watch.reader = null;
    this.forgetIdle(watch);
    return true;
  }

  addWriter(file: FileDescriptorLike, handle: Handle): void {
    const watch = this.watchFor(file);
    watch.writer?.cancel();
    watch.writer = handle;
    this.wake();
  }

  removeWriter(file: FileDescriptorLike): boolean {
    const watch = this.find(file);
    if (watch === undefined || watch.writer === null) return false;
    watch.writer.cancel();
    watch.writer = null;
    this.forgetIdle(watch);
    return true;
  }

  // ---- Private ----------------------------------------------------------------------------------------------------------------

  private checkOpen(): void {
    if (this.closed) throw new RuntimeError('Event loop is closed');
  }

  /** Checks and prepares a socket that a channel is to take over. */
  private prepare(socket: Socket): void {
    this.checkOpen();
    socket.setblocking(false); // throws for a closed socket
    this.checkUnused(socket.fileno());
  }

  private checkUnused(fd: number): void {
    for (const channel of this.channels) {
      if (channel.fd === fd) throw new RuntimeError(`descriptor ${fd} is used by a transport already`);
    }
  }

  private opened<C extends MemoryStreamChannel | MemoryDatagramChannel>(channel: C): C {
    this.pollables.add(channel);
    this.channels.add(channel);
    return channel;
  }

  private gone(channel: MemoryStreamChannel | MemoryDatagramChannel): void {
    this.pollables.delete(channel);
    this.channels.delete(channel);
  }

  /** The watch of a descriptor, made if need be. */
  private watchFor(file: FileDescriptorLike): MemoryWatch {
    this.checkOpen();
    const found = this.find(file);
    if (found !== undefined) return found;
    const fd = fileDescriptor(file);
    const simulated = isSimulated(file) ? file : simulatedAt(fd);
    if (simulated === undefined) throw memoryError('EBADF', 'epoll_ctl');
    const watch = new MemoryWatch(simulated, simulated.source, this.wake);
    this.watches.set(fd, watch);
    this.pollables.add(watch);
    return watch;
  }

  /** @throws RuntimeError if a transport has the descriptor. */
  private find(file: FileDescriptorLike): MemoryWatch | undefined {
    for (const watch of this.watches.values()) if (watch.file === file) return watch; // it may be closed
    const fd = fileDescriptor(file);
    for (const channel of this.channels) {
      if (channel.fd === fd && channel.refuses) throw new RuntimeError(`descriptor ${fd} is used by a transport`);
    }
    return this.watches.get(fd);
  }

  private forgetIdle(watch: MemoryWatch): void {
    if (watch.waits) return;
    watch.close();
    this.pollables.delete(watch);
    for (const [fd, each] of this.watches) if (each === watch) this.watches.delete(fd);
  }
}

import {
  type Handle,
  type HandleOwner,
  type OSError,
  type ReadyJob,
  type ReadySink,
  RuntimeError,
} from '@tsyncio/core';
import {
  type Acceptor,
  type Address,
  type AddressLike,
  ChildExit,
  type ChildStatus,
  connectByWatching,
  type ConnectLoop,
  type DatagramChannel,
  type DatagramSink,
  type ExitWatch,
  fileDescriptor,
  type FileDescriptorLike,
  ListenerAcceptor,
  type OwnedDescriptor,
  type Socket,
  type StreamChannel,
  type StreamSink,
} from '@tsyncio/socket';
import { systemCalls, systemError } from '@tsyncio/socket/native';

import type { CompletionChannel } from './channel.js';
import type { CompletionQueue } from './completion-queue.js';
import { CompletionDatagramChannel } from './datagram-channel.js';
import type { PollRequest } from './poll-request.js';
import type { Proactor } from './proactor.js';
import { READ, Reports, WRITE } from './readiness.js';
import { Interest, Watch } from './watch.js';

/**
 * What the proactors share: who uses which descriptor, and all ports but those of streams and pipes. Internal.
 */
export abstract class CompletionProactor<Q extends CompletionQueue = CompletionQueue> implements Proactor {
  /** Internal: whose handles are due. */
  readonly reports = new Reports();
  /** Internal: the system calls of this thread. */
  readonly calls = systemCalls();

  private readonly channels = new Map<number, CompletionChannel>();
  private readonly watches = new Map<number, Watch>();
  private ready: ReadySink | null = null;
  private closed = false;

  /** @param queue - Internal: the requests that are pending in the kernel. */
  constructor(readonly queue: Q) {}

  // ---- IoBackend --------------------------------------------------------------------------------------------------------------------

  attach(sink: ReadySink): void {
    if (this.ready !== null) throw new RuntimeError('this backend already serves another loop');
    this.ready = sink;
  }

  get active(): boolean {
    return this.queue.active;
  }

  poll(_timeout: number): void {
    if (this.closed) return;
    this.queue.advance();
    this.reports.flush();
  }

  arm(turn: () => void): void {
    if (!this.closed) this.queue.arm(turn);
  }

  disarm(): void {
    if (!this.closed) this.queue.disarm();
  }

  wake(): void {
    this.queue.wake();
  }

  /**
   * Ends every pending request, then closes the channels that are still open, and what belongs to the kernel. The descriptors of `addReader`
   * stay open: they are the caller's.
   */
  close(): void {
    if (this.closed) return;
    this.queue.disarm();
    this.closed = true;
    const over = this.queue.cancelAll();
    for (const channel of this.channels.values()) channel.close();
    for (const watch of this.watches.values()) watch.end();
    this.channels.clear();
    this.watches.clear();
    this.queue.close();
    this.releaseMemory(over);
  }

  /**
   * Gives back memory of its own.
   *
   * @param over - Whether nothing is pending any more. Better memory that is never given back than a kernel that writes to memory that is.
   */
  protected abstract releaseMemory(over: boolean): void;

  // ---- WatchIo ----------------------------------------------------------------------------------------------------------------------

  addReader(file: FileDescriptorLike, handle: Handle): void {
    const watch = this.watchFor(file, READ);
    const old = watch.reader;
    watch.reader = new Interest(this, watch, READ, handle);
    this.replace(old, watch.reader);
  }

  removeReader(file: FileDescriptorLike): boolean {
    const watch = this.find(file, READ);
    const interest = watch?.reader ?? null;
    if (interest === null) return false;
    watch!.reader = null;
    this.remove(watch!, interest);
    return true;
  }

  addWriter(file: FileDescriptorLike, handle: Handle): void {
    const watch = this.watchFor(file, WRITE);
    const old = watch.writer;
    watch.writer = new Interest(this, watch, WRITE, handle);
    this.replace(old, watch.writer);
  }

  removeWriter(file: FileDescriptorLike): boolean {
    const watch = this.find(file, WRITE);
    const interest = watch?.writer ?? null;
    if (interest === null) return false;
    watch!.writer = null;
    this.remove(watch!, interest);
    return true;
  }

  private replace(old: Interest | null, interest: Interest): void {
    old?.end();
    this.queue.want(interest);
  }

  private remove(watch: Watch, interest: Interest): void {
    if (watch.reader === null && watch.writer === null) this.watches.delete(watch.fd);
    interest.end();
  }

  /** A descriptor is ready: its handle runs. One that was cancelled by other means than its removal goes. Internal. */
  runInterest(watch: Watch, interest: Interest): void {
    if (!interest.handle.cancelled()) {
      this.addReady(interest.handle);
      return;
    }
    if (watch.reader === interest) watch.reader = null;
    if (watch.writer === interest) watch.writer = null;
    this.remove(watch, interest);
  }

  /** Internal. */
  endRequest(request: PollRequest): void {
    if (!this.closed) this.queue.cancelNow(request);
  }

  private watchFor(file: FileDescriptorLike, direction: number): Watch {
    this.checkOpen();
    let watch = this.find(file, direction);
    if (watch !== undefined) return watch;
    const fd = fileDescriptor(file);
    const failed = this.calls.isNonblocking(fd);
    if (failed < 0) throw systemError(failed, 'fcntl');
    watch = new Watch(this, fd, file);
    this.watches.set(fd, watch);
    return watch;
  }

  /** The watch of a descriptor; of an object that was closed meanwhile, by identity. */
  private find(file: FileDescriptorLike, direction: number): Watch | undefined {
    const fd = this.descriptorOf(file);
    if (this.channels.get(fd)?.refuses(direction) === true) {
      throw new RuntimeError(`descriptor ${fd} is used by a transport`);
    }
    const watch = this.watches.get(fd);
    if (watch !== undefined && watch.file !== file && typeof file !== 'number' && watch.isGone()) {
      this.drop(watch);
      return undefined;
    }
    return watch;
  }

  private descriptorOf(file: FileDescriptorLike): number {
    if (typeof file === 'number') return fileDescriptor(file);
    try {
      return fileDescriptor(file);
    } catch (error) {
      for (const watch of this.watches.values()) if (watch.file === file) return watch.fd;
      throw error;
    }
  }

  private drop(watch: Watch): void {
    this.watches.delete(watch.fd);
    watch.end();
  }

  // ---- The other ports ---------------------------------------------------------------------------------------------------------------

  abstract openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel;

  abstract openPipe(pipe: OwnedDescriptor, end: 'read' | 'write', sink: StreamSink, loop: HandleOwner): StreamChannel;

  openDatagram(socket: Socket, sink: DatagramSink, loop: HandleOwner): DatagramChannel {
    this.prepare(socket);
    return this.opened(new CompletionDatagramChannel(this, socket, sink, loop));
  }

  startAccepting(
    listener: Socket,
    backlog: number,
    onAccept: (socket: Socket, peer: Address) => void,
    onError: (error: OSError) => void,
    loop: HandleOwner,
  ): Acceptor {
    return new ListenerAcceptor(this, listener, backlog, onAccept, onError, loop);
  }

  connect(loop: ConnectLoop, socket: Socket, address: AddressLike): Generator<unknown, void, unknown> {
    return connectByWatching(this, loop, socket, address);
  }

  watchExit(pid: number, onExit: (status: ChildStatus) => unknown, loop: HandleOwner): ExitWatch {
    this.checkOpen();
    return new ChildExit(this, pid, onExit, loop);
  }

  /** Checks and prepares a socket that a channel is to take over. */
  protected prepare(socket: Socket): void {
    this.checkOpen();
    this.checkUnused(socket.fileno());
    socket.setblocking(false); // throws for a closed socket
  }

  protected checkUnused(fd: number): void {
    if (fd >= 0 && this.channels.has(fd)) throw new RuntimeError(`descriptor ${fd} is used by a transport already`);
  }

  /** A channel has been opened. */
  protected opened<C extends CompletionChannel>(channel: C): C {
    const watch = this.watches.get(channel.fd);
    // A reader or writer of the user's gives way, as in asyncio, where the transport's replaces it.
    if (watch !== undefined) this.drop(watch);
    this.channels.set(channel.fd, channel);
    return channel;
  }

  // ---- For the channels ---------------------------------------------------------------------------------------------------------------

  /** Puts a handle on the ready queue. Internal. */
  addReady(job: ReadyJob): void {
    this.ready!.addReady(job);
  }

  /** A channel closes: ends what the kernel does with its descriptor. Internal. */
  release(channel: CompletionChannel, writer: PollRequest | null): void {
    if (!this.closed) this.queue.cancelNow(channel, writer);
    const watch = this.watches.get(channel.fd);
    if (watch !== undefined) this.drop(watch);
    if (this.channels.get(channel.fd) === channel) this.channels.delete(channel.fd);
  }

  protected checkOpen(): void {
    if (this.closed) throw new RuntimeError('Event loop is closed');
  }
}

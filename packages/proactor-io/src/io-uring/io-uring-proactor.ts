import {
  debugFromEnvironment,
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
import {
  BlockPool,
  BufferRing,
  hasSince,
  type KernelVersion,
  ioUringCalls,
  systemCalls,
  systemError,
} from '@tsyncio/socket/native';

import type { UringChannel } from './channel.js';
import { UringDatagramChannel } from './datagram-channel.js';
import { UringPipeReader, UringPipeWriter } from './pipe-channel.js';
import type { PollRequest } from './poll-request.js';
import { withIoUring } from './probe.js';
import type { Proactor } from '../proactor.js';
import { READ, Reports, WRITE } from './readiness.js';
import { Ring } from './ring.js';
import { UringStreamChannel } from './stream-channel.js';
import { Interest, Watch } from './watch.js';

/** Buffers that all connections of a loop receive into, and the size of each. Small enough to stay in the processor's cache. */
const BUFFERS = { group: 1, count: 64, size: 16 * 1024 };

/** How an {@link IoUringProactor} is made. */
export interface IoUringProactorOptions {
  /**
   * Checks the use of memory that is shared with the kernel: an error ends the run. Default: as the debug mode of loops, by the environment
   * variable `TSYNCIO_DEBUG`.
   */
  readonly debug?: boolean | undefined;
  /** Uses nothing of Linux that is newer, for tests of what older kernels get. */
  readonly upTo?: KernelVersion | undefined;
}

/**
 * io_uring as the backend of a loop: one ring for each loop, and no system call for what has arrived.
 *
 * Every iteration enters the kernel at most once, and only if there is a reason: requests to hand over, or completions to fetch, both of
 * which are seen in shared memory. While the loop sleeps, libuv watches an eventfd on which the kernel counts completions.
 *
 * @example
 * const loop = new TaskLoop({ backend: new IoUringProactor() });
 */
export class IoUringProactor implements Proactor {
  /** Internal. */
  readonly ring: Ring;
  /** Internal: whose handles are due. */
  readonly reports = new Reports();
  /** Internal: where small messages land. */
  readonly buffers: BufferRing;
  /** Internal: the system calls of this thread. */
  readonly calls = systemCalls();
  /** Internal: memory that receivers will own. */
  readonly blocks = new BlockPool(64 * 1024, 16 * 1024);
  readonly largeBlocks = new BlockPool(256 * 1024, 64 * 1024);

  private readonly copy = ioUringCalls().copy;
  private readonly channels = new Map<number, UringChannel>();
  private readonly watches = new Map<number, Watch>();
  private ready: ReadySink | null = null;
  private closed = false;

  /**
   * @throws RuntimeError with the reason if there can be no ring here: see {@link probeIoUring}.
   */
  constructor(options: IoUringProactorOptions = {}) {
    const checked = options.debug ?? debugFromEnvironment();
    [this.ring, this.buffers] = withIoUring(() => {
      const ring = new Ring(options.upTo);
      try {
        return [
          ring,
          new BufferRing(
            ring.native,
            { ...BUFFERS, incremental: hasSince(options.upTo ?? '6.12', '6.12'), checked },
            systemError,
          ),
        ];
      } catch (error) {
        ring.close();
        throw error;
      }
    });
  }

  // ---- IoBackend --------------------------------------------------------------------------------------------------------------------

  attach(sink: ReadySink): void {
    if (this.ready !== null) throw new RuntimeError('this backend already serves another loop');
    this.ready = sink;
  }

  get active(): boolean {
    return this.ring.active;
  }

  poll(_timeout: number): void {
    if (this.closed) return;
    this.ring.advance();
    this.reports.flush();
  }

  arm(turn: () => void): void {
    if (!this.closed) this.ring.arm(turn);
  }

  disarm(): void {
    if (!this.closed) this.ring.disarm();
  }

  wake(): void {
    this.ring.wake();
  }

  /**
   * Ends every pending request, then closes the channels that are still open, and the ring. The descriptors of `addReader` stay open: they
   * are the caller's.
   */
  close(): void {
    if (this.closed) return;
    this.ring.disarm();
    this.closed = true;
    const over = this.ring.cancelAll();
    for (const channel of this.channels.values()) channel.close();
    for (const watch of this.watches.values()) watch.end();
    this.channels.clear();
    this.watches.clear();
    this.ring.close();
    // Better memory that is never given back than a kernel that writes to memory that is.
    if (over) this.buffers.unmap();
    this.blocks.release();
    this.largeBlocks.release();
  }

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
    this.ring.want(interest);
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
    if (!this.closed) this.ring.cancelNow(request);
  }

  private watchFor(file: FileDescriptorLike, direction: number): Watch {
    this.checkOpen();
    let watch = this.find(file, direction);
    if (watch !== undefined) return watch;
    const fd = fileDescriptor(file);
    const failed = this.calls.isNonblocking(fd);
    if (failed < 0) throw systemError(failed, 'io_uring_enter');
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

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.prepare(socket);
    return this.opened(new UringStreamChannel(this, socket, sink, loop));
  }

  openDatagram(socket: Socket, sink: DatagramSink, loop: HandleOwner): DatagramChannel {
    this.prepare(socket);
    return this.opened(new UringDatagramChannel(this, socket, sink, loop));
  }

  openPipe(pipe: OwnedDescriptor, end: 'read' | 'write', sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.checkOpen();
    const fd = fileDescriptor(pipe);
    this.checkUnused(fd);
    const failed = this.calls.setNonblocking(fd, true);
    if (failed < 0) throw systemError(failed, 'fcntl');
    return this.opened(new (end === 'read' ? UringPipeReader : UringPipeWriter)(this, pipe, sink, loop));
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

  private prepare(socket: Socket): void {
    this.checkOpen();
    this.checkUnused(socket.fileno());
    socket.setblocking(false); // throws for a closed socket
  }

  private checkUnused(fd: number): void {
    if (fd >= 0 && this.channels.has(fd)) throw new RuntimeError(`descriptor ${fd} is used by a transport already`);
  }

  private opened<C extends UringChannel>(channel: C): C {
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
  release(channel: UringChannel, writer: PollRequest | null): void {
    if (!this.closed) this.ring.cancelNow(channel, writer);
    const watch = this.watches.get(channel.fd);
    if (watch !== undefined) this.drop(watch);
    if (this.channels.get(channel.fd) === channel) this.channels.delete(channel.fd);
  }

  /** Copies what stands in a buffer of the kernel's, behind `before`, to memory that its receiver will own. Internal. */
  keep(before: Buffer | null, from: number, length: number): Buffer {
    const total = before === null ? length : before.length + length;
    const blocks = total > this.blocks.room() ? this.largeBlocks : this.blocks;
    blocks.room();
    const to = blocks.address;
    const piece = blocks.take(total);
    if (before !== null) piece.set(before);
    this.copy(to + total - length, from, length);
    return piece;
  }

  private checkOpen(): void {
    if (this.closed) throw new RuntimeError('Event loop is closed');
  }
}

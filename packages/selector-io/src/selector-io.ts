import { type Handle, type HandleOwner, type OSError, type ReadySink, RuntimeError, ValueError } from '@tsyncio/core';
import {
  type AcceptIo,
  type Acceptor,
  type Address,
  type AddressLike,
  type ConnectIo,
  type ConnectLoop,
  fileDescriptor,
  type FileDescriptorLike,
  type Socket,
  type StreamChannel,
  type StreamIo,
  type StreamSink,
  type WatchIo,
} from '@tsyncio/socket';
import { BlockPool, DescriptorPoll, type SystemCalls, systemCalls } from '@tsyncio/socket/native';

import { ListenerAcceptor } from './acceptor.js';
import { connect } from './connect.js';
import { EpollSelector } from './epoll-selector.js';
import { EVENT_READ, EVENT_WRITE, type Selector, type SelectorKey } from './selector.js';
import { SelectorChannel } from './selector-channel.js';
import { SelectorStreamChannel } from './stream-channel.js';
import { Watch } from './watch.js';

/** A selector that can hand out events without making a list of them. */
interface Harvester {
  harvest(timeout: number | null, visit: (key: SelectorKey, events: number) => void): void;
}

/**
 * The readiness backend of a loop: any {@link Selector}, and Node's loop to sleep in. asyncio: the I/O half of `BaseSelectorEventLoop`.
 *
 * Every iteration asks the selector, without blocking, what is ready, and puts the handles of those descriptors on the ready queue.
 * While the loop sleeps, libuv watches one descriptor, the selector's own (an epoll descriptor is itself pollable), however many
 * are registered.
 *
 * @example
 * const loop = new TaskLoop({ backend: new SelectorIo() });
 */
export class SelectorIo implements StreamIo, AcceptIo, ConnectIo, WatchIo {
  /** The selector that finds out what is ready. Its keys belong to the backend. */
  readonly selector: Selector;
  /** Internal: the system calls of this thread; loads the native code at the first stream. */
  get calls(): SystemCalls {
    return (this.systemCalls ??= systemCalls());
  }
  private systemCalls: SystemCalls | null = null;
  /** Internal: memory for small and for large messages. */
  readonly blocks = new BlockPool(64 * 1024, 16 * 1024);
  readonly largeBlocks = new BlockPool(256 * 1024, 64 * 1024);

  private readonly watches = new Map<number, Watch>();
  private readonly harvester: Harvester | null;
  private registered = 0;
  private ready: ReadySink | null = null;
  private poller: DescriptorPoll | null = null;
  /** What an armed watch calls; null while the loop is awake. */
  private turn: (() => void) | null = null;
  private closed = false;

  /**
   * @param selector - Default: an {@link EpollSelector}. The backend owns it and closes it.
   * @throws ValueError if the selector has no descriptor to sleep on.
   */
  constructor(selector: Selector = new EpollSelector()) {
    if (typeof selector !== 'object' || selector === null || typeof selector.select !== 'function') {
      throw new TypeError('selector must be a Selector');
    }
    if (typeof selector.fileno !== 'function')
      throw new ValueError('a selector without fileno() cannot drive a loop yet');
    this.selector = selector;
    this.harvester = harvesterOf(selector);
  }

  // ---- IoBackend --------------------------------------------------------------------------------------------------------------

  attach(sink: ReadySink): void {
    if (this.ready !== null) throw new RuntimeError('this backend already serves another loop');
    this.ready = sink;
  }

  get active(): boolean {
    return this.registered > 0;
  }

  poll(timeout: number): void {
    if (this.closed) return;
    if (this.harvester !== null) this.harvester.harvest(timeout, this.dispatch);
    else for (const [key, events] of this.selector.select(timeout)) this.dispatch(key, events);
  }

  arm(turn: () => void): void {
    this.turn = turn;
    if (this.registered > 0) this.watchSelector();
  }

  disarm(): void {
    this.turn = null;
    this.poller?.disarm();
  }

  wake(): void {
    this.turn?.();
  }

  /** Closes the selector and the streams that are still open. The descriptors of `addReader` stay open: they are the caller's. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.disarm();
    for (const watch of this.watches.values()) {
      if (watch instanceof SelectorChannel) watch.close();
      else watch.cancelHandles();
    }
    this.watches.clear();
    this.registered = 0;
    // Before the selector's descriptor, otherwise libuv aborts the process.
    this.poller?.close();
    this.poller = null;
    this.selector.close();
    this.blocks.release();
    this.largeBlocks.release();
  }

  // ---- WatchIo ----------------------------------------------------------------------------------------------------------------

  addReader(file: FileDescriptorLike, handle: Handle): void {
    const watch = this.watchFor(file, EVENT_READ);
    const old = watch.reader;
    this.ask(watch, watch.events | EVENT_READ);
    watch.reader = handle;
    old?.cancel();
  }

  removeReader(file: FileDescriptorLike): boolean {
    const watch = this.find(file, EVENT_READ);
    const handle = watch?.reader ?? null;
    if (handle === null) return false;
    watch!.reader = null;
    handle.cancel();
    this.ask(watch!, watch!.wanted());
    return true;
  }

  addWriter(file: FileDescriptorLike, handle: Handle): void {
    const watch = this.watchFor(file, EVENT_WRITE);
    const old = watch.writer;
    this.ask(watch, watch.events | EVENT_WRITE);
    watch.writer = handle;
    old?.cancel();
  }

  removeWriter(file: FileDescriptorLike): boolean {
    const watch = this.find(file, EVENT_WRITE);
    const handle = watch?.writer ?? null;
    if (handle === null) return false;
    watch!.writer = null;
    handle.cancel();
    this.ask(watch!, watch!.wanted());
    return true;
  }

  // ---- StreamIo, AcceptIo, ConnectIo --------------------------------------------------------------------------------------------

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.checkOpen();
    const fd = socket.fileno();
    if (fd >= 0 && this.watches.get(fd) instanceof SelectorChannel) {
      throw new RuntimeError(`descriptor ${fd} is used by a transport already`);
    }
    socket.setblocking(false); // throws for a closed socket
    const channel = new SelectorStreamChannel(this, socket, sink, loop);
    const old = this.watches.get(fd);
    // A reader or writer of the user's gives way, as in asyncio, where the transport's replaces it.
    if (old !== undefined) this.drop(old);
    this.watches.set(fd, channel);
    return channel;
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
    return connect(this, loop, socket, address);
  }

  // ---- For the channels ---------------------------------------------------------------------------------------------------------

  /**
   * Changes what the selector is asked about a descriptor. Internal.
   *
   * @throws OSError if the kernel refuses; the descriptor is not registered then.
   */
  ask(watch: Watch, events: number): void {
    const before = watch.events;
    if (events === before || this.closed) return;
    if (events === 0) {
      watch.events = 0;
      this.registered--;
      this.selector.unregister(watch.fd);
      if (!watch.stays) this.watches.delete(watch.fd);
      return;
    }
    if (before !== 0) {
      this.modify(watch, events);
      return;
    }
    this.selector.register(watch.file, events, watch);
    this.registered++;
    watch.events = events;
    if (!watch.stays) this.watches.set(watch.fd, watch);
    // The loop sleeps, and until now there was nothing to watch.
    if (this.turn !== null && this.registered === 1) this.watchSelector();
  }

  /** Ends everything about a descriptor: before it is closed. Internal. */
  drop(watch: Watch): void {
    watch.cancelHandles();
    this.ask(watch, 0);
    this.watches.delete(watch.fd);
  }

  // ---- Private --------------------------------------------------------------------------------------------------------------------

  private readonly dispatch = (key: SelectorKey, events: number): void => {
    const watch = key.data;
    if (!(watch instanceof Watch)) return; // someone else's key in a selector that was given to us
    if (!watch.dispatch(events, this.ready!)) this.ask(watch, watch.wanted());
  };

  private modify(watch: Watch, events: number): void {
    try {
      this.selector.modify(watch.fd, events, watch);
      watch.events = events;
    } catch (error) {
      // The selector has unregistered the descriptor: it is closed, or no longer the one that was registered.
      watch.events = 0;
      this.registered--;
      if (!watch.stays) {
        watch.cancelHandles();
        this.watches.delete(watch.fd);
      }
      throw error;
    }
  }

  private watchFor(file: FileDescriptorLike, events: number): Watch {
    this.checkOpen();
    return this.find(file, events) ?? new Watch(fileDescriptor(file), file);
  }

  /** The watch of a descriptor; of an object that was closed meanwhile, by identity. */
  private find(file: FileDescriptorLike, events: number): Watch | undefined {
    const watch = this.watches.get(this.descriptorOf(file));
    if (watch?.refuses(events) === true) {
      throw new RuntimeError(`descriptor ${watch.fd} is used by a transport`);
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

  private watchSelector(): void {
    this.poller ??= new DescriptorPoll(this.selector.fileno!());
    this.poller.arm(this.turn!);
  }

  private checkOpen(): void {
    if (this.closed) throw new RuntimeError('Event loop is closed');
  }
}

/** A subclass that overrides `select` must be asked by it. */
function harvesterOf(selector: Selector): Harvester | null {
  if (!(selector instanceof EpollSelector)) return null;
  return Reflect.get(selector, 'select') === Reflect.get(EpollSelector.prototype, 'select') ? selector : null;
}

import {
  checkPort,
  type Handle,
  type HandleOwner,
  NotImplementedError,
  type OSError,
  type ReadySink,
  RuntimeError,
} from '@tsyncio/core';
import {
  type AcceptIo,
  type Acceptor,
  type Address,
  type AddressLike,
  ChildExit,
  type ChildStatus,
  connectByWatching,
  type ConnectIo,
  type ConnectLoop,
  type DatagramChannel,
  type DatagramIo,
  type DatagramSink,
  type ExitWatch,
  fileDescriptor,
  type FileDescriptorLike,
  ListenerAcceptor,
  type OwnedDescriptor,
  type PipeIo,
  type ProcessIo,
  type Socket,
  type StreamChannel,
  type StreamIo,
  type StreamSink,
  type WatchIo,
} from '@tsyncio/socket';
import { BlockPool, DescriptorPoll, systemError, type SystemCalls, systemCalls } from '@tsyncio/socket/native';

import { BaseSelector } from './base-selector.js';
import { DefaultSelector } from './default-selector.js';
import { EpollSelector } from './epoll-selector.js';
import { KqueueSelector } from './kqueue-selector.js';
import { type LoopMirror, Mirror, NestedMirror } from './mirror.js';
import { EVENT_READ, EVENT_WRITE, type Selector, type SelectorKey } from './selector.js';
import { SelectorDatagramChannel } from './datagram-channel.js';
import { SelectorPipeReader, SelectorPipeWriter } from './pipe-channel.js';
import { SelectorChannel } from './selector-channel.js';
import { SocketMirror } from './socket-mirror.js';
import { SelectorStreamChannel } from './stream-channel.js';
import { Watch } from './watch.js';

/** A selector that can hand out events without making a list of them. */
interface Harvester {
  harvest(timeout: number | null, visit: (key: SelectorKey, events: number) => void): void;
}

/** How a loop waits: an armed one calls back when the selector should be asked. */
interface Sleeper {
  arm(turn: () => void): void;
  disarm(): void;
  close(): void;
}

/**
 * The readiness backend of a loop: any {@link Selector}, and Node's loop to sleep in. asyncio: the I/O half of `BaseSelectorEventLoop`.
 *
 * Every iteration asks the selector, without blocking, what is ready, and puts the handles of those descriptors on the ready queue.
 * While the loop sleeps, libuv watches one descriptor, however many are registered: the selector's own (an epoll descriptor is itself
 * pollable), or, if it has none, that of a private {@link Mirror}. On Windows it watches each socket.
 *
 * @example
 * const loop = new TaskLoop({ backend: new SelectorIo() });
 */
export class SelectorIo implements StreamIo, PipeIo, DatagramIo, AcceptIo, ConnectIo, WatchIo, ProcessIo {
  /** The selector that finds out what is ready. Its keys belong to the backend. */
  get selector(): Selector {
    this.settleAll();
    return this.asked;
  }
  private readonly asked: Selector;
  /** Internal: the system calls of this thread; loads the native code at the first stream. */
  get calls(): SystemCalls {
    return (this.systemCalls ??= systemCalls());
  }
  private systemCalls: SystemCalls | null = null;
  /** See `PipeIo`: nothing that selects on Windows takes a pipe. */
  get noPipes(): string | undefined {
    return process.platform === 'win32' ? 'a selector of Windows has no pipes' : undefined;
  }
  /** Internal: memory for small and for large messages. */
  readonly blocks = new BlockPool(64 * 1024, 16 * 1024);
  readonly largeBlocks = new BlockPool(256 * 1024, 64 * 1024);

  private readonly watches = new Map<number, Watch>();
  private readonly harvester: Harvester | null;
  /** Where the selector has no descriptor of ours to sleep on. */
  private readonly mirror: LoopMirror | null;
  private registered = 0;
  /** Those of the registered ones that nobody waits for: see {@link parkReader}. */
  private parked = 0;
  private ready: ReadySink | null = null;
  /** What wakes the loop. */
  private sleeper: Sleeper | null;
  /** What an armed watch calls; null while the loop is awake. */
  private turn: (() => void) | null = null;
  private closed = false;

  /**
   * @param selector - Default: a {@link DefaultSelector}. The backend owns it and closes it.
   * @throws TypeError if it is no selector. RuntimeError if another backend has it.
   */
  constructor(selector: Selector = new DefaultSelector()) {
    checkPort('selector', selector, SELECTOR_METHODS);
    if (taken.has(selector)) throw new RuntimeError('this selector already serves another loop');
    taken.add(selector);
    this.asked = selector;
    this.harvester = harvesterOf(selector);
    this.mirror = mirrorOf(selector);
    this.sleeper = this.mirror;
    this.visit = this.mirror === null ? this.dispatch : this.confirm;
  }

  // ---- IoBackend --------------------------------------------------------------------------------------------------------------

  attach(sink: ReadySink): void {
    if (this.ready !== null) throw new RuntimeError('this backend already serves another loop');
    this.ready = sink;
  }

  get active(): boolean {
    return this.registered > this.parked;
  }

  poll(timeout: number): void {
    if (this.closed) return;
    if (this.harvester !== null) this.harvester.harvest(timeout, this.visit);
    else for (const [key, events] of this.asked.select(timeout)) this.visit(key, events);
  }

  arm(turn: () => void): void {
    if (!this.active) this.settleAll();
    this.turn = turn;
    if (this.registered > 0) this.sleep();
  }

  disarm(): void {
    this.turn = null;
    this.sleeper?.disarm();
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
    this.parked = 0;
    // Before the selector's descriptor, otherwise libuv aborts the process.
    this.sleeper?.close();
    this.asked.close();
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

  /**
   * The registration stays with the selector: whoever receives in a loop waits again soon, and saves two system calls a message. It ends when the
   * socket is closed, when the selector reports it twice with nobody waiting, or when the descriptor is named by anything but this socket. Only
   * with a selector of ours that the loop sleeps on itself: any other sees asyncio's calls.
   */
  parkReader(socket: Socket): boolean {
    if (this.harvester === null || this.mirror !== null) return this.removeReader(socket);
    const watch = this.find(socket, EVENT_READ);
    const handle = watch?.reader ?? null;
    if (handle === null) return false;
    watch!.reader = null;
    handle.cancel();
    if (watch!.file !== socket) {
      this.settle(watch!);
    } else {
      watch!.keepFor(socket, this);
      if (watch!.parked) this.parked++;
    }
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

  // ---- StreamIo, PipeIo, DatagramIo, AcceptIo, ConnectIo --------------------------------------------------------------------------------------------

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.prepare(socket);
    return this.opened(new SelectorStreamChannel(this, socket, sink, loop));
  }

  openDatagram(socket: Socket, sink: DatagramSink, loop: HandleOwner): DatagramChannel {
    this.prepare(socket);
    return this.opened(new SelectorDatagramChannel(this, socket, sink, loop));
  }

  openPipe(pipe: OwnedDescriptor, end: 'read' | 'write', sink: StreamSink, loop: HandleOwner): StreamChannel {
    if (this.noPipes !== undefined) throw new NotImplementedError(this.noPipes);
    this.checkOpen();
    const fd = fileDescriptor(pipe);
    this.checkUnused(fd);
    const failed = this.calls.setNonblocking(fd, true);
    if (failed < 0) throw systemError(failed, 'fcntl');
    return this.opened(new (end === 'read' ? SelectorPipeReader : SelectorPipeWriter)(this, pipe, sink, loop));
  }

  /** Checks and prepares a socket that a channel is to take over. */
  private prepare(socket: Socket): void {
    this.checkOpen();
    this.checkUnused(socket.fileno());
    socket.setblocking(false); // throws for a closed socket
  }

  private checkUnused(fd: number): void {
    if (fd >= 0 && this.watches.get(fd) instanceof SelectorChannel) {
      throw new RuntimeError(`descriptor ${fd} is used by a transport already`);
    }
  }

  private opened<C extends SelectorChannel>(channel: C): C {
    const old = this.watches.get(channel.fd);
    // A reader or writer of the user's gives way, as in asyncio, where the transport's replaces it.
    if (old !== undefined) this.drop(old);
    this.watches.set(channel.fd, channel);
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
    return connectByWatching(this, loop, socket, address);
  }

  // ---- ProcessIo --------------------------------------------------------------------------------------------------------------

  watchExit(pid: number, onExit: (status: ChildStatus) => unknown, loop: HandleOwner): ExitWatch {
    this.checkOpen();
    return new ChildExit(this, pid, onExit, loop);
  }

  // ---- For the channels ---------------------------------------------------------------------------------------------------------

  /**
   * Changes what the selector is asked about a descriptor. Internal.
   *
   * @throws OSError if the kernel refuses; the descriptor is not registered then.
   */
  ask(watch: Watch, events: number): void {
    const before = watch.events;
    if (this.closed) return;
    if (watch.parked) {
      watch.parked = false;
      this.parked--;
    }
    if (events === before) {
      // The number may stand for another file by now: select and poll do not mind.
      if (events !== 0) this.reflect(watch.fd, events);
      return;
    }
    if (events === 0) {
      watch.events = 0;
      this.registered--;
      if (!watch.stays) this.watches.delete(watch.fd);
      this.mirror?.forget(watch.fd);
      this.asked.unregister(watch.fd);
      return;
    }
    if (before !== 0) {
      this.modify(watch, events);
      return;
    }
    this.mirror?.open(); // what it may throw must come before anything is registered
    this.asked.register(watch.file, events, watch);
    this.registered++;
    watch.events = events;
    if (!watch.stays) this.watches.set(watch.fd, watch);
    if (this.mirror !== null) this.reflect(watch.fd, events);
    // The loop sleeps, and until now there was nothing to watch.
    else if (this.turn !== null && this.registered === 1) this.sleep();
  }

  /** Asks for nothing but what someone waits for. Internal. */
  settle(watch: Watch): void {
    const wanted = watch.wanted();
    if (watch.events !== wanted) this.ask(watch, wanted);
  }

  /** Puts the handle of a channel on the ready queue. Internal. */
  addReady(handle: Handle): void {
    this.ready!.addReady(handle);
  }

  /** Ends everything about a descriptor: before it is closed. Internal. */
  drop(watch: Watch): void {
    watch.cancelHandles();
    this.ask(watch, 0);
    this.watches.delete(watch.fd);
  }

  // ---- Private --------------------------------------------------------------------------------------------------------------------

  /** How {@link poll} takes what the selector reports. */
  private readonly visit: (key: SelectorKey, events: number) => void;

  private readonly dispatch = (key: SelectorKey, events: number): void => {
    const watch = key.data;
    if (!(watch instanceof Watch)) return; // someone else's key in a selector that was given to us
    if (!watch.dispatch(events, this.ready!)) this.ask(watch, watch.wanted());
  };

  private readonly confirm = (key: SelectorKey, events: number): void => {
    this.mirror!.confirm();
    this.dispatch(key, events);
  };

  private modify(watch: Watch, events: number): void {
    try {
      this.asked.modify(watch.fd, events, watch);
      watch.events = events;
      this.reflect(watch.fd, events);
    } catch (error) {
      // The selector has unregistered the descriptor: it is closed, or no longer the one that was registered.
      watch.events = 0;
      this.registered--;
      this.mirror?.forget(watch.fd);
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
    const fd = this.descriptorOf(file);
    let watch = this.watches.get(fd);
    if (watch !== undefined && watch.file !== file && watch.asksTooMuch()) {
      this.settle(watch);
      watch = this.watches.get(fd);
    }
    if (watch?.refuses(events) === true) {
      throw new RuntimeError(`descriptor ${watch.fd} is used by a transport`);
    }
    if (watch !== undefined && watch.file !== file && typeof file !== 'number' && isGone(watch)) {
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

  /** Nothing is parked any more. */
  private settleAll(): void {
    if (this.closed) return;
    for (const watch of this.watches.values()) if (watch.asksTooMuch()) this.settle(watch);
  }

  /** Shows the mirror an interest, if there is a mirror; a sleeping loop then sleeps again, over the new one. */
  private reflect(fd: number, events: number): void {
    if (this.mirror === null) return;
    this.mirror.want(fd, events);
    this.turn?.();
  }

  private sleep(): void {
    this.sleeper ??= new DescriptorPoll(this.asked.fileno!());
    this.sleeper.arm(this.turn!);
  }

  private checkOpen(): void {
    if (this.closed) throw new RuntimeError('Event loop is closed');
  }
}

/** The selectors of all backends: two of them watching one descriptor would bring libuv down. */
const taken = new WeakSet<Selector>();

const SELECTOR_METHODS = ['register', 'unregister', 'modify', 'select', 'close'] as const;

/** How a loop sleeps on a selector; null: on the selector's own descriptor, if that is ours. */
function mirrorOf(selector: Selector): LoopMirror | null {
  if (process.platform === 'win32') return new SocketMirror();
  if (typeof selector.fileno !== 'function') return new Mirror();
  const fileno: unknown = Reflect.get(selector, 'fileno');
  const ours = [EpollSelector, KqueueSelector].some(({ prototype }) => Reflect.get(prototype, 'fileno') === fileno);
  return ours ? null : new NestedMirror(selector as Selector & { fileno(): number });
}

/** A subclass that overrides `select` must be asked by it. */
function harvesterOf(selector: Selector): Harvester | null {
  if (!(selector instanceof BaseSelector)) return null;
  return Reflect.get(selector, 'select') === Reflect.get(BaseSelector.prototype, 'select') ? selector : null;
}

/**
 * True if the object that was watched has been closed, and its number is another one's now. The kernel forgot it when it was closed: what is
 * asked about the new one must not be taken for known. (In asyncio it is, and the new one is never reported.)
 */
function isGone(watch: Watch): boolean {
  if (watch.stays || typeof watch.file === 'number') return false;
  try {
    return fileDescriptor(watch.file) !== watch.fd;
  } catch {
    return true;
  }
}

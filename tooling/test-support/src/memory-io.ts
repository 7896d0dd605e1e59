/**
 * An I/O backend without a kernel, for tests: the ports of `@tsyncio/socket` in memory, with faults on request.
 *
 * @packageDocumentation
 */
import { readSync } from 'node:fs';

import { Handle, type HandleOwner, isOSError, isStep, type OSError, type ReadySink, RuntimeError } from '@tsyncio/core';
import {
  type AcceptIo,
  type Acceptor,
  type Address,
  type AddressLike,
  type Channel,
  type ConnectIo,
  type ConnectLoop,
  SHUT_WR,
  type Socket,
  type StreamChannel,
  type StreamIo,
  type StreamSink,
} from '@tsyncio/socket';

import { MemoryEnd, memoryError, memoryPair, MemorySocket } from './memory-socket.js';

export { MemoryEnd, memoryPair, MemorySocket };

/** What one receive gets at most. */
const RECEIVE_MAX = 64 * 1024;

/** Something that a poll asks whether it is ready. */
interface Pollable {
  /** Counts a poll, and puts a handle on the ready queue if there is reason to. */
  poll(ready: ReadySink): void;
  /** True while it waits for something, be it only for time to pass. */
  readonly waits: boolean;
  /** True if the next polls will find something although nothing changes. */
  readonly due: boolean;
  close(): void;
}

/** A listener, and who has connected and was not accepted yet. */
class Listening {
  readonly queue: MemorySocket[] = [];
  /** Codes of errors that the next accepts fail with. */
  readonly failures: string[] = [];
}

/**
 * The backend. Sockets that a test passes in are {@link MemorySocket}s. Those that `createServer` and `createConnection` make have a
 * descriptor, which is used for its names only: no byte goes through it.
 *
 * @example
 * const loop = new TaskLoop({ backend: new MemoryIo() });
 * const [ours, peer] = memoryPair();
 */
export class MemoryIo implements StreamIo, AcceptIo, ConnectIo {
  private readonly pollables = new Set<Pollable>();
  private readonly channels = new Map<Socket, StreamChannel>();
  private readonly ends = new WeakMap<Socket, MemoryEnd>();
  private readonly listeners = new Map<string, { socket: Socket; listening: Listening }>();
  private ready: ReadySink | null = null;
  private turn: (() => void) | null = null;
  private alarm: NodeJS.Immediate | null = null;
  private closed = false;

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
    for (const { listening } of this.listeners.values()) for (const socket of listening.queue) socket.close();
  }

  // ---- Ports ------------------------------------------------------------------------------------------------------------------

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    if (this.closed) throw new RuntimeError('Event loop is closed');
    if (socket.closed) throw memoryError('EBADF', 'fcntl');
    if (this.channels.has(socket))
      throw new RuntimeError(`descriptor ${socket.fileno()} is used by a transport already`);
    const end = socket instanceof MemorySocket ? socket.end : this.ends.get(socket);
    if (end === undefined) throw memoryError('ENOTCONN', 'getpeername');
    const gone = (): void => {
      this.pollables.delete(channel);
      this.channels.delete(socket);
      if (!(socket instanceof MemorySocket)) end.close();
    };
    const channel = new MemoryChannel(socket, end, sink, loop, this.wake, gone);
    this.pollables.add(channel);
    this.channels.set(socket, channel);
    return channel;
  }

  startAccepting(
    listener: Socket,
    backlog: number,
    onAccept: (socket: Socket, peer: Address) => void,
    onError: (error: OSError) => void,
    loop: HandleOwner,
  ): Acceptor {
    if (listener.closed) throw memoryError('EBADF', 'accept');
    const key = JSON.stringify(listener.getsockname());
    const known = this.listeners.get(key);
    const listening = known?.socket === listener ? known.listening : new Listening();
    this.listeners.set(key, { socket: listener, listening });
    const gone = (): void => void this.pollables.delete(acceptor);
    const acceptor = new MemoryAcceptor(listener, listening, backlog, onAccept, onError, loop, gone);
    this.pollables.add(acceptor);
    return acceptor;
  }

  *connect(_loop: ConnectLoop, socket: Socket, address: AddressLike): Generator<unknown, void, unknown> {
    yield; // as long as a connection takes
    this.ends.set(socket, this.request(address as Address, socket.getsockname()));
  }

  // ---- For the test -----------------------------------------------------------------------------------------------------------

  /** A client to be used by hand: connected before it returns, whether or not anybody has accepted it. Throws OSError (`ECONNREFUSED`). */
  dial(address: Address): MemorySocket {
    return new MemorySocket(this.request(address, ''), ['', address]);
  }

  /** The next accept on this address fails with an error of this code. */
  failAccept(address: Address, code: string): void {
    this.find(address).failures.push(code);
    this.wake();
  }

  private request(address: Address, from: Address): MemoryEnd {
    const listening = this.find(address);
    const [client, server] = MemoryEnd.pair();
    listening.queue.push(new MemorySocket(server, [address, from]));
    this.wake();
    return client;
  }

  private find(address: Address): Listening {
    const found = this.listeners.get(JSON.stringify(address));
    if (found === undefined || found.socket.closed) throw memoryError('ECONNREFUSED', 'connect');
    return found.listening;
  }
}

/** A stream on an end; one receive for each poll, reading before writing, as with a selector. */
class MemoryChannel implements StreamChannel, Channel, Pollable {
  readonly unsent = 0;
  private readonly handle: Handle;
  private reading = false;
  private writing = false;
  private readDue = false;
  private writeDue = false;
  private queued = false;
  private isOpen = true;

  constructor(
    private readonly socket: Socket,
    private readonly end: MemoryEnd,
    private readonly sink: StreamSink,
    loop: HandleOwner,
    private readonly changed: () => void,
    private readonly gone: () => void,
  ) {
    this.handle = new Handle(() => this.run(), [], loop);
    end.observers.add(changed);
  }

  get fd(): number {
    return this.isOpen ? this.socket.fileno() : -1;
  }

  get waits(): boolean {
    return this.reading || this.writing;
  }

  get due(): boolean {
    return (this.reading && this.end.readable) || (this.writing && this.end.writable);
  }

  startReading(): void {
    if (!this.isOpen) return;
    this.reading = true;
    this.changed();
  }

  stopReading(): void {
    this.reading = this.readDue = false;
  }

  watchWritable(): void {
    if (!this.isOpen) return;
    this.writing = true;
    this.changed();
  }

  unwatchWritable(): void {
    this.writing = this.writeDue = false;
  }

  write(data: Uint8Array): number {
    return this.end.transmit(data) ?? 0;
  }

  writev(chunks: readonly Uint8Array[]): number {
    let total = 0;
    for (const chunk of chunks) {
      const n = this.write(chunk);
      total += n;
      if (n < chunk.length) break;
    }
    return total;
  }

  sendFile(file: number, offset: number, length: number): number | null {
    if (!this.end.writable) return null;
    const data = Buffer.alloc(Math.min(length, RECEIVE_MAX));
    return this.end.transmit(data.subarray(0, readSync(file, data, 0, data.length, offset)));
  }

  shutdownWrite(): void {
    this.end.shutdown(SHUT_WR);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.stopReading();
    this.unwatchWritable();
    this.handle.cancel();
    this.end.observers.delete(this.changed);
    this.gone();
    this.socket.close();
  }

  poll(ready: ReadySink): void {
    if (!this.waits) return;
    if (this.end.delay > 0) {
      this.end.delay--;
      return;
    }
    this.readDue = this.reading && this.end.readable;
    this.writeDue = this.writing && this.end.writable;
    if ((!this.readDue && !this.writeDue) || this.queued) return;
    this.queued = true;
    ready.addReady(this.handle);
  }

  private run(): unknown {
    this.queued = false;
    if (this.readDue) {
      this.readDue = false;
      const step = this.receive();
      if (isStep(step)) {
        this.writeDue = false;
        return step;
      }
    }
    if (!this.writeDue) return undefined;
    this.writeDue = false;
    return this.sink.onWritable();
  }

  private receive(): unknown {
    const { sink } = this;
    const buffered = sink.buffered;
    const memory = buffered ? sink.getBuffer(-1) : Buffer.alloc(RECEIVE_MAX);
    if (memory === null || !this.isOpen) return undefined;
    let n: number | null;
    try {
      n = this.end.receive(memory);
    } catch (error) {
      this.stopReading();
      this.unwatchWritable();
      if (!isOSError(error)) throw error;
      return sink.onError(error);
    }
    if (n === null) return undefined; // someone else was faster
    if (n > 0) return buffered ? sink.onBuffer(n) : sink.onData(Buffer.from(memory.subarray(0, n)));
    this.stopReading();
    return sink.onEof();
  }
}

class MemoryAcceptor implements Acceptor, Pollable {
  private readonly handle: Handle;

  constructor(
    private readonly listener: Socket,
    private readonly listening: Listening,
    private readonly backlog: number,
    private readonly onAccept: (socket: Socket, peer: Address) => void,
    private readonly onError: (error: OSError) => void,
    loop: HandleOwner,
    private readonly gone: () => void,
  ) {
    this.handle = new Handle(() => this.accept(), [], loop);
  }

  get waits(): boolean {
    return !this.handle.cancelled();
  }

  get due(): boolean {
    return this.listening.queue.length > 0 || this.listening.failures.length > 0;
  }

  poll(ready: ReadySink): void {
    if (this.due) ready.addReady(this.handle);
  }

  stop(): void {
    this.handle.cancel();
    this.gone();
  }

  close(): void {
    this.stop();
  }

  private accept(): void {
    const { queue, failures } = this.listening;
    for (let i = Math.max(this.backlog, 1); i > 0 && this.waits; i--) {
      const failure = this.listener.closed ? 'EBADF' : failures.shift();
      if (failure !== undefined) {
        this.stop();
        this.onError(memoryError(failure, 'accept'));
        return;
      }
      const socket = queue.shift();
      if (socket === undefined) return;
      this.onAccept(socket, socket.getpeername());
    }
  }
}

import { readSync } from 'node:fs';

import { Handle, type HandleOwner, isOSError, isStep, type OSError, osError, type ReadySink } from '@tsyncio/core';
import {
  type Acceptor,
  type Address,
  type AddressLike,
  type Channel,
  type DatagramChannel,
  type DatagramSink,
  type OwnedDescriptor,
  SHUT_WR,
  type Socket,
  type StreamChannel,
  type StreamSink,
} from '@tsyncio/socket';
import { systemCalls } from '@tsyncio/socket/native';

import type { MemoryEnd } from './end.js';
import type { Mailbox } from './mailbox.js';
import type { Listening } from './network.js';
import { memoryError, type Source } from './source.js';

/** What one receive gets at most: less than can be on its way, so that a test sees several. */
const RECEIVE_MAX = 48 * 1024;
const scratch = Buffer.alloc(RECEIVE_MAX);

/** Something that a poll asks whether it is ready. */
export interface Pollable {
  /** Puts a handle on the ready queue if there is reason to. */
  poll(ready: ReadySink): void;
  /** True while it waits for something, be it only for time to pass. */
  readonly waits: boolean;
  /** True if the next polls will find something although nothing changes. */
  readonly due: boolean;
  close(): void;
}

/** The end of a channel or an acceptor, for the backend that has it. */
type Gone = () => void;

/** What streams and datagrams share: one receive for each poll, reading before writing, as with a selector. */
abstract class MemoryChannel implements Channel, Pollable {
  private readonly handle: Handle;
  private readonly unobserve: () => void;
  private reading = false;
  private writing = false;
  private readDue = false;
  private writeDue = false;
  private queued = false;
  protected isOpen = true;

  constructor(
    readonly file: OwnedDescriptor,
    private readonly source: Source,
    private readonly owner: { isClosing(): boolean; onWritable(): unknown },
    loop: HandleOwner,
    private readonly changed: () => void,
    private readonly gone: Gone,
  ) {
    this.handle = new Handle(() => this.run(), [], loop);
    this.unobserve = source.observe(changed);
  }

  get fd(): number {
    return this.isOpen ? this.file.fileno() : -1;
  }

  get waits(): boolean {
    return this.reading || this.writing;
  }

  get due(): boolean {
    return (this.reading && this.source.readable) || (this.writing && this.source.writable);
  }

  /** User code may not watch the descriptor. */
  get refuses(): boolean {
    return this.isOpen && !this.owner.isClosing();
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

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.stopReading();
    this.unwatchWritable();
    this.handle.cancel();
    this.unobserve();
    this.gone();
    this.file.close();
  }

  poll(ready: ReadySink): void {
    if (!this.waits || this.source.isDelayed()) return;
    this.readDue = this.reading && this.source.readable;
    this.writeDue = this.writing && this.source.writable;
    if ((!this.readDue && !this.writeDue) || this.queued) return;
    this.queued = true;
    ready.addReady(this.handle);
  }

  protected abstract receive(): unknown;

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
    return this.owner.onWritable();
  }
}

/** The calls that a stream is read and written with, for its errors. */
const SOCKET_CALLS = { read: 'recv', write: 'send' };
const PIPE_CALLS = { read: 'read', write: 'write' };

export class MemoryStreamChannel extends MemoryChannel implements StreamChannel {
  readonly unsent = 0;
  protected readonly calls: Readonly<typeof SOCKET_CALLS> = SOCKET_CALLS;

  constructor(
    file: OwnedDescriptor,
    private readonly end: MemoryEnd,
    protected readonly sink: StreamSink,
    loop: HandleOwner,
    changed: () => void,
    gone: Gone,
  ) {
    super(file, end, sink, loop, changed, gone);
  }

  write(data: Uint8Array): number {
    return this.end.transmit(data, this.calls.write) ?? 0;
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
    const data = scratch.subarray(0, length);
    let n: number;
    try {
      n = readSync(file, data, 0, data.length, offset);
    } catch (error) {
      const { code, errno, syscall } = error as NodeJS.ErrnoException;
      throw osError({ code, errno, syscall });
    }
    return this.end.transmit(data.subarray(0, n));
  }

  shutdownWrite(): void {
    this.end.shutdown(SHUT_WR);
  }

  protected override receive(): unknown {
    const { sink } = this;
    const buffered = sink.buffered;
    const memory = buffered ? sink.getBuffer(-1) : scratch;
    if (memory === null || !this.isOpen) return undefined;
    let n: number | null;
    try {
      n = this.end.receive(memory, this.calls.read);
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

export class MemoryPipeReader extends MemoryStreamChannel {
  protected override readonly calls = PIPE_CALLS;
}

/** The end that is written: nothing is ever read, the reader going away makes it readable. */
export class MemoryPipeWriter extends MemoryPipeReader {
  protected override receive(): unknown {
    this.stopReading();
    return this.sink.onEof();
  }
}

export class MemoryDatagramChannel extends MemoryChannel implements DatagramChannel {
  /** What the encoded addresses stand for. */
  private readonly encoded = new WeakMap<Uint8Array, AddressLike>();

  constructor(
    private readonly socket: Socket,
    private readonly mailbox: Mailbox,
    private readonly sink: DatagramSink,
    loop: HandleOwner,
    changed: () => void,
    gone: Gone,
  ) {
    super(socket, mailbox, sink, loop, changed, gone);
  }

  encode(address: AddressLike): Uint8Array {
    const bytes = systemCalls().encodeAddress(this.socket.family, address);
    this.encoded.set(bytes, address);
    return bytes;
  }

  send(data: Uint8Array, address: Uint8Array | null): boolean {
    return this.mailbox.transmit(data, address === null ? null : this.encoded.get(address)!);
  }

  protected override receive(): unknown {
    let datagram: ReturnType<Mailbox['receive']>;
    try {
      datagram = this.mailbox.receive();
    } catch (error) {
      if (!isOSError(error)) throw error;
      return this.sink.onError(error);
    }
    return datagram === null ? undefined : this.sink.onDatagram(datagram.data, datagram.from);
  }
}

export class MemoryAcceptor implements Acceptor, Pollable {
  private readonly handle: Handle;
  private readonly unobserve: () => void;

  constructor(
    private readonly listener: Socket,
    private readonly listening: Listening,
    private readonly backlog: number,
    private readonly onAccept: (socket: Socket, peer: Address) => void,
    private readonly onError: (error: OSError) => void,
    loop: HandleOwner,
    changed: () => void,
    private readonly gone: Gone,
  ) {
    this.handle = new Handle(() => this.accept(), [], loop);
    this.unobserve = listening.observe(changed);
  }

  get waits(): boolean {
    return !this.handle.cancelled();
  }

  get due(): boolean {
    return this.listening.readable;
  }

  poll(ready: ReadySink): void {
    if (this.due && !this.listening.isDelayed()) ready.addReady(this.handle);
  }

  stop(): void {
    this.handle.cancel();
    this.unobserve();
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

/** What user code watches of a simulated descriptor. */
export class MemoryWatch implements Pollable {
  reader: Handle | null = null;
  writer: Handle | null = null;
  private readonly unobserve: () => void;

  constructor(
    readonly file: { fileno(): number },
    private readonly source: Source,
    changed: () => void,
  ) {
    this.unobserve = source.observe(changed);
  }

  get waits(): boolean {
    return this.reader !== null || this.writer !== null;
  }

  get due(): boolean {
    return (this.reader !== null && this.source.readable) || (this.writer !== null && this.source.writable);
  }

  poll(ready: ReadySink): void {
    // What is closed is never reported again.
    if (this.file.fileno() < 0 || this.source.isDelayed()) return;
    if (this.reader !== null && this.source.readable) this.reader = queue(this.reader, ready);
    if (this.writer !== null && this.source.writable) this.writer = queue(this.writer, ready);
  }

  close(): void {
    this.reader?.cancel();
    this.writer?.cancel();
    this.reader = this.writer = null;
    this.unobserve();
  }
}

/** @returns the handle, or null for one that was cancelled by other means. */
function queue(handle: Handle, ready: ReadySink): Handle | null {
  if (handle.cancelled()) return null;
  ready.addReady(handle);
  return handle;
}

import { types } from 'node:util';

import { brand, getEventLoop, hasBrand, repr, RuntimeError, ValueError } from '@tsyncio/core';
import { failedOperation, type AnyScheduler, type Operation } from '@tsyncio/futures-tasks';

import { ByteQueue } from './byte-queue.js';
import { NextLine, ReadAll, ReadExactly, ReadLine, ReadSome, ReadUntil, type Read, type ReadSource } from './reads.js';
import { type Separator, Separators } from './separators.js';

/** Bytes: how long a line may be, and half of how much a reader holds before it pauses its transport. */
export const DEFAULT_LIMIT = 64 * 1024;

const NEWLINE = Separators.of(Buffer.from('\n'));

/** How to make a {@link StreamReader}. */
export interface StreamReaderOptions {
  /** In bytes: how long a line may be, and half of what is buffered before the transport is paused. Default 65,536. */
  readonly limit?: number | undefined;
  /** The loop in which its reads wait; default `getEventLoop()`. */
  readonly loop?: AnyScheduler | undefined;
}

/** What a reader asks of its transport. */
export interface PausableTransport {
  pauseReading(): void;
  resumeReading(): void;
}

/**
 * The receiving half of a stream: bytes are read from it by size, by line or by separator. asyncio: `asyncio.StreamReader`.
 *
 * Users get it from `openConnection`, `startServer` and a `Process`. Authors of protocols make one and feed it. One read can wait at a
 * time. With more than twice its limit in the buffer it pauses the transport, until somebody reads.
 *
 * @example
 * const header = await reader.readline();
 * const body = await reader.readexactly(length);
 * for await (const line of reader) show(line.toString());
 */
export class StreamReader implements AsyncIterable<Buffer, undefined> {
  static {
    brand(this.prototype, 'StreamReader');
  }
  /** In bytes: see {@link StreamReaderOptions.limit}. */
  readonly limit: number;
  private readonly source: Source;

  /** @throws ValueError unless the limit is above 0; TypeError if it is no number. RuntimeError without a loop. */
  constructor(options: StreamReaderOptions = {}) {
    const { limit = DEFAULT_LIMIT, loop = getEventLoop() as AnyScheduler } = options;
    if (typeof limit !== 'number') throw new TypeError(`limit must be a number of bytes, got ${repr(limit)}`);
    if (!(limit > 0)) throw new ValueError('Limit cannot be <= 0');
    this.limit = limit;
    this.source = new Source(loop, limit);
  }

  // ---- Reading --------------------------------------------------------------------------------------------------------------

  /**
   * Waits until there is something, and gives what there is. asyncio: `read`.
   *
   * @param n - At most so many bytes; 0 gives none at once. Left out or negative: everything up to the end of the stream, whatever the
   *   limit says.
   * @returns Bytes that belong to the caller; none at the end of the stream.
   * @throws Through the operation: what ended the connection; RuntimeError if it had to wait while another read does; TypeError for what
   *   is no integer; CancelledError, and then what `read()` had collected is lost.
   */
  read(n = -1): Operation<Buffer> {
    if (!Number.isInteger(n)) return this.refuse(new TypeError(`read: n must be an integer, got ${repr(n)}`));
    return n < 0 ? new ReadAll(this.source).launch() : new ReadSome(this.source, n).launch();
  }

  /**
   * Reads a line, with its `\n`. asyncio: `readline`.
   *
   * @returns At the end of the stream what is left, without a `\n`; then no bytes.
   * @throws Through the operation: ValueError for a line with more bytes than the limit; it is dropped then, or all that has come of it.
   *   What ended the connection; RuntimeError as {@link read}; CancelledError, and then nothing was taken.
   */
  readline(): Operation<Buffer> {
    return new ReadLine(this.source, NEWLINE).launch();
  }

  /**
   * Reads up to a separator, which is part of the result. asyncio: `readuntil`.
   *
   * @param separator - Default `\n`. Of several the one that ends first counts, as since Python 3.13.
   * @throws Through the operation: IncompleteReadError if the stream ends before; its `partial` has what came. LimitOverrunError if more than
   *   `limit` bytes come before the separator; they stay. ValueError for an empty separator, or none; TypeError for what is no bytes.
   *   What ended the connection; RuntimeError as {@link read}; CancelledError, and then nothing was taken.
   *
   * @example
   * const head = await reader.readuntil(Buffer.from('\r\n\r\n'));
   */
  readuntil(separator?: Separator): Operation<Buffer> {
    let separators = NEWLINE;
    try {
      if (separator !== undefined) separators = Separators.of(separator);
    } catch (error) {
      return this.refuse(error);
    }
    return new ReadUntil(this.source, separators).launch();
  }

  /**
   * Reads exactly `n` bytes, also more than the limit. asyncio: `readexactly`.
   *
   * @throws Through the operation: IncompleteReadError if the stream ends before; its `partial` has what came. ValueError for a negative `n`,
   *   TypeError for what is no integer. What ended the connection; RuntimeError as {@link read}; CancelledError, and then nothing was
   *   taken.
   */
  readexactly(n: number): Operation<Buffer> {
    if (!Number.isInteger(n)) return this.refuse(new TypeError(`readexactly: n must be an integer, got ${repr(n)}`));
    if (n < 0) return this.refuse(new ValueError('readexactly size can not be less than zero'));
    return new ReadExactly(this.source, n).launch();
  }

  /** The lines, each as {@link readline} gives it, up to the end of the stream. Leaving the loop leaves the rest in the reader. */
  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    const { source } = this;
    return { next: () => new NextLine(source, NEWLINE).launch() };
  }

  /** Whether the end of the stream was reached: it has ended and nothing is buffered. asyncio: `at_eof`. */
  atEof(): boolean {
    return this.source.ended && this.source.buffer.size === 0;
  }

  /** What has ended the connection, or null. asyncio: `exception`. */
  exception(): unknown {
    return this.source.exception();
  }

  // ---- For protocols ----------------------------------------------------------------------------------------------------------

  /**
   * Something was received. asyncio: `feed_data`.
   *
   * @param data - Is the reader's from now on: it is not copied.
   * @throws RuntimeError after {@link feedEof}. TypeError if it is no Uint8Array.
   */
  feedData(data: Uint8Array): void {
    this.source.feed(data);
  }

  /** Nothing more will be received. asyncio: `feed_eof`. */
  feedEof(): void {
    this.source.feedEof();
  }

  /** The connection has ended with an error: with this every read fails from now on, also where something is buffered. asyncio: `set_exception`. */
  setException(error: unknown): void {
    this.source.fail(error);
  }

  /**
   * The transport to pause when too much is buffered. asyncio: `set_transport`.
   *
   * @throws RuntimeError if there is one.
   */
  setTransport(transport: PausableTransport): void {
    if (this.source.transport !== null) throw new RuntimeError('Transport already set');
    this.source.transport = transport;
  }

  /** The stream goes on over another transport. Internal. */
  replaceTransport(transport: PausableTransport): void {
    const { source } = this;
    source.transport = transport;
    source.paused = false;
  }

  /** Takes out all that is buffered. Internal. */
  takeBuffered(): Buffer[] {
    return this.source.buffer.takePieces();
  }

  /** As asyncio's text: `<StreamReader 5 bytes eof limit=10 transport=...>`. */
  toString(): string {
    return this.source.describe();
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  private refuse(error: unknown): Operation<Buffer> {
    return failedOperation(this.source.loop, error);
  }
}

/** The state of a reader, which its reads share. */
class Source implements ReadSource {
  readonly buffer = new ByteQueue();
  ended = false;
  paused = false;
  transport: PausableTransport | null = null;
  private failure: unknown = null;
  private waiting: Read<unknown> | null = null;

  constructor(
    readonly loop: AnyScheduler,
    readonly limit: number,
  ) {}

  exception(): unknown {
    return this.failure;
  }

  waitFor(read: Read<unknown>): void {
    if (this.waiting !== null) {
      throw new RuntimeError(`${read.method}() called while another coroutine is already waiting for incoming data`);
    }
    // What it waits for would never come.
    if (this.paused) this.resume();
    this.waiting = read;
  }

  waitIsOver(read: Read<unknown>): void {
    if (this.waiting === read) this.waiting = null;
  }

  taken(): void {
    if (this.paused && this.buffer.size <= this.limit) this.resume();
  }

  feed(data: Uint8Array): void {
    if (this.ended) throw new RuntimeError('feedData after feedEof');
    const piece = asBuffer(data);
    if (piece.length === 0) return;
    const { buffer } = this;
    buffer.push(piece);
    this.waiting?.wake();
    if (buffer.size > 2 * this.limit && !this.paused && this.transport !== null) this.pause();
  }

  feedEof(): void {
    this.ended = true;
    this.waiting?.wake();
  }

  fail(error: unknown): void {
    this.failure = error;
    this.waiting?.wakeToFail(error);
  }

  describe(): string {
    const { buffer, limit, waiting, failure, transport } = this;
    const parts = ['StreamReader'];
    if (buffer.size > 0) parts.push(`${buffer.size} bytes`);
    if (this.ended) parts.push('eof');
    if (limit !== DEFAULT_LIMIT) parts.push(`limit=${limit}`);
    if (waiting !== null) parts.push(`waiter=${String(waiting)}`);
    if (failure !== null) parts.push(`exception=${repr(failure)}`);
    if (transport !== null) parts.push(`transport=${repr(transport)}`);
    if (this.paused) parts.push('paused');
    return `<${parts.join(' ')}>`;
  }

  private pause(): void {
    try {
      this.transport!.pauseReading();
      this.paused = true;
    } catch (error) {
      if (!hasBrand(error, 'NotImplementedError')) throw error;
      // It cannot be paused: all is buffered then.
      this.transport = null;
    }
  }

  private resume(): void {
    this.paused = false;
    this.transport!.resumeReading();
  }
}

function asBuffer(data: Uint8Array): Buffer {
  if (Buffer.isBuffer(data)) return data;
  if (data instanceof Uint8Array || types.isUint8Array(data)) {
    return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  }
  throw new TypeError(`feedData: data must be a Uint8Array, got ${repr(data)}`);
}

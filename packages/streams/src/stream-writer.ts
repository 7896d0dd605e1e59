import { brand, hasBrand, repr, type IoBackend } from '@tsyncio/core';
import {
  failedOperation,
  operation,
  type CoroutineGenerator,
  type Operation,
  type TaskLoop,
} from '@tsyncio/futures-tasks';
import type { StreamIo } from '@tsyncio/socket';
import {
  startTls,
  type ExtraInfo,
  type Ssl,
  type StartTlsOptions,
  type StreamProtocol,
  type Transport,
  type WriteTransport,
} from '@tsyncio/transports-protocols';

import { type MethodOf, outcomeOf } from './running-loop.js';
import type { StreamReader } from './stream-reader.js';

/** What a writer asks of the protocol of its transport: a `FlowControlMixin` has it. */
export interface WriterProtocol {
  /** See `FlowControlMixin.drainHelper`. */
  drainHelper(): Operation<void>;
  /** See `FlowControlMixin.closeWaiter`. */
  closeWaiter(writer: StreamWriter): Operation<void>;
}

/** The options of {@link StreamWriter.startTls}. */
export type StreamTlsOptions = Omit<StartTlsOptions, 'serverSide' | 'received'>;

/** A protocol that can go over to TLS: a `StreamReaderProtocol`. */
interface TlsReadyProtocol extends WriterProtocol {
  readonly isServerSide: boolean;
  replaceTransport(transport: Transport): void;
  connectionLost(error: Error | null): void;
}

type TlsLoop = TaskLoop<StreamIo> & { readonly startTls?: MethodOf<typeof startTls> };

/**
 * The sending half of a stream. asyncio: `asyncio.StreamWriter`.
 *
 * Users get it from `openConnection`, `startServer` and a `Process`. `write` never waits; `drain` does, when more is written than the peer
 * takes. Whoever has a writer closes it.
 *
 * @example
 * writer.write(Buffer.from('hello\n'));
 * await writer.drain();
 * writer.close();
 * await writer.waitClosed();
 */
export class StreamWriter {
  static {
    brand(this.prototype, 'StreamWriter');
  }
  private currentTransport: WriteTransport;

  /**
   * For authors of protocols.
   *
   * @param reader - The other half, whose error `drain` gives; null if there is none.
   * @throws TypeError for anything else than a StreamReader or null.
   */
  constructor(
    transport: WriteTransport,
    private readonly protocol: WriterProtocol,
    private readonly reader: StreamReader | null,
    private readonly loop: TaskLoop<IoBackend>,
  ) {
    if (reader !== null && !hasBrand(reader, 'StreamReader')) {
      throw new TypeError(`StreamWriter: reader must be a StreamReader or null, got ${repr(reader)}`);
    }
    this.currentTransport = transport;
  }

  /** The transport below. asyncio: `transport`. */
  get transport(): WriteTransport {
    return this.currentTransport;
  }

  /**
   * Sends data, or buffers what the peer does not take. asyncio: `write`.
   *
   * @param data - The caller's again when the call returns.
   * @throws TypeError if it is no Uint8Array. RuntimeError after {@link writeEof}. What the network says comes from {@link drain}.
   */
  write(data: Uint8Array): void {
    this.currentTransport.write(data);
  }

  /** Sends several pieces. asyncio: `writelines`. */
  writelines(pieces: Iterable<Uint8Array>): void {
    this.currentTransport.writelines(pieces);
  }

  /** Ends the sending direction when all is sent; the peer reads EOF, and reading goes on. Pipes are closed. asyncio: `write_eof`. */
  writeEof(): void {
    this.currentTransport.writeEof();
  }

  /** Whether {@link writeEof} is possible: not over TLS. asyncio: `can_write_eof`. */
  canWriteEof(): boolean {
    return this.currentTransport.canWriteEof();
  }

  /** Sends what is buffered, then closes. asyncio: `close`. */
  close(): void {
    this.currentTransport.close();
  }

  /** Whether it is closed, or about to be. asyncio: `is_closing`. */
  isClosing(): boolean {
    return this.currentTransport.isClosing();
  }

  /**
   * Waits until the connection is gone, whoever has ended it. asyncio: `wait_closed`.
   *
   * @throws Through the operation: what the connection has ended with; CancelledError.
   */
  waitClosed(): Operation<void> {
    return this.protocol.closeWaiter(this);
  }

  /** What is known of the connection: see `ExtraInfo` of `@tsyncio/transports-protocols`. asyncio: `get_extra_info`. */
  getExtraInfo<K extends keyof ExtraInfo>(name: K): ExtraInfo[K] | null;
  getExtraInfo<K extends keyof ExtraInfo, D>(name: K, fallback: D): ExtraInfo[K] | D | null;
  getExtraInfo(name: string, fallback?: unknown): unknown;
  getExtraInfo(name: string, fallback: unknown = null): unknown {
    return this.currentTransport.getExtraInfo(name, fallback);
  }

  /**
   * Waits until the buffer has room. To be awaited after writing. asyncio: `drain`. Any number may wait, as since Python 3.11.
   *
   * @throws Through the operation: what the reader has ended with; ConnectionResetError if the connection is gone; CancelledError.
   */
  drain(): Operation<void> {
    const { reader } = this;
    const failure = reader === null ? null : reader.exception();
    if (failure !== null) return failedOperation(this.loop, failure);
    return this.currentTransport.isClosing() ? operation(this.loop, this.drainClosing()) : this.protocol.drainHelper();
  }

  /**
   * Goes over to TLS, with the same reader and writer. asyncio: `start_tls`, since 3.11.
   *
   * What was written is sent before, in clear. What the reader holds belongs to TLS: read all that was sent in clear first.
   *
   * @param sslContext - A `tls.SecureContext` or options. On a connection that was accepted this end is the server.
   * @throws Through the operation: what `startTls` of `@tsyncio/transports-protocols` throws. Unless it was an argument, the stream has
   *   ended then.
   *
   * @example
   * await writer.startTls({ ca }, { serverHostname: 'mail.example.org' });
   */
  startTls(sslContext: Exclude<Ssl, true>, options: StreamTlsOptions = {}): Operation<void> {
    return operation(this.loop, this.startingTls(sslContext, options), { context: true });
  }

  /** Closes and waits until the connection is gone, however it ended: `await using`. */
  [Symbol.asyncDispose](): PromiseLike<void> {
    this.close();
    return operation(this.loop, this.disposing());
  }

  /** As asyncio's text: `<StreamWriter transport=... reader=...>`. */
  toString(): string {
    const { reader } = this;
    return `<StreamWriter transport=${repr(this.currentTransport)}${reader === null ? '' : ` reader=${repr(reader)}`}>`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }

  /** Without a turn for `connectionLost` a loop of writes to a lost connection would never learn of it. */
  private *drainClosing(): CoroutineGenerator<void> {
    yield;
    yield* this.protocol.drainHelper();
  }

  private *disposing(): CoroutineGenerator<void> {
    try {
      yield* this.waitClosed();
    } catch (error) {
      if (!hasBrand(error, 'OSError')) throw error;
    }
  }

  private *startingTls(sslContext: Exclude<Ssl, true>, options: StreamTlsOptions): CoroutineGenerator<void> {
    const { reader } = this;
    const protocol = this.protocol as TlsReadyProtocol;
    if (!hasBrand(protocol, 'StreamReaderProtocol')) {
      throw new TypeError(`startTls: the protocol of the writer must be a StreamReaderProtocol, got ${repr(protocol)}`);
    }
    yield* this.drain();
    const loop = this.loop as TlsLoop;
    const lower = this.currentTransport as Transport;
    const received = reader === null ? [] : reader.takeBuffered();
    const { isServerSide: serverSide } = protocol;
    const all = { ...options, serverSide, received };
    const upper = protocol as unknown as StreamProtocol;
    let transport: Transport;
    try {
      transport = yield* outcomeOf(
        loop,
        loop.startTls === undefined
          ? startTls(loop, lower, upper, sslContext, all)
          : loop.startTls(lower, upper, sslContext, all),
      );
    } catch (error) {
      // Nobody else would tell the stream that it has ended.
      if (lower.getProtocol() !== (upper as object))
        protocol.connectionLost(hasBrand(error, 'OSError') ? (error as Error) : null);
      else for (const piece of received) reader?.feedData(piece);
      throw error;
    }
    this.currentTransport = transport;
    protocol.replaceTransport(transport);
  }
}

import { brand, isExitError, type IoBackend } from '@tsyncio/core';
import { type Coroutine, type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { ProtocolCallbacks, Transport } from '@tsyncio/transports-protocols';

import { FlowControlMixin } from './flow-control-mixin.js';
import type { StreamReader } from './stream-reader.js';
import { StreamWriter } from './stream-writer.js';

/**
 * What is called for each connection that a server has accepted. It runs as a task of its own: an async function, a generator function or a
 * plain one. The writer is closed by nobody else, unless the function fails after its first wait: that is reported and the connection is
 * closed, as since Python 3.12. What a plain function throws is reported, and the connection stays.
 */
export type ClientConnectedCallback = (reader: StreamReader, writer: StreamWriter) => unknown;

/**
 * The protocol between a transport and a {@link StreamReader}. asyncio: `asyncio.StreamReaderProtocol`.
 *
 * @example
 * const reader = new StreamReader({ loop });
 * const [transport] = await connectReadPipe(loop, () => new StreamReaderProtocol(reader), fd);
 */
export class StreamReaderProtocol extends FlowControlMixin implements ProtocolCallbacks {
  static {
    brand(this.prototype, 'Protocol');
    brand(this.prototype, 'StreamReaderProtocol');
  }
  private overTls = false;
  private isOver = false;

  /** @param clientConnected - Makes it the protocol of an accepted connection: called when that stands. */
  constructor(
    private readonly reader: StreamReader | null,
    private readonly clientConnected: ClientConnectedCallback | null = null,
    loop?: TaskLoop<IoBackend>,
  ) {
    super(loop);
  }

  /** Whether the connection was accepted by a server of ours. Internal. */
  get isServerSide(): boolean {
    return this.clientConnected !== null;
  }

  override connectionMade(transport: Transport): void {
    const { reader, clientConnected } = this;
    reader?.setTransport(transport);
    this.overTls = isTls(transport);
    if (clientConnected === null) return;
    const writer = new StreamWriter(transport, this, reader, this.loop);
    const task = this.loop.createTask(() => this.serve(transport, writer, clientConnected));
    task.addDoneCallback(() => {
      if (task.cancelled()) writer.close();
      else if (task.exception() !== null) {
        this.report(task.exception(), writer.transport);
        writer.close();
      }
    });
  }

  dataReceived(data: Buffer): void {
    this.reader?.feedData(data);
  }

  /** @returns Whether the connection stays open for writing: not over TLS. */
  eofReceived(): boolean {
    this.reader?.feedEof();
    return !this.overTls;
  }

  override connectionLost(error: Error | null): void {
    if (this.isOver) return;
    this.isOver = true;
    if (error === null) this.reader?.feedEof();
    else this.reader?.setException(error);
    this.end(error);
    super.connectionLost(error);
  }

  override closeWaiter(): Operation<void> {
    return this.whenEnded();
  }

  /** The stream goes on over another transport. Internal. */
  replaceTransport(transport: Transport): void {
    this.reader?.replaceTransport(transport);
    this.overTls = isTls(transport);
  }

  /** Runs the callback as the coroutine of its task. */
  private serve(
    transport: Transport,
    writer: StreamWriter,
    clientConnected: ClientConnectedCallback,
  ): ReturnType<Extract<Coroutine, () => unknown>> {
    try {
      const result = clientConnected(this.reader!, writer);
      if (isRunning(result)) return result;
    } catch (error) {
      if (isExitError(error)) throw error;
      this.report(error, transport);
    }
    return NOTHING;
  }

  private report(exception: unknown, transport: object): void {
    this.loop.callExceptionHandler({
      message: 'Unhandled exception in client_connected_cb',
      exception,
      transport,
      protocol: this,
    });
  }
}

const NOTHING = Promise.resolve();

/** A promise, one of our futures, or a generator object: what a coroutine function gives. */
function isRunning(value: unknown): value is PromiseLike<unknown> | CoroutineGenerator {
  if (typeof value !== 'object' || value === null) return false;
  const { then, next } = value as { then?: unknown; next?: unknown };
  return typeof then === 'function' || (typeof next === 'function' && Symbol.iterator in value);
}

function isTls(transport: Transport): boolean {
  return transport.getExtraInfo('sslcontext') !== null;
}

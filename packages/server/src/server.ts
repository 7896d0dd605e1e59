import { brand, isExitError, logger, RuntimeError } from '@tsyncio/core';
import { operation, type Future, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { AcceptIo, Address, Socket, StreamIo } from '@tsyncio/socket';
import {
  discardSocket,
  openTls,
  StreamTransport,
  TransportSocket,
  type ProtocolFactory,
  type StreamProtocol,
  type TlsPlan,
  type Transport,
  type TransportOwner,
} from '@tsyncio/transports-protocols';

import { AbstractServer } from './abstract-server.js';
import { Listener } from './listener.js';

/** The loop of a server. */
export type ServingLoop = TaskLoop<StreamIo & AcceptIo>;

/**
 * A server: listening sockets, and the connections that came through them. Made by `createServer`. asyncio: `asyncio.Server`.
 *
 * @example
 * const server = await createServer(loop, () => new Echo(), '127.0.0.1', 8888);
 * await server.serveForever();
 */
export class Server extends AbstractServer implements TransportOwner {
  static {
    brand(this.prototype, 'Server');
  }
  /** Null once closed. */
  private listeners: readonly Listener[] | null;
  private serving = false;
  /** Accepted, and waiting for their protocol to be made. */
  private readonly accepted = new Set<Socket>();
  private readonly connections = new Set<Transport>();
  /** Who waits in `waitClosed`; null once closed and without connections. */
  private waiters: Future<void>[] | null = [];
  private forever: Future<never> | null = null;

  /** Internal: use `createServer`. The sockets are bound, non-blocking, and the server's from now on. */
  constructor(
    private readonly loop: ServingLoop,
    sockets: readonly Socket[],
    private readonly protocolFactory: ProtocolFactory,
    backlog: number,
    private readonly tls: TlsPlan | null = null,
    /** What is removed when it closes. */
    private readonly file: { remove(): void } | null = null,
  ) {
    super();
    this.listeners = sockets.map((socket) => new Listener(socket, loop, backlog, this.onAccept));
  }

  /** The listening sockets, as views; none once closed. */
  get sockets(): readonly TransportSocket[] {
    return Object.freeze((this.listeners ?? []).map(({ socket }) => new TransportSocket(socket)));
  }

  override getLoop(): ServingLoop {
    return this.loop;
  }

  override isServing(): boolean {
    return this.serving;
  }

  /**
   * Closes the listening sockets at once; connections that were accepted go on. Ends `serveForever`. Idempotent. asyncio: `close`.
   */
  override close(): void {
    this.dismantle(true);
  }

  /**
   * Closes the transports of all connections that are open; what is buffered is sent first. asyncio: `close_clients`, since 3.13.
   */
  override closeClients(): void {
    for (const transport of [...this.connections]) transport.close();
  }

  /** Closes them at once: what is buffered is lost. asyncio: `abort_clients`, since 3.13. */
  override abortClients(): void {
    for (const transport of [...this.connections]) transport.abort();
  }

  /**
   * Begins to accept connections, and lets one iteration pass. Does nothing if the server does. asyncio: `start_serving`.
   *
   * @throws Through the operation: RuntimeError if the server is closed; OSError if a socket cannot listen (`EADDRINUSE`).
   */
  override startServing(): Operation<void> {
    return operation(this.loop, this.starting());
  }

  /**
   * Accepts connections, having begun if need be, until cancelled or until `close` is called; then the server is closed. Ends with
   * CancelledError in either case. asyncio: `serve_forever`.
   *
   * Connections that were accepted go on: `waitClosed` waits for them.
   *
   * @throws Through the operation: RuntimeError if the server is closed, or somebody waits here already.
   */
  override serveForever(): Operation<never> {
    return operation(this.loop, this.servingForever());
  }

  /**
   * Waits until the server is closed and the last of its connections is lost, in whichever order. asyncio: `wait_closed` as of Python
   * 3.12.1.
   */
  override waitClosed(): Operation<void> {
    return operation(this.loop, this.waitingClosed());
  }

  /** `<Server sockets=[<TransportSocket fd=7 ...>]>` */
  override toString(): string {
    return `<${this.constructor.name} sockets=[${this.sockets.join(', ')}]>`;
  }

  // ---- For createServer and transports ----------------------------------------------------------------------------------------

  /** Listens on all sockets. If one cannot, none is accepted from. Internal. */
  begin(): void {
    if (this.listeners === null) throw new RuntimeError(`server ${String(this)} is closed`);
    if (this.serving) return;
    try {
      for (const listener of this.listeners) listener.listen();
    } catch (error) {
      for (const listener of this.listeners) listener.stop();
      throw error;
    }
    this.serving = true;
  }

  /** {@link close}; without closing the listening sockets if they are to be the caller's again. Internal. */
  dismantle(closeSockets: boolean): void {
    const { listeners } = this;
    if (listeners === null) return;
    this.listeners = null;
    this.serving = false;
    this.file?.remove();
    for (const listener of listeners) {
      listener.stop();
      if (closeSockets) discardSocket(listener.socket);
    }
    for (const socket of this.accepted) discardSocket(socket);
    this.accepted.clear();
    if (this.loop.isClosed()) return; // whoever waits waits for ever
    const { forever } = this;
    if (forever !== null && !forever.done()) forever.cancel();
    this.wakeIfGone();
  }

  /** Internal: see {@link TransportOwner}. */
  attach(transport: Transport): void {
    this.connections.add(transport);
  }

  /** Internal: see {@link TransportOwner}. */
  detach(transport: Transport): void {
    this.connections.delete(transport);
    this.wakeIfGone();
  }

  // ---- Private ----------------------------------------------------------------------------------------------------------------

  private *starting(): Generator<unknown, void, unknown> {
    this.begin();
    yield;
  }

  private *servingForever(): Generator<unknown, never, unknown> {
    if (this.forever !== null)
      throw new RuntimeError(`server ${String(this)} is already being awaited on serveForever()`);
    this.begin();
    this.forever = this.loop.createFuture<never>();
    try {
      return yield* this.forever;
    } finally {
      this.forever = null;
      this.close();
    }
  }

  private *waitingClosed(): Generator<unknown, void, unknown> {
    if (this.waiters === null) return;
    const waiter = this.loop.createFuture<void>();
    this.waiters.push(waiter);
    yield* waiter;
  }

  private wakeIfGone(): void {
    const { waiters } = this;
    if (waiters === null || this.listeners !== null || this.connections.size > 0) return;
    this.waiters = null;
    for (const waiter of waiters) if (!waiter.done()) waiter.setResult(undefined);
  }

  /** In the next iteration the connection gets its protocol, as in asyncio, unless the server is closed before. */
  private readonly onAccept = (socket: Socket, peer: Address): void => {
    if (this.loop.getDebug())
      logger.debug(`${String(this)} got a new connection from ${String(peer)}: ${String(socket)}`);
    this.accepted.add(socket);
    this.loop.callSoon(this.welcome, socket, peer);
  };

  private readonly welcome = (socket: Socket, peername: Address): void => {
    if (!this.accepted.delete(socket)) return; // closed meanwhile
    let protocol: StreamProtocol | undefined;
    try {
      protocol = this.protocolFactory();
      if (this.listeners === null) throw new RuntimeError('the server was closed by the protocol factory');
      if (this.tls === null) new StreamTransport(this.loop, socket, protocol, { peername, owner: this });
      else this.welcomeTls(this.tls, socket, protocol, peername);
    } catch (error) {
      discardSocket(socket);
      if (isExitError(error)) throw error;
      if (this.loop.getDebug()) this.reportFailure(error, protocol);
    }
  };

  /** The protocol is called after the handshake; if that fails, never. */
  private welcomeTls(tls: TlsPlan, socket: Socket, protocol: StreamProtocol, peername: Address): void {
    const waiter = this.loop.createFuture<void>();
    openTls(this.loop, socket, protocol, { ...tls, peername, owner: this, waiter });
    waiter.addDoneCallback(() => {
      const error = waiter.exception();
      if (error !== null && this.loop.getDebug()) this.reportFailure(error, protocol);
    });
  }

  private reportFailure(exception: unknown, protocol: StreamProtocol | undefined): void {
    const message = 'Error on transport creation for incoming connection';
    this.loop.callExceptionHandler(protocol === undefined ? { message, exception } : { message, exception, protocol });
  }
}

import { TaskLoop, type Operation } from '@tsyncio/futures-tasks';
import { createServer, type Hosts, type Server, type ServerOptions } from '@tsyncio/server';
import {
  addReader,
  addWriter,
  removeReader,
  removeWriter,
  type AcceptIo,
  type ConnectIo,
  type FileDescriptorLike,
  type StreamIo,
  type WatchIo,
} from '@tsyncio/socket';
import {
  createConnection,
  type ConnectionOptions,
  type ProtocolFactory,
  type StreamProtocol,
  type Transport,
} from '@tsyncio/transports-protocols';

/** All that a backend must offer for the methods of {@link EventLoop}. */
export type LoopIo = StreamIo & AcceptIo & ConnectIo & WatchIo;

type Callback<A extends unknown[]> = (...args: A) => unknown;

/**
 * asyncio's event loop as its users see it: the methods of `TaskLoop`, and each feature of the packages below as a method. Made by
 * `run()`, by a policy, or as a `SelectorEventLoop`. asyncio: `AbstractEventLoop`.
 */
export class EventLoop<B extends LoopIo = LoopIo> extends TaskLoop<B> {
  /**
   * Connects to a TCP server, or takes a connected socket. asyncio: `create_connection`. See `createConnection` of
   * `@tsyncio/transports-protocols` for options and errors.
   *
   * @example
   * const [transport, protocol] = await loop.createConnection(() => new Chat(), '127.0.0.1', 8888);
   */
  createConnection<P extends StreamProtocol>(
    protocolFactory: ProtocolFactory<P>,
    host: string | null,
    port: number | string | null,
    options?: ConnectionOptions,
  ): Operation<[Transport, P]>;
  createConnection<P extends StreamProtocol>(
    protocolFactory: ProtocolFactory<P>,
    options: ConnectionOptions,
  ): Operation<[Transport, P]>;
  createConnection<P extends StreamProtocol>(
    protocolFactory: ProtocolFactory<P>,
    ...rest: unknown[]
  ): Operation<[Transport, P]> {
    return createConnection(this, protocolFactory, ...(rest as [ConnectionOptions]));
  }

  /**
   * Starts a TCP server. asyncio: `create_server`. See `createServer` of `@tsyncio/server` for options and errors.
   *
   * @example
   * await using server = await loop.createServer(() => new Echo(), '127.0.0.1', 8888);
   */
  createServer(
    protocolFactory: ProtocolFactory,
    host: Hosts,
    port: number | string | null,
    options?: ServerOptions,
  ): Operation<Server>;
  createServer(protocolFactory: ProtocolFactory, options: ServerOptions): Operation<Server>;
  createServer(protocolFactory: ProtocolFactory, ...rest: unknown[]): Operation<Server> {
    return createServer(this, protocolFactory, ...(rest as [ServerOptions]));
  }

  /**
   * Calls `callback(...args)` once per iteration while `file` is readable. asyncio: `add_reader`.
   *
   * @param file - A descriptor, or anything with `fileno()` or `fd`; it stays the caller's.
   * @throws As `addReader` of `@tsyncio/socket`.
   */
  addReader<A extends unknown[]>(file: FileDescriptorLike, callback: Callback<A>, ...args: A): void {
    addReader(this, file, callback, ...args);
  }

  /** Ends {@link addReader}. asyncio: `remove_reader`. @returns Whether there was one. */
  removeReader(file: FileDescriptorLike): boolean {
    return removeReader(this, file);
  }

  /** As {@link addReader}, while `file` is writable. asyncio: `add_writer`. */
  addWriter<A extends unknown[]>(file: FileDescriptorLike, callback: Callback<A>, ...args: A): void {
    addWriter(this, file, callback, ...args);
  }

  /** Ends {@link addWriter}. asyncio: `remove_writer`. @returns Whether there was one. */
  removeWriter(file: FileDescriptorLike): boolean {
    return removeWriter(this, file);
  }
}

import type { Executor } from '@tsyncio/core';
import { runInExecutor, setDefaultExecutor, shutdownDefaultExecutor } from '@tsyncio/executors';
import { TaskLoop, type Future, type Operation } from '@tsyncio/futures-tasks';
import {
  createServer,
  createUnixServer,
  type Hosts,
  type Server,
  type ServerOptions,
  type UnixServerOptions,
} from '@tsyncio/server';
import {
  addReader,
  addWriter,
  getaddrinfo,
  getnameinfo,
  removeReader,
  removeWriter,
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvfrom,
  sockRecvfromInto,
  sockRecvInto,
  sockSendall,
  sockSendfile,
  sockSendto,
  type AcceptIo,
  type AddrInfo,
  type AddrInfoOptions,
  type Address,
  type AddressLike,
  type ConnectIo,
  type DatagramIo,
  type FileDescriptorLike,
  type FileLike,
  type LookupHost,
  type LookupPort,
  type PipeIo,
  type ProcessIo,
  type SendfileOptions,
  type Socket,
  type StreamIo,
  type WatchIo,
} from '@tsyncio/socket';
import {
  subprocessExec,
  subprocessShell,
  type PathLike,
  type SubprocessOptions,
  type SubprocessProtocolCallbacks,
  type SubprocessTransport,
} from '@tsyncio/subprocess';
import {
  connectAcceptedSocket,
  connectReadPipe,
  connectWritePipe,
  createConnection,
  createDatagramEndpoint,
  createUnixConnection,
  sendfile,
  startTls,
  type AcceptedSocketOptions,
  type ConnectionOptions,
  type DatagramOptions,
  type DatagramProtocolCallbacks,
  type DatagramTransport,
  type PipeLike,
  type ProtocolFactory,
  type ReadPipeProtocol,
  type ReadTransport,
  type Ssl,
  type StartTlsOptions,
  type StreamProtocol,
  type Transport,
  type UnixConnectionOptions,
  type UnixPath,
  type WritePipeProtocol,
  type WriteTransport,
} from '@tsyncio/transports-protocols';

/** All that a backend must offer for the methods of {@link EventLoop}. */
export type LoopIo = StreamIo & DatagramIo & PipeIo & AcceptIo & ConnectIo & WatchIo & ProcessIo;

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
   * Connects to a Unix-domain server, or takes a connected socket. asyncio: `create_unix_connection`. See `createUnixConnection` of
   * `@tsyncio/transports-protocols` for options and errors.
   *
   * @example
   * const [transport, protocol] = await loop.createUnixConnection(() => new Chat(), '/run/chat.sock');
   */
  createUnixConnection<P extends StreamProtocol>(
    protocolFactory: ProtocolFactory<P>,
    path: UnixPath | null,
    options?: UnixConnectionOptions,
  ): Operation<[Transport, P]> {
    return createUnixConnection(this, protocolFactory, path, options);
  }

  /**
   * Starts a server on a Unix-domain socket. asyncio: `create_unix_server`. See `createUnixServer` of `@tsyncio/server` for options and
   * errors.
   *
   * @example
   * await using server = await loop.createUnixServer(() => new Echo(), '/run/echo.sock');
   */
  createUnixServer(
    protocolFactory: ProtocolFactory,
    path: UnixPath | null,
    options?: UnixServerOptions,
  ): Operation<Server> {
    return createUnixServer(this, protocolFactory, path, options);
  }

  /**
   * Opens a datagram socket, UDP or Unix. asyncio: `create_datagram_endpoint`. See `createDatagramEndpoint` of
   * `@tsyncio/transports-protocols` for options and errors.
   *
   * @example
   * const [transport, protocol] = await loop.createDatagramEndpoint(() => new Echo(), { localAddr: ['127.0.0.1', 9999] });
   */
  createDatagramEndpoint<P extends DatagramProtocolCallbacks>(
    protocolFactory: () => P,
    options: DatagramOptions,
  ): Operation<[DatagramTransport, P]> {
    return createDatagramEndpoint(this, protocolFactory, options);
  }

  /**
   * Looks up the addresses of a host. asyncio: `getaddrinfo`. All methods that take a host call this one for what is no IP literal: override it
   * to look up names in another way. See `getaddrinfo` of `@tsyncio/socket` for errors.
   *
   * @example
   * const [[family, type, proto, , address]] = await loop.getaddrinfo('example.org', 443, { type: SOCK_STREAM });
   */
  getaddrinfo(host: LookupHost, port: LookupPort, options?: AddrInfoOptions): Operation<AddrInfo[]> {
    return getaddrinfo(this, host, port, options);
  }

  /** Looks up the names of an address: of its host and of its port. `flags`: `NI_*`. asyncio: `getnameinfo`. */
  getnameinfo(
    sockaddr: readonly [host: string, port: number, flowinfo?: number, scopeId?: number],
    flags?: number,
  ): Operation<[host: string, service: string]> {
    return getnameinfo(this, sockaddr, flags);
  }

  /**
   * Receives from the read end of a pipe, a FIFO, a socket or a character device, which the transport then owns. asyncio:
   * `connect_read_pipe`. See `connectReadPipe` of `@tsyncio/transports-protocols` for errors.
   */
  connectReadPipe<P extends ReadPipeProtocol>(protocolFactory: () => P, pipe: PipeLike): Operation<[ReadTransport, P]> {
    return connectReadPipe(this, protocolFactory, pipe);
  }

  /** Sends into the write end of one. asyncio: `connect_write_pipe`. */
  connectWritePipe<P extends WritePipeProtocol>(
    protocolFactory: () => P,
    pipe: PipeLike,
  ): Operation<[WriteTransport, P]> {
    return connectWritePipe(this, protocolFactory, pipe);
  }

  /** Makes a transport of a connection that was accepted outside of the loop. asyncio: `connect_accepted_socket`. */
  connectAcceptedSocket<P extends StreamProtocol>(
    protocolFactory: ProtocolFactory<P>,
    sock: Socket,
    options?: AcceptedSocketOptions,
  ): Operation<[Transport, P]> {
    return connectAcceptedSocket(this, protocolFactory, sock, options);
  }

  /**
   * Goes over to TLS in the middle of a connection. asyncio: `start_tls`. See `startTls` of `@tsyncio/transports-protocols` for options and errors.
   *
   * @returns The transport to go on with.
   *
   * @example
   * transport = await loop.startTls(transport, protocol, { ca }, { serverHostname: 'mail.example.org' });
   */
  startTls(
    transport: Transport,
    protocol: StreamProtocol,
    sslContext: Exclude<Ssl, true>,
    options?: StartTlsOptions,
  ): Operation<Transport> {
    return startTls(this, transport, protocol, sslContext, options);
  }

  /**
   * Sends a file over a transport, after everything that was written before. asyncio: `sendfile`. See `sendfile` of
   * `@tsyncio/transports-protocols` for errors.
   *
   * @param file - A descriptor, a `FileHandle`, or anything with a `FileHandle`'s `read`.
   * @returns How many bytes.
   */
  sendfile(
    transport: Transport,
    file: FileLike,
    offset?: number,
    count?: number | null,
    options?: SendfileOptions,
  ): Operation<number> {
    return sendfile(this, transport, file, offset, count, options);
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

  /**
   * Receives up to `nbytes` bytes, as soon as there are some; empty at the end of the stream. asyncio: `sock_recv`. This and the following
   * methods are for non-blocking sockets; see the functions of `@tsyncio/socket` for errors and cancellation.
   */
  sockRecv(sock: Socket, nbytes: number): Operation<Buffer> {
    return sockRecv(this, sock, nbytes);
  }

  /** As {@link sockRecv}, into the start of `buffer`. asyncio: `sock_recv_into`. @returns How many bytes. */
  sockRecvInto(sock: Socket, buffer: Uint8Array): Operation<number> {
    return sockRecvInto(this, sock, buffer);
  }

  /** Receives one datagram, and its sender. asyncio (3.11): `sock_recvfrom`. */
  sockRecvfrom(sock: Socket, bufsize: number): Operation<[Buffer, Address | null]> {
    return sockRecvfrom(this, sock, bufsize);
  }

  /** As {@link sockRecvfrom}, into the start of `buffer`. asyncio (3.11): `sock_recvfrom_into`. */
  sockRecvfromInto(sock: Socket, buffer: Uint8Array, nbytes?: number): Operation<[number, Address | null]> {
    return sockRecvfromInto(this, sock, buffer, nbytes);
  }

  /** Sends all of `data`; done when the kernel has taken it. asyncio: `sock_sendall`. */
  sockSendall(sock: Socket, data: Uint8Array): Operation<void> {
    return sockSendall(this, sock, data);
  }

  /** Sends one datagram. asyncio (3.11): `sock_sendto`. @returns How many bytes. */
  sockSendto(sock: Socket, data: Uint8Array, address: AddressLike): Operation<number> {
    return sockSendto(this, sock, data, address);
  }

  /** Connects a socket; a host name is looked up for its family. asyncio: `sock_connect`. */
  sockConnect(sock: Socket, address: AddressLike): Operation<void> {
    return sockConnect(this, sock, address);
  }

  /** Takes the next connection of a listening socket: a non-blocking socket that is yours, and its peer. asyncio: `sock_accept`. */
  sockAccept(sock: Socket): Operation<[Socket, Address]> {
    return sockAccept(this, sock);
  }

  /**
   * Sends a file from `offset` to its end, or `count` bytes of it, by the system call where that is possible. asyncio: `sock_sendfile`.
   *
   * @param file - A descriptor, a `FileHandle`, or anything with a `FileHandle`'s `read`.
   * @returns How many bytes.
   */
  sockSendfile(
    sock: Socket,
    file: FileLike,
    offset?: number,
    count?: number | null,
    options?: SendfileOptions,
  ): Operation<number> {
    return sockSendfile(this, sock, file, offset, count, options);
  }

  /**
   * Has an executor call `func(...args)` in a thread or process of its own. asyncio: `run_in_executor`. See `runInExecutor` of
   * `@tsyncio/executors` for what can cross to it, and for errors.
   *
   * @param executor - null: the loop's default, a `ThreadPoolExecutor`.
   *
   * @example
   * const primes = await loop.runInExecutor(null, countPrimes, 1_000_000);
   */
  runInExecutor<A extends unknown[], R>(
    executor: Pick<Executor, 'submit'> | null,
    func: (...args: A) => R | PromiseLike<R>,
    ...args: A
  ): Future<R> {
    return runInExecutor(this, executor, func, ...args);
  }

  /** Replaces what `runInExecutor(null, ...)` and `toThread` use; null: a new `ThreadPoolExecutor`. asyncio: `set_default_executor`. */
  setDefaultExecutor(executor: Executor | null): void {
    setDefaultExecutor(this, executor);
  }

  /**
   * Waits until the work of the default executor is done, and ends its workers. asyncio: `shutdown_default_executor`. `run()` does it.
   *
   * @param timeout - Seconds; then a RuntimeWarning says so. Default null: no limit.
   */
  shutdownDefaultExecutor(timeout?: number | null): Operation<void> {
    return shutdownDefaultExecutor(this, timeout);
  }

  /**
   * Starts a program, without a shell, and connects its standard streams to a protocol. asyncio: `subprocess_exec`. See `subprocessExec` of
   * `@tsyncio/subprocess` for options and errors.
   *
   * @param args - What follows the program's name. The streams that `options` does not name are pipes.
   *
   * @example
   * const [transport] = await loop.subprocessExec(() => new Lines(), 'ls', ['-l'], { stdin: DEVNULL });
   */
  subprocessExec<P extends SubprocessProtocolCallbacks>(
    protocolFactory: () => P,
    program: PathLike,
    args?: readonly PathLike[] | null,
    options?: SubprocessOptions,
  ): Operation<[SubprocessTransport, P]> {
    return subprocessExec(this, protocolFactory, program, args, options);
  }

  /** Runs a command of the shell, as {@link subprocessExec} runs a program. asyncio: `subprocess_shell`. */
  subprocessShell<P extends SubprocessProtocolCallbacks>(
    protocolFactory: () => P,
    cmd: string | Uint8Array,
    options?: SubprocessOptions,
  ): Operation<[SubprocessTransport, P]> {
    return subprocessShell(this, protocolFactory, cmd, options);
  }
}

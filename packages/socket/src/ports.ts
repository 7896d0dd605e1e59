/**
 * The I/O ports: what an event loop's backend offers to transports, servers and watchers.
 *
 * Readiness backends (`@tsyncio/selector-io`) and completion backends (`@tsyncio/proactor-io`) implement the same
 * interfaces; whoever uses them never asks which one it is. A feature names the ports it needs in its type:
 * `createServer(loop: TaskLoop<StreamIo & AcceptIo>, ...)`.
 *
 * Rules that hold for every port:
 * - Callbacks of a sink, an acceptor or a watcher run from the loop's ready queue, never inside a call of the port,
 *   and in the async context that was current when they were registered.
 * - What a callback of a sink or a watcher returns is handed to the scheduler, so that a promise (`async dataReceived`) gets the step
 *   barrier. A callback that throws is reported through the loop's exception handler.
 * - After `stop`, `unwatch`, `stopReading` or `close` no such callback runs any more, not even one that was queued.
 */
import type { Handle, HandleOwner, IoBackend, OSError } from '@tsyncio/core';
import type { Future } from '@tsyncio/futures-tasks';

import type { Address, AddressLike, FileDescriptorLike } from './address.js';
import type { PipeHandle } from './pipe-handle.js';
import type { Socket } from './socket.js';

/** The owner of an open stream (a transport), as its channel sees it. */
export interface StreamSink {
  /**
   * True: data is read into the memory that `getBuffer` gives, and `onBuffer` is told how much. False: `onData` gets a
   * buffer. Looked at before every read, so it may change when the protocol does.
   */
  readonly buffered: boolean;
  /**
   * Memory for the next read. `sizeHint` is -1 (any size). Return null to skip this read, for example because the
   * protocol's `getBuffer` failed and the owner has dealt with it. The memory must not be empty.
   */
  getBuffer(sizeHint: number): Uint8Array | null;
  /** `nbytes` (at least 1) bytes stand at the start of the memory that the last `getBuffer` gave. */
  onBuffer(nbytes: number): unknown;
  /** Data arrived (never empty). The receiver owns the memory: nobody writes to it again. */
  onData(data: Buffer): unknown;
  /** The peer will send no more. Reading has stopped; `startReading` would report it again. */
  onEof(): unknown;
  /** More can be written. Called at most once per iteration, from `watchWritable` until `unwatchWritable`. */
  onWritable(): unknown;
  /** Reading failed for good. Reading and write watching have stopped; the descriptor is still to be closed. */
  onError(error: OSError): unknown;
  /** True once the owner has begun to close: from then on user code may watch the descriptor (READER-08). */
  isClosing(): boolean;
}

/**
 * What is open on a descriptor that the channel owns until `close`.
 *
 * Methods other than `close` must not be called after `close`; `fd` is -1 then.
 */
export interface Channel {
  /** The descriptor; -1 once closed. */
  readonly fd: number;
  /** Begins to read; idempotent. A channel is opened not reading. Throws OSError if the descriptor cannot be watched any more. */
  startReading(): void;
  /** Stops reading; idempotent. What has arrived stays in the kernel (or the backend) for the next `startReading`. */
  stopReading(): void;
  /** Asks for `onWritable`; idempotent. Stop it as soon as nothing is left to send, otherwise it is called every iteration. */
  watchWritable(): void;
  /** Ends `onWritable`; idempotent. */
  unwatchWritable(): void;
  /** Stops everything and closes the descriptor, once; idempotent. Never throws. */
  close(): void;
}

/** An open byte stream. */
export interface StreamChannel extends Channel {
  /**
   * Bytes that `write` took and the kernel did not yet: part of the write buffer, lost by `close`. Always 0 on a readiness
   * backend. When it falls to 0, `onWritable` is called if watched.
   */
  readonly unsent: number;
  /**
   * Writes what can be written now. Never waits and keeps no reference to `data`.
   *
   * @returns the bytes taken; 0 when it would block (or `data` is empty).
   * @throws OSError when the stream is broken (`EPIPE`, `ECONNRESET`).
   */
  write(data: Uint8Array): number;
  /** As `write`, for several chunks in one system call. Returns the bytes taken over all chunks, which may be any prefix. */
  writev(chunks: readonly Uint8Array[]): number;
  /**
   * Sends from an open file what can be sent now, without the data passing through the process. Never waits, and leaves the file's position alone.
   *
   * @param file - A descriptor; open until everything that was taken has left (`unsent`).
   * @param length - How many bytes at most; 1 or more.
   * @returns the bytes taken; 0 at the end of the file; null when it would block.
   * @throws OSError when the stream is broken, or the file or the backend is not of the kind that can do it.
   */
  sendFile(file: number, offset: number, length: number): number | null;
  /** Sends the end of stream after what was written. Throws OSError (`ENOTCONN`). */
  shutdownWrite(): void;
}

/** Byte streams: what TCP and Unix stream transports are made of. */
export interface StreamIo extends IoBackend {
  /**
   * Opens a channel on a connected socket and takes ownership of it. The socket is made non-blocking.
   *
   * The sink's callbacks run in the async context of this call.
   *
   * @throws RuntimeError if a channel of this backend already uses the descriptor (the socket stays the caller's).
   * @throws OSError if the descriptor is closed (the socket stays the caller's).
   */
  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel;
}

/** What holds a descriptor and closes it: a pipe, a FIFO, a terminal, a socket. */
export interface OwnedDescriptor {
  fileno(): number;
  close(): unknown;
}

/** What a descriptor is open on, as far as pipe transports care. */
export type PipeKind = 'fifo' | 'socket' | 'character device';

/** Byte streams of one direction on any descriptor: what pipe transports are made of. */
export interface PipeIo extends IoBackend {
  /** Why there are none, where the system is what lacks them. */
  readonly noPipes?: string | undefined;
  /**
   * What a descriptor is open on, for backends whose descriptors are not the kernel's or have no `fstat`. Where this method is missing, or
   * returns null, `fstat` is asked.
   *
   * @throws OSError if it is closed. ValueError for what a transport of pipes is not for.
   */
  pipeKind?(fd: number): PipeKind | null;
  /**
   * Opens a channel on one end of a pipe and takes ownership of it. The descriptor is made non-blocking, for everybody who shares it.
   *
   * The channel of the end that is read is that of a {@link StreamIo}, with `read(2)`; one that is written has no data to give: there
   * `startReading` watches whether the reader goes away, and `onEof` says that it has. (On a socket, data that comes counts as that.)
   *
   * The sink's callbacks run in the async context of this call. `sendFile` and `shutdownWrite` are for sockets.
   *
   * @throws RuntimeError if a channel of this backend already uses the descriptor; OSError if it is closed; NotImplementedError if the
   *   backend has no pipes. In all cases it stays the caller's.
   */
  openPipe(pipe: OwnedDescriptor, end: 'read' | 'write', sink: StreamSink, loop: HandleOwner): StreamChannel;
}

/** Named pipes of Windows. */
export interface NamedPipeIo extends StreamIo {
  /**
   * A new instance of a server, which waits for a client from now on.
   *
   * @param first - It must be the first of that name.
   * @throws OSError, with `path`: `EACCES` if it is not.
   */
  createPipeInstance(address: string, first: boolean): PipeHandle;
  /** Tells once that a client has connected to an instance, or why none can; not after `stop`. The instance stays the caller's. */
  acceptPipe(pipe: PipeHandle, onConnected: (error: OSError | null) => unknown, loop: HandleOwner): Acceptor;
  /** The end of a client; null while no instance is free. @throws OSError, with `path`: `ENOENT` if there is no server. */
  connectPipe(address: string): PipeHandle | null;
  /** Opens a channel on an end, and takes ownership of it. There is no end of stream to be sent. @throws As {@link StreamIo.openStream}. */
  openNamedPipe(pipe: PipeHandle, sink: StreamSink, loop: HandleOwner): StreamChannel;
}

/** The owner of an open datagram socket (a transport), as its channel sees it. */
export interface DatagramSink {
  /**
   * A datagram arrived, perhaps an empty one. The receiver owns the memory: nobody writes to it again.
   *
   * @param peer - Who sent it; null for a sender without an address (Unix).
   */
  onDatagram(data: Buffer, peer: Address | null): unknown;
  /** Receiving failed (`ECONNREFUSED`: an earlier datagram had no receiver). The channel goes on. */
  onError(error: OSError): unknown;
  /** More can be sent. Called at most once per iteration, from `watchWritable` until `unwatchWritable`. */
  onWritable(): unknown;
  /** True once the owner has begun to close: from then on user code may watch the descriptor (READER-08). */
  isClosing(): boolean;
}

/** An open datagram socket. */
export interface DatagramChannel extends Channel {
  /**
   * Turns an address into what `send` takes. Callers must not change the result.
   *
   * @throws TypeError, ValueError or GaiError for what is no address of the socket's family.
   */
  encode(address: AddressLike): Uint8Array;
  /**
   * Sends one datagram now, or not at all. Never waits and keeps no reference to `data`.
   *
   * @param address - From `encode`; null on a connected socket.
   * @returns false when it would block.
   * @throws OSError if the kernel refuses it (`EMSGSIZE`, `ECONNREFUSED`).
   */
  send(data: Uint8Array, address: Uint8Array | null): boolean;
}

/** Datagrams: UDP and Unix. */
export interface DatagramIo extends IoBackend {
  /**
   * Opens a channel on a datagram socket and takes ownership of it. The socket is made non-blocking. The sink's callbacks run in the async
   * context of this call.
   *
   * @throws RuntimeError if a channel of this backend already uses the descriptor (the socket stays the caller's).
   * @throws OSError if the descriptor is closed (the socket stays the caller's).
   */
  openDatagram(socket: Socket, sink: DatagramSink, loop: HandleOwner): DatagramChannel;
}

/** What `startAccepting` returns. */
export interface Acceptor {
  /** Stops accepting; idempotent. The listener stays open. */
  stop(): void;
}

/** Incoming connections. */
export interface AcceptIo extends IoBackend {
  /**
   * Accepts connections of a listening socket, at most `backlog` per iteration.
   *
   * A connection that the peer gave up before it was accepted is skipped. Any other failure (`EMFILE`, `EBADF`, ...) stops
   * accepting, as `stop` does, and goes to `onError`; whether and when to start again is the caller's decision.
   *
   * @param onAccept - Gets a non-blocking, close-on-exec socket that the receiver owns, and the address of the peer.
   */
  startAccepting(
    listener: Socket,
    backlog: number,
    onAccept: (socket: Socket, peer: Address) => void,
    onError: (error: OSError) => void,
    loop: HandleOwner,
  ): Acceptor;
}

/** What `connect` needs of the loop: any `TaskLoop` has it. */
export interface ConnectLoop extends HandleOwner {
  createFuture<T>(): Future<T>;
}

/** Outgoing connections. */
export interface ConnectIo extends IoBackend {
  /**
   * Connects a non-blocking socket: `yield* backend.connect(loop, socket, address)` inside an operation.
   *
   * Cancellation stops the wait. In every case the socket stays the caller's to close.
   *
   * @throws OSError with `syscall` 'connect', `address` and `port`: `connect ECONNREFUSED 127.0.0.1:1234`.
   */
  connect(loop: ConnectLoop, socket: Socket, address: AddressLike): Generator<unknown, void, unknown>;
}

/**
 * Readiness of any descriptor. This is the raw port; `addReader` and its kin are the functions for users.
 *
 * A descriptor that a channel of the backend uses, and whose owner is not closing, is refused with RuntimeError.
 */
export interface WatchIo extends IoBackend {
  /**
   * Where users may not watch descriptors: why, for the NotImplementedError of `addReader` and its kin. What socket operations wait by works all the
   * same.
   */
  readonly noReaders?: string;
  /**
   * Runs `handle` once per iteration while `file` is readable. The handle of an earlier call for the same descriptor is replaced
   * and cancelled.
   *
   * @throws ValueError if `file` is no descriptor.
   * @throws OSError if the descriptor cannot be watched (`EPERM` for a regular file, `EBADF`); nothing is registered then.
   */
  addReader(file: FileDescriptorLike, handle: Handle): void;
  /** Ends it and cancels the handle. Returns whether there was one. An object that was closed meanwhile is found by identity. */
  removeReader(file: FileDescriptorLike): boolean;
  /**
   * As `removeReader`, but the backend may keep its registration for the next reader of the same socket, in the socket's `keeper`. Nothing that a
   * user can see of the backend tells the difference.
   */
  parkReader?(socket: Socket): boolean;
  /** As `addReader`, for writing. */
  addWriter(file: FileDescriptorLike, handle: Handle): void;
  /** As `removeReader`, for writing. */
  removeWriter(file: FileDescriptorLike): boolean;
}

/** How a child ended: its exit code, or minus the number of the signal that ended it; null if somebody else has reaped it, so that nobody knows. */
export type ChildStatus = number | null;

/** What `watchExit` returns. */
export interface ExitWatch {
  /** Nobody is told any more, and nobody reaps the child; idempotent. Allowed after the backend was closed. */
  stop(): void;
}

/** The end of children of this process. */
export interface ProcessIo extends IoBackend {
  /**
   * Tells once how a child ended, and reaps it. It may have ended already.
   *
   * @param pid - A child of this process that nobody else waits for.
   * @throws OSError if the child cannot be watched: `EMFILE`, `ESRCH`.
   */
  watchExit(pid: number, onExit: (status: ChildStatus) => unknown, loop: HandleOwner): ExitWatch;
}

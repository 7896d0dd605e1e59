import { type HandleOwner, NodeHost, osError, type OSError, RuntimeError, ValueError } from '@tsyncio/core';
import {
  type Acceptor,
  type DatagramChannel,
  type DatagramSink,
  type NamedPipeIo,
  type OwnedDescriptor,
  PipeHandle,
  type PipeKind,
  type Socket,
  SO_TYPE,
  SOL_SOCKET,
  type StreamChannel,
  type StreamSink,
} from '@tsyncio/socket';
import { BlockPool, E, namedPipes, pathError, systemError } from '@tsyncio/socket/native';

import { CompletionProactor } from '../completion-proactor.js';
import { AcceptPipe } from './accept-pipe.js';
import { IocpDatagramChannel } from './datagram-channel.js';
import { NamedPipeChannel } from './named-pipe-channel.js';
import { PortQueue } from './port-queue.js';
import { DATAGRAM_SIZE, RECEIVE_SIZE, ReceiveMemory } from './receive-memory.js';
import { IocpStreamChannel } from './stream-channel.js';
import { WrittenPipeChannel } from './written-pipe-channel.js';

/**
 * I/O completion ports of Windows as the backend of a loop. asyncio: `IocpProactor`.
 *
 * Every iteration takes packets without waiting for any; while the loop sleeps, one thread of libuv's pool waits for them, for a second at most at a time.
 * A socket belongs to one loop for its life: on another one it works as well, but less quickly.
 *
 * As in asyncio, users cannot watch descriptors on it: `addReader` and its kin are NotImplementedErrors.
 *
 * @example
 * const loop = new TaskLoop({ backend: new IocpProactor() });
 */
export class IocpProactor extends CompletionProactor<PortQueue> implements NamedPipeIo {
  /** See `WatchIo`. */
  readonly noReaders =
    'loops on completion ports watch no descriptors for users, as in asyncio: use a SelectorEventLoop';
  /** Internal: where pending receives land. */
  readonly received = new ReceiveMemory(RECEIVE_SIZE);
  /** Internal: the same for datagrams. */
  readonly datagrams = new ReceiveMemory(DATAGRAM_SIZE);
  /** Internal: memory that receivers will own. */
  readonly blocks = new BlockPool(64 * 1024, 16 * 1024);
  private readonly forgetExit: () => void;

  /** @throws RuntimeError on another system than Windows. OSError if there can be no port. */
  constructor() {
    if (process.platform !== 'win32') {
      throw new RuntimeError(`completion ports are of Windows: there are none on ${process.platform}`);
    }
    super(new PortQueue());
    this.queue.onClosed = () => {
      this.received.release();
      this.datagrams.release();
      this.blocks.release();
    };
    // A thread that waits would keep the process from ending for a second.
    this.forgetExit = new NodeHost().onExit(() => this.disarm());
  }

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.prepare(socket);
    return this.opened(new IocpStreamChannel(this, socket, sink, loop));
  }

  override openDatagram(socket: Socket, sink: DatagramSink, loop: HandleOwner): DatagramChannel {
    this.prepare(socket);
    return this.opened(new IocpDatagramChannel(this, socket, sink, loop));
  }

  /** Of a handle. */
  pipeKind(handle: number): PipeKind {
    const isPipe = namedPipes.isPipe(handle);
    if (isPipe < 0) throw systemError(isPipe, 'GetFileType');
    // The type of a handle of a socket is that of a pipe.
    const isSocket = typeof this.calls.getOption(handle, SOL_SOCKET, SO_TYPE) !== 'number';
    if (isPipe === 1 && !isSocket) return 'fifo';
    throw new ValueError(
      'pipe transports of Windows are for overlapped pipes only, not for sockets, files and consoles',
    );
  }

  openPipe(pipe: OwnedDescriptor, end: 'read' | 'write', sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.checkOpen();
    const handle = pipe.fileno();
    this.checkUnused(handle);
    const failed = this.queue.attachPipe(handle);
    if (failed === -E.EINVAL) {
      throw osError({
        code: 'EINVAL',
        syscall: 'CreateIoCompletionPort',
        message: 'CreateIoCompletionPort EINVAL: the pipe is not overlapped, or belongs to another loop',
      });
    }
    if (failed < 0) throw systemError(failed, 'CreateIoCompletionPort');
    return this.opened(new (end === 'read' ? NamedPipeChannel : WrittenPipeChannel)(this, pipe, sink, loop));
  }

  createPipeInstance(address: string, first: boolean): PipeHandle {
    return this.pipeOf(namedPipes.create(address, first), 'CreateNamedPipe', address);
  }

  acceptPipe(pipe: PipeHandle, onConnected: (error: OSError | null) => unknown, loop: HandleOwner): Acceptor {
    this.checkOpen();
    return new AcceptPipe(this, pipe.fileno(), onConnected, loop);
  }

  connectPipe(address: string): PipeHandle | null {
    const pipe = namedPipes.open(address);
    return pipe === -E.EBUSY ? null : this.pipeOf(pipe, 'CreateFile', address);
  }

  openNamedPipe(pipe: PipeHandle, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.checkOpen();
    this.checkUnused(pipe.fileno());
    return this.opened(new NamedPipeChannel(this, pipe, sink, loop));
  }

  private pipeOf(pipe: number, syscall: string, address: string): PipeHandle {
    if (pipe < 0) throw pathError(pipe, syscall, address);
    const failed = this.queue.attachPipe(pipe);
    if (failed >= 0) return new PipeHandle(pipe);
    namedPipes.close(pipe);
    throw pathError(failed, 'CreateIoCompletionPort', address);
  }

  protected releaseMemory(): void {
    this.forgetExit();
  }

  /** Copies what was received to memory that its receiver will own. Internal. */
  keep(from: Buffer, length: number): Buffer {
    const { blocks } = this;
    blocks.room();
    const piece = blocks.take(length);
    from.copy(piece, 0, 0, length);
    return piece;
  }
}

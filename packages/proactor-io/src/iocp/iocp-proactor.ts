import { type HandleOwner, NodeHost, NotImplementedError, RuntimeError } from '@tsyncio/core';
import type { OwnedDescriptor, Socket, StreamChannel, StreamSink } from '@tsyncio/socket';
import { BlockPool } from '@tsyncio/socket/native';

import { CompletionProactor } from '../completion-proactor.js';
import { PortQueue } from './port-queue.js';
import { ReceiveMemory } from './receive-memory.js';
import { IocpStreamChannel } from './stream-channel.js';

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
export class IocpProactor extends CompletionProactor<PortQueue> {
  /** See `WatchIo`. */
  readonly noReaders =
    'loops on completion ports watch no descriptors for users, as in asyncio: use a SelectorEventLoop';
  /** Internal: where pending receives land. */
  readonly received = new ReceiveMemory();
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
      this.blocks.release();
    };
    // A thread that waits would keep the process from ending for a second.
    this.forgetExit = new NodeHost().onExit(() => this.disarm());
  }

  openStream(socket: Socket, sink: StreamSink, loop: HandleOwner): StreamChannel {
    this.prepare(socket);
    return this.opened(new IocpStreamChannel(this, socket, sink, loop));
  }

  openPipe(_pipe: OwnedDescriptor, _end: 'read' | 'write', _sink: StreamSink, _loop: HandleOwner): StreamChannel {
    throw new NotImplementedError('loops on completion ports have no pipes of POSIX');
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

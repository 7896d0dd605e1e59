import type { Readable, Writable } from 'node:stream';

import { Handle, type IoBackend, osError, type OSError } from '@tsyncio/core';
import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { OwnedDescriptor, StreamChannel, StreamSink } from '@tsyncio/socket';
import type { PipeOpener } from '@tsyncio/transports-protocols';

/** What goes to Node at once; the rest waits in the transport's buffer, so that it drains step by step. */
const CHUNK = 64 * 1024;

/** One of Node's streams to a child, as a pipe for our transports: `getExtraInfo('pipe')`. */
export class NodePipe implements OwnedDescriptor {
  constructor(
    readonly stream: Readable | Writable,
    /** The child's descriptor: Node does not tell ours. */
    private readonly fd: number,
  ) {
    stream.on('error', () => {}); // one that comes after the transport has closed is nobody's
    (stream as { unref?: () => void }).unref?.(); // a running loop is what keeps the process alive
  }

  fileno(): number {
    return this.fd;
  }

  close(): void {
    this.stream.destroy();
  }
}

/**
 * Opens the channels of one child's pipes, for the transports of a loop.
 *
 * @param pipes - By the child's descriptors.
 */
export function nodePipes(loop: PipeLoop, pipes: readonly (NodePipe | null)[]): PipeOpener {
  return {
    pipeKind: () => 'fifo',
    openPipe(owned, end, sink) {
      const { stream } = pipes[owned.fileno()]!;
      return end === 'read'
        ? new NodeReadChannel(owned, stream as Readable, sink, loop)
        : new NodeWriteChannel(owned, stream as Writable, sink, loop);
    },
  };
}

type PipeLoop = TaskLoop<IoBackend>;

/** What the two directions share: one handle, which looks at what is due when the loop runs it. */
abstract class NodeChannel implements StreamChannel {
  fd: number;
  protected reading = false;
  private readonly handle: Handle;
  private queued = false;

  constructor(
    private readonly pipe: OwnedDescriptor,
    protected readonly sink: StreamSink,
    private readonly loop: PipeLoop,
  ) {
    this.fd = pipe.fileno();
    this.handle = new Handle(
      () => {
        this.queued = false;
        return this.fd < 0 ? undefined : this.run();
      },
      [],
      loop,
    );
  }

  abstract get unsent(): number;
  abstract write(data: Uint8Array): number;
  abstract watchWritable(): void;
  abstract unwatchWritable(): void;

  writev(chunks: readonly Uint8Array[]): number {
    let taken = 0;
    for (const chunk of chunks) {
      const n = this.write(chunk);
      taken += n;
      if (n < chunk.length) break;
    }
    return taken;
  }

  startReading(): void {
    this.reading = true;
    this.due();
  }

  stopReading(): void {
    this.reading = false;
  }

  sendFile(): never {
    throw refused('sendfile');
  }

  shutdownWrite(): never {
    throw refused('shutdown');
  }

  close(): void {
    if (this.fd < 0) return;
    this.fd = -1;
    this.handle.cancel();
    this.finish();
    this.pipe.close();
  }

  /** Something may have happened: the loop looks. */
  protected due(): void {
    if (this.queued || this.fd < 0) return;
    this.queued = true;
    this.loop.enqueue(this.handle);
  }

  /** Deals with what is due. What it returns goes to the scheduler. */
  protected abstract run(): unknown;

  /** It is being closed. */
  protected finish(): void {}
}

/** A pipe from the child. Node's stream is read when the transport wants something, and stops receiving when it is full. */
class NodeReadChannel extends NodeChannel {
  private ended = false;
  private failure: OSError | null = null;

  constructor(
    pipe: OwnedDescriptor,
    private readonly stream: Readable,
    sink: StreamSink,
    loop: PipeLoop,
  ) {
    super(pipe, sink, loop);
    stream.on('readable', () => this.due());
    stream.once('end', () => {
      this.ended = true;
      this.due();
    });
    stream.once('error', (error) => {
      this.failure = errorOf(error);
      this.due();
    });
  }

  readonly unsent = 0;

  write(): never {
    throw refused('write');
  }

  watchWritable(): void {}
  unwatchWritable(): void {}

  protected override run(): unknown {
    if (!this.reading) return undefined;
    const data = this.stream.read() as Buffer | null;
    if (data !== null) return this.deliver(data);
    if (this.failure === null && !this.ended) return undefined;
    this.stopReading();
    return this.failure === null ? this.sink.onEof() : this.sink.onError(this.failure);
  }

  private deliver(data: Buffer): unknown {
    const { sink, stream } = this;
    this.due(); // the end may have been there all the time
    if (!sink.buffered) return sink.onData(data);
    const buffer = sink.getBuffer(-1);
    const n = buffer === null ? 0 : Math.min(buffer.length, data.length);
    buffer?.set(data.subarray(0, n));
    if (n < data.length) stream.unshift(data.subarray(n));
    return n > 0 ? sink.onBuffer(n) : undefined;
  }
}

/** A pipe to the child. */
class NodeWriteChannel extends NodeChannel {
  unsent = 0;
  private watched = false;
  private gone = false;

  constructor(
    pipe: OwnedDescriptor,
    private readonly stream: Writable,
    sink: StreamSink,
    loop: PipeLoop,
  ) {
    super(pipe, sink, loop);
    stream.once('close', () => {
      this.gone = true;
      this.due();
    });
  }

  write(data: Uint8Array): number {
    if (this.gone || this.stream.destroyed) throw osError({ code: 'EPIPE', syscall: 'write' });
    if (this.unsent > 0) return 0;
    const piece = Buffer.from(data.subarray(0, CHUNK));
    this.unsent = piece.length;
    this.stream.write(piece, (error) => {
      if (error) return; // the stream closes, with something unsent
      this.unsent = 0;
      this.due();
    });
    return piece.length;
  }

  watchWritable(): void {
    this.watched = true;
    if (this.unsent === 0) this.due();
  }

  unwatchWritable(): void {
    this.watched = false;
  }

  protected override run(): unknown {
    if (this.gone) {
      if (!this.reading) return undefined;
      this.stopReading();
      return this.sink.onEof();
    }
    if (!this.watched || this.unsent > 0) return undefined;
    try {
      return this.sink.onWritable();
    } finally {
      if (this.watched && this.unsent === 0) this.due();
    }
  }
}

function refused(syscall: string): OSError {
  return osError({ code: 'EINVAL', syscall, message: `${syscall} EINVAL: this is a pipe of one direction` });
}

function errorOf(error: NodeJS.ErrnoException): OSError {
  const { code, errno, syscall } = error;
  return osError({ code, errno, syscall, cause: error });
}

import { Handle, type HandleOwner, isStep } from '@tsyncio/core';
import type { Channel, OwnedDescriptor, Socket } from '@tsyncio/socket';
import { E, POLLIN, POLLOUT } from '@tsyncio/socket/native';

import { Operation } from './operation.js';
import { PollRequest } from './poll-request.js';
import type { CompletionProactor } from './completion-proactor.js';
import { READ, type Reporter, WRITE } from './readiness.js';

/**
 * What is open on a non-blocking descriptor: the half that streams, datagrams and pipes share. The channel itself is the operation that
 * reads; that of this class asks when there is something to read, which the owner then does by a call.
 *
 * One handle serves both directions and lives as long as the channel: it is put on the ready queue again and again, and looks at `due`
 * when it runs.
 */
export abstract class CompletionChannel<P extends CompletionProactor = CompletionProactor>
  extends Operation
  implements Channel, Reporter
{
  fd: number;
  listed = false;
  private readonly handle: Handle;
  /** What was reported and not yet dealt with. */
  private due = 0;
  private queued = false;
  /** Waits for room to write; made when first needed. */
  private writer: PollRequest | null = null;

  constructor(
    protected readonly io: P,
    protected readonly file: OwnedDescriptor,
    private readonly owner: { isClosing(): boolean },
    loop: HandleOwner,
  ) {
    super();
    this.fd = file.fileno();
    this.handle = new Handle(runChannel, [this], loop);
  }

  startReading(): void {
    if (this.fd >= 0) this.io.queue.want(this);
  }

  stopReading(): void {
    this.due &= ~READ;
    this.io.queue.unwant(this);
  }

  watchWritable(): void {
    if (this.fd >= 0) this.io.queue.want((this.writer ??= new WriteRequest(this.io, this)));
  }

  unwatchWritable(): void {
    if (this.writer === null) return;
    this.due &= ~WRITE;
    this.io.queue.unwant(this.writer);
  }

  /** Pending requests hold the open file: they end before the descriptor is closed, so that the peer learns of it at once. */
  close(): void {
    if (this.fd < 0) return;
    this.due = 0;
    this.handle.cancel();
    this.io.release(this, this.writer);
    this.fd = -1;
    this.closed();
    try {
      this.file.close();
    } catch {
      // Closed by someone else, or an error that came too late for anyone to act on: it is closed.
    }
  }

  /** Whether user code may not watch the descriptor in a direction. */
  refuses(direction: number): boolean {
    if (!this.owner.isClosing()) return true;
    // Closing, but what was written before is still on its way out.
    return direction === READ ? this.wanted : this.writer?.wanted === true;
  }

  override reconcile(): void {
    if (this.fd < 0) return;
    if (this.slot < 0) {
      if (this.wanted) this.io.queue.poll(this, this.fd, POLLIN);
    } else if (!this.wanted) this.io.queue.cancel(this);
  }

  override completed(result: number, _flags: number): void {
    if (!this.wanted) return;
    if (result >= 0) this.isDue(READ, this);
    else if (result !== -E.ECANCELED) return;
    this.io.queue.touch(this);
  }

  /** The handle is to run. Called inside of a poll. */
  isDue(due: number, operation: Operation): void {
    this.due |= due;
    if (!this.queued) this.io.reports.add(this, this.io.queue.isFresh(operation));
  }

  report(): void {
    if (this.queued) return;
    this.queued = true;
    this.io.addReady(this.handle);
  }

  /** Receives once. What it returns goes to the scheduler. */
  protected abstract receive(): unknown;

  /** There is room to send. What it returns goes to the scheduler. */
  protected abstract writable(): unknown;

  /** The channel was closed. */
  protected closed(): void {}

  /** Deals with what is due, reading first. Called by the handle; what it returns goes to the scheduler. */
  run(): unknown {
    this.queued = false;
    if ((this.due & READ) !== 0) {
      this.due &= ~READ;
      const step = this.receive();
      if (isStep(step)) {
        // Nothing else runs before its step is over. Writability is reported again in the next iteration.
        this.due = 0;
        return step;
      }
    }
    if ((this.due & WRITE) === 0) return undefined;
    this.due &= ~WRITE;
    return this.writable();
  }

  /** The descriptor of a channel that was opened on a socket. */
  protected get socket(): Socket {
    return this.file as Socket;
  }
}

/** Waits for room in the descriptor's buffer. */
class WriteRequest extends PollRequest {
  constructor(
    io: CompletionProactor,
    private readonly channel: CompletionChannel,
  ) {
    super(io.queue, channel.fd, POLLOUT);
  }

  protected override ready(): void {
    this.channel.isDue(WRITE, this);
  }
}

function runChannel(channel: CompletionChannel): unknown {
  return channel.run();
}

import { Handle, type HandleOwner, isStep } from '@tsyncio/core';
import type { Channel, OwnedDescriptor, Socket } from '@tsyncio/socket';
import { POLLIN, POLLOUT } from '@tsyncio/socket/native';

import { Operation } from './operation.js';
import { PollRequest } from './poll-request.js';
import type { IoUringProactor } from './proactor.js';
import { READ, WRITE } from './readiness.js';

/**
 * What is open on a non-blocking descriptor: the half that streams, datagrams and pipes share. The channel itself is the operation that
 * reads; that of this class asks when there is something to read, which the owner then does by a call.
 *
 * One handle serves both directions and lives as long as the channel: it is put on the ready queue again and again, and looks at `due`
 * when it runs.
 */
export abstract class UringChannel extends Operation implements Channel {
  fd: number;
  protected reading = false;
  private readonly handle: Handle;
  private writing = false;
  /** What was reported and not yet dealt with. */
  private due = 0;
  private queued = false;
  /** Waits for room to write; made when first needed. */
  private writer: PollRequest | null = null;

  constructor(
    protected readonly io: IoUringProactor,
    protected readonly file: OwnedDescriptor,
    private readonly owner: { isClosing(): boolean },
    loop: HandleOwner,
  ) {
    super();
    this.fd = file.fileno();
    this.handle = new Handle(runChannel, [this], loop);
  }

  startReading(): void {
    if (this.fd < 0 || this.reading) return;
    this.reading = true;
    this.io.ring.touch(this);
  }

  stopReading(): void {
    if (!this.reading) return;
    this.reading = false;
    this.due &= ~READ;
    if (this.slot >= 0) this.io.ring.touch(this);
  }

  watchWritable(): void {
    if (this.fd < 0 || this.writing) return;
    this.writing = true;
    (this.writer ??= new WriteRequest(this)).want();
  }

  unwatchWritable(): void {
    if (!this.writing) return;
    this.writing = false;
    this.due &= ~WRITE;
    this.writer!.unwant();
  }

  /** Pending requests hold the open file: they end before the descriptor is closed, so that the peer learns of it at once. */
  close(): void {
    if (this.fd < 0) return;
    this.reading = false;
    this.writing = false;
    this.due = 0;
    this.handle.cancel();
    this.writer?.unwant();
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
    return direction === READ ? this.reading : this.writing;
  }

  override reconcile(): void {
    if (this.fd < 0) return;
    if (this.slot < 0) {
      if (this.reading) this.io.ring.poll(this, this.fd, POLLIN);
    } else if (!this.reading) this.io.ring.cancel(this);
  }

  override completed(result: number, _flags: number): void {
    if (this.fd < 0 || !this.reading) return;
    if (result >= 0) this.report(READ);
    if (result >= 0 || this.io.isCancellation(result)) this.io.ring.touch(this);
  }

  /** Puts the handle on the ready queue. Called inside of a poll. */
  report(due: number): void {
    this.due |= due;
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
  constructor(private readonly channel: UringChannel) {
    super(channel['io'].ring, channel.fd, POLLOUT);
  }

  protected override ready(): void {
    this.channel.report(WRITE);
  }
}

function runChannel(channel: UringChannel): unknown {
  return channel.run();
}

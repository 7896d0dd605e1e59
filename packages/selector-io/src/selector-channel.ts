import { Handle, type HandleOwner, isStep, type ReadySink } from '@tsyncio/core';
import type { Channel, OwnedDescriptor, Socket } from '@tsyncio/socket';

import { EVENT_READ, EVENT_WRITE } from './selector.js';
import type { SelectorIo } from './selector-io.js';
import { Watch } from './watch.js';

/**
 * What is open on a non-blocking descriptor: the half that streams, datagrams and pipes share.
 *
 * One receive for each time that the selector reports data: a level-triggered selector reports what is left in the next iteration,
 * so that one busy connection cannot starve the others, and callbacks come in asyncio's order.
 *
 * One handle serves both directions and lives as long as the channel: it is put on the ready queue again and again, and looks at
 * `due` when it runs. Where asyncio cancels the queued handle of a direction, here its bit is cleared. (Two handles would do the
 * same for 350 bytes more a connection.)
 */
export abstract class SelectorChannel extends Watch implements Channel {
  private readonly handle: Handle;
  private reading = false;
  private writing = false;
  /** Events that were reported and not yet dealt with. */
  private due = 0;
  private queued = false;
  /** Run again in the next iteration, whatever the selector says. */
  private more = false;

  constructor(
    protected readonly io: SelectorIo,
    descriptor: OwnedDescriptor,
    private readonly owner: { isClosing(): boolean },
    loop: HandleOwner,
  ) {
    super(descriptor.fileno(), descriptor);
    this.handle = new Handle(runChannel, [this], loop);
  }

  override get stays(): boolean {
    return true;
  }

  startReading(): void {
    if (this.fd < 0 || this.reading) return;
    this.io.ask(this, this.events | EVENT_READ);
    this.reading = true;
  }

  stopReading(): void {
    if (!this.reading) return;
    this.reading = false;
    this.due &= ~EVENT_READ;
    this.io.ask(this, this.wanted());
  }

  watchWritable(): void {
    if (this.fd < 0 || this.writing) return;
    this.io.ask(this, this.events | EVENT_WRITE);
    this.writing = true;
  }

  unwatchWritable(): void {
    if (!this.writing) return;
    this.writing = false;
    this.due &= ~EVENT_WRITE;
    this.io.ask(this, this.wanted());
  }

  close(): void {
    if (this.fd < 0) return;
    this.reading = false;
    this.writing = false;
    this.due = 0;
    this.handle.cancel();
    this.io.drop(this);
    this.fd = -1;
    try {
      (this.file as OwnedDescriptor).close();
    } catch {
      // Closed by someone else, or an error that came too late for anyone to act on: it is closed.
    }
  }

  protected get isReading(): boolean {
    return this.reading;
  }

  /** Calls {@link receive} in the next iteration: there is more that no selector knows of. Without effect while nothing is read. */
  protected receiveAgain(): void {
    if (!this.reading) return;
    this.more = true;
    if (!this.queued) {
      this.queued = true;
      this.io.addReady(this.handle);
    }
  }

  override wanted(): number {
    return super.wanted() | (this.reading ? EVENT_READ : 0) | (this.writing ? EVENT_WRITE : 0);
  }

  override dispatch(events: number, ready: ReadySink): boolean {
    const own = events & ((this.reading ? EVENT_READ : 0) | (this.writing ? EVENT_WRITE : 0));
    if (own !== 0) {
      this.due |= own;
      if (!this.queued) {
        this.queued = true;
        ready.addReady(this.handle);
      }
    }
    // User code may watch the descriptor of a transport that is closing.
    return own === events || super.dispatch(events & ~own, ready);
  }

  override refuses(events: number): boolean {
    if (!this.owner.isClosing()) return true;
    // Closing, but what was written before is still on its way out.
    return events === EVENT_READ ? this.reading : this.writing;
  }

  /** Receives once. What it returns goes to the scheduler. */
  protected abstract receive(): unknown;

  /** There is room to send. What it returns goes to the scheduler. */
  protected abstract writable(): unknown;

  /** Deals with the events that are due, reading first. Called by the handle; what it returns goes to the scheduler. */
  run(): unknown {
    this.queued = false;
    if (this.more) {
      this.more = false;
      if (this.reading) this.due |= EVENT_READ;
    }
    if ((this.due & EVENT_READ) !== 0) {
      this.due &= ~EVENT_READ;
      const step = this.receive();
      if (isStep(step)) {
        // Nothing else runs before its step is over. Writability is reported again in the next iteration.
        this.due = 0;
        return step;
      }
    }
    if ((this.due & EVENT_WRITE) === 0) return undefined;
    this.due &= ~EVENT_WRITE;
    return this.writable();
  }

  /** The descriptor of a channel that was opened on a socket. */
  protected get socket(): Socket {
    return this.file as Socket;
  }
}

function runChannel(channel: SelectorChannel): unknown {
  return channel.run();
}

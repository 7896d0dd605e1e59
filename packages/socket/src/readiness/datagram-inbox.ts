import type { Address } from '../address.js';
import { type DatagramBatch, datagramBatch } from '../native/datagram-batch.js';
import { systemError } from '../native/errno.js';
import { WOULD_BLOCK } from '../native/platform.js';
import type { DatagramSink } from '../ports.js';

/** Calls in one look at a socket, where a call takes one datagram. (libuv: 32.) */
const CALLS = 32;

/** The channel that an inbox belongs to. */
export interface InboxChannel {
  /** The descriptor; -1 once closed. */
  readonly fd: number;
  readonly isReading: boolean;
  /** Has {@link DatagramInbox.receive} called in the next iteration: there is more that the kernel does not know of. */
  receiveAgain(): void;
}

/**
 * How a channel of any backend receives datagrams when there are some.
 *
 * One look at the socket takes several where the system can (asyncio: one, with two system calls each). The rest of them waits here if the
 * receiver of one is an async function, or ends the run: nothing else comes before its step is over. Internal.
 */
export class DatagramInbox {
  /** Received, not yet handed out. */
  private waiting: { readonly data: Buffer; readonly sender: Address | null }[] = [];

  /** The last look at the socket ended before it was empty. */
  private mayHaveMore = false;

  constructor(
    private readonly channel: InboxChannel,
    private readonly sink: DatagramSink,
  ) {}

  /** Nothing waits here, nor is known to wait in the socket. */
  get isEmpty(): boolean {
    return this.waiting.length === 0 && !this.mayHaveMore;
  }

  clear(): void {
    this.waiting = [];
    this.mayHaveMore = false;
  }

  /** Hands out what waits, or else what the socket has. What it returns goes to the scheduler. */
  receive(): unknown {
    if (this.waiting.length > 0) return this.handOutWaiting();
    const batch = datagramBatch();
    let step = this.receiveOnce(batch);
    // Until there is none, as libuv does: asking whether there is one costs more than a call that finds none.
    for (let n = 1; n < CALLS && this.mayHaveMore && step === undefined && this.channel.isReading; n++) {
      step = this.receiveOnce(batch);
    }
    return step;
  }

  private receiveOnce(batch: DatagramBatch): unknown {
    const { channel, sink } = this;
    const count = batch.receive(channel.fd);
    this.mayHaveMore = count > 0 && !batch.takesMany;
    if (count < 0) return count === WOULD_BLOCK ? undefined : sink.onError(systemError(count, 'recvfrom'));
    let next = 0;
    try {
      while (next < count && channel.isReading) {
        const i = next++;
        const step = sink.onDatagram(batch.data(i), batch.sender(i));
        if (step !== undefined) return step;
      }
    } finally {
      if (next < count && channel.fd >= 0) {
        for (; next < count; next++) this.waiting.push({ data: batch.data(next), sender: batch.sender(next) });
        channel.receiveAgain();
      }
    }
    return undefined;
  }

  private handOutWaiting(): unknown {
    const { waiting, channel } = this;
    try {
      while (waiting.length > 0 && channel.isReading) {
        const { data, sender } = waiting.shift()!;
        const step = this.sink.onDatagram(data, sender);
        if (step !== undefined) return step;
      }
    } finally {
      if (waiting.length > 0) channel.receiveAgain();
    }
    return undefined;
  }
}

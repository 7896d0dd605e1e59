import type { Address } from '../address.js';
import { datagramBatch } from '../native/datagram-batch.js';
import { systemError } from '../native/errno.js';
import { WOULD_BLOCK } from '../native/platform.js';
import type { DatagramSink } from '../ports.js';

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

  constructor(
    private readonly channel: InboxChannel,
    private readonly sink: DatagramSink,
  ) {}

  get isEmpty(): boolean {
    return this.waiting.length === 0;
  }

  clear(): void {
    this.waiting = [];
  }

  /** Hands out what waits, or else what the socket has. What it returns goes to the scheduler. */
  receive(): unknown {
    if (this.waiting.length > 0) return this.handOutWaiting();
    const { channel, sink } = this;
    const batch = datagramBatch();
    const count = batch.receive(channel.fd);
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

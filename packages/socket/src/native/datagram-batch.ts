import type { Address } from '../address.js';
import { MessageBatch } from './linux/message-batch.js';
import { systemCalls } from './platform.js';

/** The longest datagram that is received whole, as in asyncio. (UDP ends at 64 KiB, Unix sockets at the size of their buffers.) */
const DATAGRAM_MAX = 256 * 1024;

/** Memory that datagrams land in, as many at a time as the system can give. Used between two lines of code: one for the thread. */
export interface DatagramBatch {
  /** Whether one {@link receive} takes all that have arrived, up to its room; otherwise there may be more. */
  readonly takesMany: boolean;
  /**
   * Receives what has arrived on a non-blocking socket, at most as many datagrams as there is room for. What was there before is gone.
   *
   * @returns how many, at least one; or the negated error number (`-EAGAIN`).
   */
  receive(fd: number): number;
  /** Datagram `index` in memory of its own. */
  data(index: number): Buffer;
  /** Who sent it; null if that has no address. */
  sender(index: number): Address | null;
}

let batch: DatagramBatch | undefined;

/** The batch of this thread. */
export function datagramBatch(): DatagramBatch {
  return (batch ??= process.platform === 'linux' ? new MessageBatch(DATAGRAM_MAX) : new SingleDatagram());
}

/** One at a time, where no call takes more. */
class SingleDatagram implements DatagramBatch {
  readonly takesMany = false;
  private readonly memory = Buffer.allocUnsafeSlow(DATAGRAM_MAX);
  private length = 0;

  receive(fd: number): number {
    const n = systemCalls().recvfrom(fd, this.memory, DATAGRAM_MAX, 0);
    if (n < 0) return n;
    this.length = n;
    return 1;
  }

  data(): Buffer {
    return Buffer.from(this.memory.subarray(0, this.length));
  }

  sender(): Address | null {
    return systemCalls().receivedFrom();
  }
}

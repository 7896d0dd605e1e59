import { DescriptorPoll } from '../descriptor-poll.js';
import { ioUringCalls } from './io-uring-calls.js';
import type { Failure } from './io-uring.js';

/** An eventfd that the kernel counts completions on, and Node's loop watching it. */
export class EventCounter {
  readonly fd: number;
  private readonly calls = ioUringCalls();
  private poll: DescriptorPoll | null = null;
  private turn: (() => void) | null = null;
  /** The counter is not 0, for all we know. */
  private counted = false;

  constructor(fail: Failure) {
    this.fd = this.calls.eventfd();
    if (this.fd < 0) throw fail(this.fd, 'eventfd');
  }

  /** Calls `turn`, which must only schedule, when something is counted. */
  arm(turn: () => void): void {
    this.turn = turn;
    this.poll ??= new DescriptorPoll(this.fd);
    this.poll.arm(this.fired);
  }

  disarm(): void {
    this.turn = null;
    this.poll?.disarm();
    if (!this.counted) return;
    this.counted = false;
    this.calls.drain(this.fd);
  }

  /** Once. The poll goes before the descriptor, otherwise libuv aborts the process. */
  close(): void {
    this.poll?.close();
    this.calls.close(this.fd);
  }

  private readonly fired = (): void => {
    this.counted = true;
    this.turn?.();
  };
}

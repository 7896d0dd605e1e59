import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from './errno-memory.js';
import { requirePosix } from './require-posix.js';

/** Bits of `struct pollfd`, the same on Linux, macOS and the BSDs. */
export const POLLIN = 0x1;
export const POLLOUT = 0x4;

/** `struct pollfd { int fd; short events; short revents; }`, the same on all systems. */
const POLLFD_SIZE = 8;

type Poll = (fds: number, count: number, timeoutMs: number) => number;

function declarePoll(): Poll {
  requirePosix('PollSelector');
  return koffi().load(null).func('poll', 'int', ['uintptr_t', 'size_t', 'int']);
}

/**
 * What `poll(2)` is asked: an array of `struct pollfd` in memory of ours, in the order of registration.
 *
 * A removed entry becomes a hole (descriptor -1, which the kernel passes over) until the next wait closes the gaps, so that entries
 * may come and go while the answer of a wait is read. The constructor throws on a platform without `poll(2)`.
 */
export class PollList {
  private readonly poll = declarePoll(); // first: it throws where there is none
  private readonly errno = errnoMemory();
  private readonly indices = new Map<number, number>();
  private capacity = 64;
  private ints = new Int32Array(new ArrayBuffer(this.capacity * POLLFD_SIZE));
  private shorts = new Int16Array(this.ints.buffer);
  private address = addressOf(this.ints.buffer);
  private used = 0;

  /** Entries of the last wait: indices for `fdAt` and `bitsAt`. */
  get length(): number {
    return this.used;
  }

  /** Adds a descriptor that is not in the list. */
  add(fd: number, interest: number): void {
    const index = this.used++;
    if (index === this.capacity) this.grow();
    this.ints[2 * index] = fd;
    this.shorts[4 * index + 2] = interest;
    this.indices.set(fd, index);
  }

  /** Changes the interest in a descriptor of the list. */
  modify(fd: number, interest: number): void {
    this.shorts[4 * this.indices.get(fd)! + 2] = interest;
  }

  /** Removes a descriptor of the list. */
  remove(fd: number): void {
    const index = this.indices.get(fd)!;
    this.indices.delete(fd);
    this.ints[2 * index] = -1;
  }

  /**
   * Waits until an entry has something to report, and leaves the answers in the list.
   *
   * @param timeoutMs - 0 does not wait.
   * @returns how many entries have an answer, or the negated error number (`EINTR` too).
   */
  wait(timeoutMs: number): number {
    if (this.indices.size < this.used) this.closeGaps();
    const n = this.poll(this.address, this.used, timeoutMs);
    return n < 0 ? -this.errno[0]! : n;
  }

  /** The descriptor of an entry; -1 if it was removed since the last wait. */
  fdAt(index: number): number {
    return this.ints[2 * index]!;
  }

  /** The kernel's bits for an entry; 0 if there is nothing to report. */
  bitsAt(index: number): number {
    return this.shorts[4 * index + 3]!;
  }

  private grow(): void {
    const { ints } = this;
    this.capacity *= 2;
    this.ints = new Int32Array(new ArrayBuffer(this.capacity * POLLFD_SIZE));
    this.ints.set(ints);
    this.shorts = new Int16Array(this.ints.buffer);
    this.address = addressOf(this.ints.buffer);
  }

  private closeGaps(): void {
    const { ints, indices } = this;
    let kept = 0;
    for (let index = 0; index < this.used; index++) {
      const fd = ints[2 * index]!;
      if (fd < 0) continue;
      if (kept < index) {
        ints[2 * kept] = fd;
        ints[2 * kept + 1] = ints[2 * index + 1]!;
        indices.set(fd, kept);
      }
      kept++;
    }
    this.used = kept;
  }
}

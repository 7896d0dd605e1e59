import * as abi from './io-uring-abi.js';
import { ioUringCalls, type IoUringCalls } from './io-uring-calls.js';
import { MappedMemory } from './io-uring-memory.js';

/** Turns a negated error number into what to throw. */
export type Failure = (negated: number, syscall: string) => Error;

/** What takes completions. Must not throw. */
export interface Completions {
  /**
   * @param slot - What the request was given, and `generation`.
   * @param result - Zero or more, or a negated error number.
   * @param flags - `IORING_CQE_F_...`.
   */
  completed(slot: number, generation: number, result: number, flags: number): void;
}

/** How a ring was set up: the best that the kernel gives. */
export interface IoUringFeatures {
  /** Completions are prepared only while we enter the kernel, and by one thread: no interruptions, the least locking. */
  readonly deferTaskrun: boolean;
  /** The kernel takes submissions in ring order, without a table of indices. */
  readonly noSqArray: boolean;
}

/** Versions of Linux from which on we do something in another way. */
export type KernelVersion = '6.0' | '6.1' | '6.6' | '6.12';

/** Sets of flags, best first, and what they need. The last one came with multishot receives. */
const FLAG_SETS: readonly (readonly [since: KernelVersion, flags: number])[] = [
  ['6.6', abi.IORING_SETUP_SINGLE_ISSUER | abi.IORING_SETUP_DEFER_TASKRUN | abi.IORING_SETUP_NO_SQARRAY],
  ['6.1', abi.IORING_SETUP_SINGLE_ISSUER | abi.IORING_SETUP_DEFER_TASKRUN],
  ['6.0', abi.IORING_SETUP_SINGLE_ISSUER | abi.IORING_SETUP_COOP_TASKRUN],
];

/** Whether `version` has what came with `since`. */
export function hasSince(version: KernelVersion, since: KernelVersion): boolean {
  return Number(version.slice(2)) >= Number(since.slice(2));
}

const EINVAL = 22;

const HIGH = 2 ** 32;

/**
 * A pair of rings shared with the kernel. Requests are written into the one, completions are read from the other; {@link enter} is the only
 * system call.
 *
 * Heads and tails are read and written by Atomics: the kernel's side of them runs on other processors.
 *
 * A request is known by a slot and a generation, which come back with its completions. Descriptors are those of the caller; the kernel
 * keeps the open file of a pending request, whatever happens to the number.
 */
export class IoUring {
  readonly fd: number;
  readonly features: IoUringFeatures;
  private readonly calls: IoUringCalls = ioUringCalls();
  private readonly rings: MappedMemory;
  private readonly entries: MappedMemory;
  private readonly words: Int32Array;
  private readonly sqes: Int32Array;
  private readonly sqHead: number;
  private readonly sqTail: number;
  private readonly sqFlags: number;
  private readonly sqMask: number;
  private readonly sqSize: number;
  private readonly cqHead: number;
  private readonly cqTail: number;
  private readonly cqFlags: number;
  private readonly cqMask: number;
  private readonly cqes: number;
  /** Our copies of what we alone write. */
  private tail = 0;
  private head = 0;
  private isClosed = false;

  /**
   * @param submissions - How many requests fit before they must be handed over; a power of two.
   * @param completions - How many completions fit before the kernel has to keep some back.
   * @param upTo - Uses nothing that is newer, for tests.
   * @throws what `fail` makes of the error of `io_uring_setup`: `ENOSYS` (no io_uring), `EPERM` (forbidden by seccomp or sysctl), `EINVAL`
   *   (older than Linux 6.0), `ENOMEM` (RLIMIT_MEMLOCK), `EMFILE`.
   */
  constructor(submissions: number, completions: number, fail: Failure, upTo: KernelVersion = '6.12') {
    const parameters = new Int32Array(abi.PARAMS_WORDS);
    this.fd = this.setup(parameters, submissions, completions, upTo);
    if (this.fd < 0) throw fail(this.fd, 'io_uring_setup');
    const sq = (n: number): number => parameters[abi.PARAMS_SQ_OFFSETS + n]!;
    const cq = (n: number): number => parameters[abi.PARAMS_CQ_OFFSETS + n]!;
    const flags = parameters[abi.PARAMS_FLAGS]!;
    this.sqSize = parameters[abi.PARAMS_SQ_ENTRIES]!;
    const cqSize = parameters[abi.PARAMS_CQ_ENTRIES]!;
    const noSqArray = (flags & abi.IORING_SETUP_NO_SQARRAY) !== 0;
    this.features = { deferTaskrun: (flags & abi.IORING_SETUP_DEFER_TASKRUN) !== 0, noSqArray };
    const length = Math.max(cq(5) + cqSize * abi.CQE_WORDS * 4, noSqArray ? 0 : sq(6) + this.sqSize * 4);
    try {
      this.rings = new MappedMemory(length, fail, this.fd, abi.IORING_OFF_SQ_RING);
      try {
        this.entries = new MappedMemory(this.sqSize * abi.SQE_WORDS * 4, fail, this.fd, abi.IORING_OFF_SQES);
      } catch (error) {
        this.rings.unmap();
        throw error;
      }
    } catch (error) {
      this.calls.close(this.fd);
      throw error;
    }
    this.words = new Int32Array(this.rings.buffer);
    this.sqes = new Int32Array(this.entries.buffer);
    this.sqHead = sq(0) / 4;
    this.sqTail = sq(1) / 4;
    this.sqMask = this.sqSize - 1;
    this.sqFlags = sq(4) / 4;
    this.cqHead = cq(0) / 4;
    this.cqTail = cq(1) / 4;
    this.cqMask = cqSize - 1;
    this.cqes = cq(5) / 4;
    this.cqFlags = cq(6) / 4;
    if (!noSqArray) for (let i = 0; i < this.sqSize; i++) this.words[sq(6) / 4 + i] = i;
  }

  private setup(parameters: Int32Array, submissions: number, completions: number, upTo: KernelVersion): number {
    const always =
      abi.IORING_SETUP_CQSIZE | abi.IORING_SETUP_CLAMP | abi.IORING_SETUP_SUBMIT_ALL | abi.IORING_SETUP_TASKRUN_FLAG;
    let fd = 0;
    for (const [since, flags] of FLAG_SETS) {
      if (!hasSince(upTo, since)) continue;
      parameters.fill(0);
      parameters[abi.PARAMS_CQ_ENTRIES] = completions;
      parameters[abi.PARAMS_FLAGS] = always | flags;
      fd = this.calls.setup(submissions, parameters);
      if (fd !== -EINVAL) break;
    }
    return fd;
  }

  // ---- Requests -------------------------------------------------------------------------------------------------------------------

  /** How many requests can be written before {@link enter}. */
  room(): number {
    return this.sqSize - ((this.tail - Atomics.load(this.words, this.sqHead)) | 0);
  }

  /** Requests that were written and not handed over. */
  unsubmitted(): number {
    return (this.tail - Atomics.load(this.words, this.sqHead)) | 0;
  }

  /** Receives into the buffers of `group` as often as data arrives, until the stream ends or it is cancelled. There must be {@link room}. */
  recvMultishot(slot: number, generation: number, fd: number, group: number): void {
    const flags = (abi.IOSQE_BUFFER_SELECT << 8) | (abi.IORING_RECV_MULTISHOT << 16);
    this.write(abi.IORING_OP_RECV | flags, fd, 0, 0, 0, slot, generation, group);
  }

  /** Completes once, with `poll(2)`'s bits, when one of `events` holds. */
  poll(slot: number, generation: number, fd: number, events: number): void {
    this.write(abi.IORING_OP_POLL_ADD, fd, 0, 0, events, slot, generation, 0);
  }

  /** Cancels a request; its own completion tells that it is over. The cancellation itself completes as (`slot`, `generation`). */
  cancel(slot: number, generation: number, target: number, targetGeneration: number): void {
    this.write(abi.IORING_OP_ASYNC_CANCEL, -1, target + targetGeneration * HIGH, 0, 0, slot, generation, 0);
  }

  private write(
    head: number,
    fd: number,
    address: number,
    length: number,
    flags: number,
    slot: number,
    generation: number,
    group: number,
  ): void {
    const { sqes } = this;
    const at = (this.tail & this.sqMask) * abi.SQE_WORDS;
    sqes[at] = head;
    sqes[at + 1] = fd;
    sqes[at + 2] = 0;
    sqes[at + 3] = 0;
    sqes[at + 4] = address | 0;
    sqes[at + 5] = (address / HIGH) | 0;
    sqes[at + 6] = length;
    sqes[at + 7] = flags;
    sqes[at + 8] = slot;
    sqes[at + 9] = generation;
    sqes[at + 10] = group;
    sqes[at + 11] = 0;
    this.tail = (this.tail + 1) | 0;
    Atomics.store(this.words, this.sqTail, this.tail);
  }

  // ---- The kernel -----------------------------------------------------------------------------------------------------------------

  /** Whether {@link enter} could do anything: hand requests over, or prepare completions. */
  pending(): boolean {
    const { words } = this;
    return (
      this.tail !== Atomics.load(words, this.sqHead) ||
      (Atomics.load(words, this.sqFlags) & (abi.IORING_SQ_TASKRUN | abi.IORING_SQ_CQ_OVERFLOW)) !== 0
    );
  }

  /** Whether the kernel has completions to prepare. */
  hasWork(): boolean {
    return (Atomics.load(this.words, this.sqFlags) & abi.IORING_SQ_TASKRUN) !== 0;
  }

  /**
   * Hands over what was written, and lets the kernel prepare completions, some twenty of them: {@link pending} tells whether there are more.
   *
   * @param wait - How many completions to wait for; 0 does not wait.
   * @returns how many requests it took, or a negated error number (`EINTR`, `EBUSY`, `EAGAIN`): what it did not take stays.
   */
  enter(wait = 0): number {
    return this.calls.enter(this.fd, this.unsubmitted(), wait, abi.IORING_ENTER_GETEVENTS);
  }

  /** Whether completions are there. */
  get completions(): number {
    return (Atomics.load(this.words, this.cqTail) - this.head) | 0;
  }

  /** Hands the completions that are there to `to`. @returns how many. */
  reap(to: Completions): number {
    const { words, cqes, cqMask } = this;
    const count = this.completions;
    for (let i = 0; i < count; i++) {
      const at = cqes + (this.head & cqMask) * abi.CQE_WORDS;
      this.head = (this.head + 1) | 0;
      to.completed(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
    }
    if (count > 0) Atomics.store(words, this.cqHead, this.head);
    return count;
  }

  /** Has the kernel count completions on an eventfd. @returns 0 or the negated error number. */
  notify(eventfd: number): number {
    const argument = new Int32Array(1);
    argument[0] = eventfd;
    return this.calls.register(this.fd, abi.IORING_REGISTER_EVENTFD, argument, 1);
  }

  /**
   * As {@link notify}, in place of an earlier one. Linux 6.12 to 6.18 need that after a poll request on another eventfd has completed: the
   * kernel must not signal one eventfd while it signals another, does it a little later, and does so only once for each registration.
   */
  renotify(eventfd: number): number {
    const failed = this.calls.register(this.fd, abi.IORING_UNREGISTER_EVENTFD, null, 0);
    return failed < 0 ? failed : this.notify(eventfd);
  }

  /** Whether the eventfd is told of completions; while we look ourselves, it need not be. */
  setNotifying(notifying: boolean): void {
    Atomics.store(this.words, this.cqFlags, notifying ? 0 : abi.IORING_CQ_EVENTFD_DISABLED);
  }

  /** Cancels everything that is pending in the kernel and waits until it is over. @returns how many, or a negated error number. */
  cancelAll(): number {
    // struct io_uring_sync_cancel_reg: u64 addr, s32 fd, u32 flags, i64 seconds, i64 nanoseconds, u8 opcode, padding
    const argument = new Int32Array(16);
    argument[2] = -1;
    argument[3] = 1 | 4; // IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY
    argument.fill(-1, 4, 8); // no time limit
    return this.calls.register(this.fd, abi.IORING_REGISTER_SYNC_CANCEL, argument, 1);
  }

  /** Releases the ring; idempotent. Nothing may be pending that uses memory which is not kept mapped. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.calls.close(this.fd);
    this.entries.unmap();
    this.rings.unmap();
  }
}

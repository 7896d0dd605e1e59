import { fileDescriptor } from '@tsyncio/socket';
import { DescriptorPoll, systemError } from '@tsyncio/socket/native';

import { makeMirrorSet, type MirrorSet } from './mirror-set.js';
import { EVENT_READ } from './selector.js';

/** How a loop sleeps whose selector has no descriptor of ours. */
export interface LoopMirror {
  /** Makes what {@link want} needs, so that it cannot fail. @throws OSError */
  open(): unknown;
  /** From now on the selector is asked for `events` of a descriptor. A sleeping loop must have a turn after it. */
  want(fd: number, events: number): void;
  /** From now on the selector is asked for nothing of it. */
  forget(fd: number): void;
  /** The selector has reported something. */
  confirm(): void;
  /** Calls `turn`, which must only schedule, when the selector should be asked again, perhaps at once; until {@link disarm}. */
  arm(turn: () => void): void;
  /** No call from now on. Cheap; idempotent. */
  disarm(): void;
  /** Idempotent. */
  close(): void;
}

/**
 * How a loop sleeps whose selector has no descriptor of its own (select, poll, most selectors of users): the same interest in a private
 * epoll set (kqueue on macOS and FreeBSD), and libuv watches that one. It only tells that something may be ready; what is ready, the selector says.
 *
 * Before a loop sleeps it has asked its selector and heard of nothing. So the mirror must tell of whatever becomes ready from then on,
 * and of little else, or the loop turns for nothing:
 *  - An interest goes to the kernel when the loop falls asleep: one that never sleeps pays nothing, and one that changes often pays once.
 *    The end of an interest goes there at once, while the descriptor is still open.
 *  - The kernel refuses what has no readiness (EPERM: a regular file, /dev/null) or is not open (EBADF). select and poll report both
 *    always. So as long as there is such a descriptor the loop does not sleep; it is offered again each time.
 *  - epoll watches open files, select and poll numbers. A descriptor that was closed while it was watched may live on as a duplicate,
 *    be reported for ever, and nobody can name it any more. So a complaint about a number makes the mirror start afresh.
 *  - epoll always reports errors and hang-up, also where nobody asked for it: select does not tell a writer of hang-up. When that has
 *    woken the loop and the selector knows of nothing, it is from then on watched for changes (edge-triggered), not for its state.
 */
export class Mirror implements LoopMirror {
  private set: MirrorSet | null = null;
  private poll: DescriptorPoll | null = null;
  /** What the kernel was told: events by descriptor. */
  private readonly told = new Map<number, number>();
  /** What it is to be told before the next sleep. */
  private readonly changed = new Map<number, number>();
  private turn: (() => void) | null = null;
  /** It has woken the loop, and the selector has not reported anything since. */
  private doubtful = false;

  /** @param makeSet - Left out but in tests. */
  constructor(private readonly makeSet: () => MirrorSet = makeMirrorSet) {}

  /**
   * Makes the set, unless there is one.
   *
   * @throws OSError without a descriptor to spare (`EMFILE`). Error where there is neither epoll nor kqueue.
   */
  open(): MirrorSet {
    return (this.set ??= this.makeSet());
  }

  want(fd: number, events: number): void {
    this.changed.set(fd, events);
  }

  forget(fd: number): void {
    this.changed.delete(fd);
    if (this.told.delete(fd) && this.open().remove(fd) < 0) this.renew();
  }

  confirm(): void {
    this.doubtful = false;
  }

  arm(turn: () => void): void {
    this.turn = turn;
    if (this.doubtful) {
      this.doubtful = false;
      if (this.open().calm(this.told) < 0) this.renew();
      turn(); // for what became ready a moment ago and was calmed as well
    } else if (this.tellAll()) {
      this.poll ??= new DescriptorPoll(this.open().fd);
      this.poll.arm(this.wake);
    } else {
      turn();
    }
  }

  disarm(): void {
    this.turn = null;
    this.poll?.disarm();
  }

  close(): void {
    this.disarm();
    this.release();
    this.told.clear();
    this.changed.clear();
  }

  private readonly wake = (): void => {
    this.doubtful = true;
    this.turn?.();
  };

  /** @returns false if the kernel cannot watch one of them. */
  private tellAll(): boolean {
    const { changed } = this;
    for (const [fd, events] of changed) {
      if (this.tell(fd, events) >= 0) changed.delete(fd);
    }
    return changed.size === 0;
  }

  /** Tells the kernel at once. @returns a negative number if it cannot watch the descriptor: the negated error number, from epoll. */
  protected tell(fd: number, events: number): number {
    if (this.told.has(fd) && this.open().modify(fd, events) < 0) this.renew();
    if (!this.told.has(fd)) {
      const error = this.open().add(fd, events);
      if (error < 0) return error;
    }
    this.told.set(fd, events);
    return 0;
  }

  /** Starts afresh with an empty set, to be filled before the next sleep. */
  private renew(): void {
    this.release();
    const { told, changed } = this;
    for (const [fd, events] of told) if (!changed.has(fd)) changed.set(fd, events);
    told.clear();
    this.turn?.(); // a sleeping loop must fall asleep again
  }

  private release(): void {
    this.poll?.close(); // before the descriptor, otherwise libuv aborts the process
    this.poll = null;
    this.set?.close();
    this.set = null;
  }
}

/**
 * For a selector of someone else's that has a descriptor: shows that one and nothing else.
 *
 * libuv could watch it directly, as it does with our own, but aborts the process if it turns out not to be pollable, or to be watched already.
 */
export class NestedMirror extends Mirror {
  private shown = false;

  constructor(private readonly selector: { fileno(): number }) {
    super();
  }

  override want(): void {}

  override forget(): void {}

  /** @throws OSError if the descriptor cannot be watched. ValueError if it is none. */
  override arm(turn: () => void): void {
    if (!this.shown) {
      const error = this.tell(fileDescriptor(this.selector), EVENT_READ);
      if (error < 0) throw systemError(error, 'epoll_ctl');
      this.shown = true;
    }
    super.arm(turn);
  }
}

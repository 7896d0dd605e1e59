import { DescriptorPoll, isSocket, type PollInterest, systemCalls } from '@tsyncio/socket/native';

import type { LoopMirror } from './mirror.js';
import { EVENT_READ, EVENT_WRITE } from './selector.js';

/**
 * How a loop sleeps on Windows, where no descriptor stands for many: libuv watches each socket by itself, for what the selector is asked about it.
 *
 * An interest goes to libuv when the loop falls asleep, its end at once. Watched sockets become non-blocking: libuv sees to that.
 */
export class SocketMirror implements LoopMirror {
  private readonly polls = new Map<number, DescriptorPoll>();
  /** What libuv is to be told before the next sleep. */
  private readonly changed = new Map<number, number>();

  open(): void {}

  confirm(): void {}

  want(s: number, events: number): void {
    this.changed.set(s, events);
  }

  forget(s: number): void {
    this.changed.delete(s);
    this.polls.get(s)?.close();
    this.polls.delete(s);
  }

  arm(turn: () => void): void {
    const { polls, changed } = this;
    for (const [s, events] of changed) if (this.tell(s, events)) changed.delete(s);
    if (changed.size > 0)
      turn(); // the selector will say what is wrong with it
    else for (const poll of polls.values()) poll.arm(turn);
  }

  disarm(): void {
    for (const poll of this.polls.values()) poll.disarm();
  }

  close(): void {
    for (const poll of this.polls.values()) poll.close();
    this.polls.clear();
    this.changed.clear();
  }

  /** @returns false for what is no open socket. */
  private tell(s: number, events: number): boolean {
    if (isSocket(s) < 0) return false;
    const poll = this.polls.get(s);
    if (poll !== undefined) {
      poll.change(interestOf(events));
      return true;
    }
    systemCalls().setNonblocking(s, true);
    this.polls.set(s, new DescriptorPoll(s, interestOf(events)));
    return true;
  }
}

function interestOf(events: number): PollInterest {
  return { readable: (events & EVENT_READ) !== 0, writable: (events & EVENT_WRITE) !== 0 };
}

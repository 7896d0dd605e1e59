import type { HandleOwner } from '@tsyncio/core';
import type { ChildStatus, ExitWatch, ProcessIo } from '@tsyncio/socket';
import {
  DescriptorPoll,
  hasEnded,
  killProcess,
  pidfdOpen,
  reap,
  systemCalls,
  systemError,
} from '@tsyncio/socket/native';

import type { Child } from './child.js';

const SIGKILL = 9;

/** What a {@link SpawnedChild} needs of the loop. */
export interface ChildLoop extends HandleOwner {
  readonly backend: ProcessIo;
}

/** A child that `posix_spawn` has started: nobody but us reaps it, so that until then its pid stays its own. */
export class SpawnedChild implements Child {
  private exit: ExitWatch | null = null;
  /** It was reaped with nobody to tell: its pid may be another's by now. */
  private gone = false;

  constructor(
    private readonly loop: ChildLoop,
    readonly pid: number,
  ) {}

  watch(onExit: (status: ChildStatus) => unknown): void {
    const { loop, pid } = this;
    this.exit = loop.backend.watchExit(pid, onExit, loop);
  }

  abandon(onEnd: () => void): void {
    const { pid } = this;
    this.exit?.stop();
    const fd = pidfdOpen(pid);
    if (fd < 0) return; // no descriptor is left: then this process' end is what reaps it
    const poll = new DescriptorPoll(fd);
    poll.arm(() => {
      if (reap(pid) === undefined) return;
      this.gone = true;
      poll.close();
      systemCalls().close(fd);
      onEnd();
    });
  }

  hasEnded(): boolean {
    return this.gone || hasEnded(this.pid);
  }

  sendSignal(signal: number): void {
    if (this.gone) return;
    const failed = killProcess(this.pid, signal);
    if (failed < 0) throw systemError(failed, 'kill');
  }

  discard(): void {
    this.exit?.stop();
    killProcess(this.pid, SIGKILL);
    reap(this.pid, true);
  }
}

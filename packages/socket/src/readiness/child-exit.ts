import { Handle, type HandleOwner } from '@tsyncio/core';

import { systemError } from '../native/errno.js';
import { pidfdOpen } from '../native/linux/pidfd.js';
import { systemCalls } from '../native/platform.js';
import { reap } from '../native/posix/spawn-children.js';
import type { ChildStatus, ExitWatch, WatchIo } from '../ports.js';

/** `ProcessIo` of a backend that watches descriptors: a pidfd is readable when its process has ended. Internal. */
export class ChildExit implements ExitWatch {
  /** -1 once closed. */
  private fd: number;

  constructor(
    private readonly io: WatchIo,
    private readonly pid: number,
    private readonly onExit: (status: ChildStatus) => unknown,
    loop: HandleOwner,
  ) {
    const fd = pidfdOpen(pid);
    if (fd < 0) throw systemError(fd, 'pidfd_open');
    this.fd = fd;
    try {
      io.addReader(fd, new Handle(() => this.readable(), [], loop));
    } catch (error) {
      systemCalls().close(fd);
      throw error;
    }
  }

  stop(): void {
    const { fd } = this;
    if (fd < 0) return;
    this.fd = -1;
    this.io.removeReader(fd);
    systemCalls().close(fd);
  }

  private readable(): unknown {
    const status = reap(this.pid);
    if (status === undefined) return undefined; // not yet
    this.stop();
    return this.onExit(status);
  }
}

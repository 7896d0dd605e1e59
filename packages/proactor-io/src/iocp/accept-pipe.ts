import { Handle, type HandleOwner, type OSError } from '@tsyncio/core';
import type { Acceptor } from '@tsyncio/socket';
import { E, systemError } from '@tsyncio/socket/native';

import { Operation } from '../operation.js';
import type { IocpProactor } from './iocp-proactor.js';

/** Waits for the client of one instance of a pipe. */
export class AcceptPipe extends Operation implements Acceptor {
  private error: OSError | null = null;
  private stopped = false;
  private readonly handle: Handle;

  constructor(
    private readonly io: IocpProactor,
    private readonly pipe: number,
    onConnected: (error: OSError | null) => unknown,
    loop: HandleOwner,
  ) {
    super();
    this.handle = new Handle(() => onConnected(this.error), [], loop);
    io.queue.want(this);
  }

  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.handle.cancel();
    this.io.queue.cancelNow(this);
  }

  override reconcile(): void {
    if (this.wanted && this.slot < 0) this.io.queue.connectNamedPipe(this, this.pipe);
  }

  override completed(result: number): void {
    if (this.stopped || !this.wanted) return;
    this.io.queue.unwant(this);
    // A client that has gone again is one that reads nothing.
    if (result < 0 && result !== -E.EPIPE) this.error = systemError(result, 'ConnectNamedPipe');
    this.io.addReady(this.handle);
  }
}

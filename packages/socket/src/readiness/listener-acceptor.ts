import { Handle, type HandleOwner, isOSError, type OSError } from '@tsyncio/core';

import type { Address } from '../address.js';
import type { Acceptor, WatchIo } from '../ports.js';
import { acceptedFrom, type Socket } from '../socket.js';

/**
 * `AcceptIo` of a backend that watches descriptors: takes the connections of a listener, at most `backlog` for each time that it is
 * reported to have some. What is not taken stays in the kernel, so that nothing is lost when it stops. Internal.
 */
export class ListenerAcceptor implements Acceptor {
  private handle: Handle | null;

  constructor(
    private readonly io: WatchIo,
    private readonly listener: Socket,
    private readonly backlog: number,
    private readonly onAccept: (socket: Socket, peer: Address) => void,
    private readonly onError: (error: OSError) => void,
    loop: HandleOwner,
  ) {
    listener.setblocking(false);
    this.handle = new Handle(() => this.accept(), [], loop);
    io.addReader(listener, this.handle);
  }

  stop(): void {
    const { handle } = this;
    if (handle === null) return;
    this.handle = null;
    // Unless someone else has taken the listener over meanwhile.
    if (!handle.cancelled()) this.io.removeReader(this.listener);
  }

  private accept(): void {
    // `backlog` may be 0, which still means one (the kernel keeps room for one as well).
    for (let i = Math.max(this.backlog, 1); i > 0 && this.handle !== null; i--) {
      const accepted = this.listener.tryAccept();
      if (accepted === null) return;
      if (isOSError(accepted)) {
        this.stop();
        this.onError(accepted);
        return;
      }
      this.onAccept(accepted, acceptedFrom());
    }
  }
}

import type { OSError, TimerHandle } from '@tsyncio/core';
import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { AcceptIo, Acceptor, Address, Socket } from '@tsyncio/socket';
import { TransportSocket } from '@tsyncio/transports-protocols';

/** Seconds until a listener tries again after the system has run out of something. */
const ACCEPT_RETRY_DELAY = 1;

/** No more descriptors or memory: the connection stays in the kernel's queue, and may be accepted later. */
const OUT_OF_RESOURCES = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'];

/** The listener itself is of no use any more: another attempt would fail as well. */
const BROKEN = ['EBADF', 'EINVAL', 'ENOTSOCK', 'EOPNOTSUPP'];

/** One listening socket of a server. */
export class Listener {
  private acceptor: Acceptor | null = null;
  private retry: TimerHandle | null = null;

  constructor(
    readonly socket: Socket,
    private readonly loop: TaskLoop<AcceptIo>,
    private readonly backlog: number,
    private readonly onAccept: (socket: Socket, peer: Address) => void,
  ) {}

  /** @throws OSError if it cannot listen (`EADDRINUSE`). */
  listen(): void {
    this.socket.listen(this.backlog);
    this.accept();
  }

  /** No connection is accepted any more. Idempotent. */
  stop(): void {
    this.acceptor?.stop();
    this.acceptor = null;
    this.retry?.cancel();
    this.retry = null;
  }

  private accept(): void {
    const { loop, socket, backlog, onAccept } = this;
    this.acceptor = loop.backend.startAccepting(socket, backlog, onAccept, (error) => this.failed(error), loop);
  }

  /** The backend has stopped accepting. */
  private failed(error: OSError): void {
    this.acceptor = null;
    const { loop } = this;
    const isTemporary = OUT_OF_RESOURCES.includes(error.code ?? '');
    loop.callExceptionHandler({
      message: isTemporary ? 'socket.accept() out of system resource' : 'socket.accept() failed',
      exception: error,
      socket: new TransportSocket(this.socket),
    });
    if (isTemporary) this.retry = loop.callLater(ACCEPT_RETRY_DELAY, () => this.accept());
    else if (!BROKEN.includes(error.code ?? '')) this.accept();
  }
}

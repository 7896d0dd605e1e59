import { brand, isExitError, logger, type IoBackend, type OSError } from '@tsyncio/core';
import { operation, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { Acceptor, NamedPipeIo, PipeHandle } from '@tsyncio/socket';
import {
  checkFactory,
  DuplexPipeTransport,
  type ProtocolFactory,
  requireNamedPipes,
} from '@tsyncio/transports-protocols';

/**
 * A server on a named pipe of Windows: it has an instance for a client at any time. Made by `startServingPipe`. asyncio: `PipeServer`.
 */
export class PipeServer {
  static {
    brand(this.prototype, 'PipeServer');
  }
  /** Instances without a client: the one that waits, and the next one. */
  private waiting: PipeHandle | null = null;
  private next: PipeHandle | null;
  private acceptor: Acceptor | null = null;

  /** Internal: use `startServingPipe`. @throws OSError (`EACCES`) if the address is served already. */
  constructor(
    private readonly loop: TaskLoop<NamedPipeIo>,
    private readonly protocolFactory: ProtocolFactory,
    private readonly address: string,
  ) {
    this.next = loop.backend.createPipeInstance(address, true);
    loop.onClose(() => this.close());
    loop.callSoon(this.accept);
  }

  /** Whether it was closed. */
  closed(): boolean {
    return this.next === null;
  }

  /** Takes no more clients; connections that stand go on. Idempotent. */
  close(): void {
    this.acceptor?.stop();
    this.waiting?.close();
    this.next?.close();
    this.acceptor = this.waiting = this.next = null;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** `<PipeServer \\\\.\\pipe\\name>`, also with `closed`. */
  toString(): string {
    return `<${this.constructor.name}${this.closed() ? ' closed' : ''} ${this.address}>`;
  }

  private readonly accept = (): void => {
    const { loop, next, address } = this;
    if (next === null) return;
    try {
      // There is one at any time, so that no client fails to connect.
      this.next = loop.backend.createPipeInstance(address, false);
      this.waiting = next;
      this.acceptor = loop.backend.acceptPipe(next, (error) => this.accepted(next, error), loop);
    } catch (error) {
      this.failed(next, error);
    }
  };

  private accepted(pipe: PipeHandle, error: OSError | null): void {
    this.acceptor = this.waiting = null;
    if (error !== null) this.failed(pipe, error);
    else {
      this.welcome(pipe);
      this.accept();
    }
  }

  private welcome(pipe: PipeHandle): void {
    try {
      const protocol = this.protocolFactory();
      const transport = new DuplexPipeTransport(this.loop, pipe, protocol, this.address);
      if (this.loop.getDebug()) logger.debug(`${String(this)} got a new client: ${String(transport)}`);
    } catch (error) {
      pipe.close();
      if (isExitError(error)) throw error;
      const message = 'Error on transport creation for incoming connection';
      this.loop.callExceptionHandler({ message, exception: error });
    }
  }

  private failed(pipe: PipeHandle, exception: unknown): void {
    this.waiting = null;
    this.loop.callExceptionHandler({ message: 'Pipe accept failed', exception, pipe });
    pipe.close();
    // As CPython by now; 3.8 stops accepting. Without another instance it is over.
    if (this.next === pipe) this.close();
    else this.loop.callSoon(this.accept);
  }
}

/**
 * Serves a named pipe of Windows: every client gets a protocol and a transport of its own. asyncio: `ProactorEventLoop.start_serving_pipe`.
 *
 * @param address - `\\\\.\\pipe\\name`
 * @returns A list with the server, as in asyncio.
 * @throws Through the operation: PermissionError if it is served already; NotImplementedError where there are no named pipes; TypeError for wrong
 *   arguments.
 */
export function startServingPipe(
  loop: TaskLoop<IoBackend>,
  protocolFactory: ProtocolFactory,
  address: string,
): Operation<[PipeServer]> {
  return operation(loop, starting(loop, protocolFactory, address), { context: true });
}

function* starting(
  loop: TaskLoop<IoBackend>,
  factory: ProtocolFactory,
  address: string,
): Generator<never, [PipeServer], unknown> {
  checkFactory('startServingPipe', factory);
  requireNamedPipes('startServingPipe', loop, address);
  return [new PipeServer(loop, factory, address)];
}

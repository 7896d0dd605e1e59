import { IocpProactor, IoUringProactor, type Proactor } from '@tsyncio/proactor-io';
import type { Operation } from '@tsyncio/futures-tasks';
import { type PipeServer, startServingPipe } from '@tsyncio/server';
import {
  createPipeConnection,
  type ProtocolFactory,
  type StreamProtocol,
  type Transport,
} from '@tsyncio/transports-protocols';
import { EventLoop } from './event-loop.js';

/**
 * The loop over a proactor: io_uring, or I/O completion ports on Windows. asyncio: `ProactorEventLoop`. What a `SelectorEventLoop` can do it does
 * too; on Windows, as in asyncio, without `addReader` and its kin.
 *
 * @example
 * await run(main, { loopFactory: () => new ProactorEventLoop() });
 */
export class ProactorEventLoop extends EventLoop<Proactor> {
  /**
   * @param proactor - Default an `IoUringProactor`, on Windows an `IocpProactor`. The loop owns it and closes it.
   * @throws RuntimeError if the default is impossible here, with the reason: see `explainBackend`.
   */
  constructor(proactor: Proactor = process.platform === 'win32' ? new IocpProactor() : new IoUringProactor()) {
    super({ backend: proactor });
  }

  /**
   * Connects to a named pipe of Windows. asyncio: `create_pipe_connection`. See `createPipeConnection` of `@tsyncio/transports-protocols`.
   *
   * @throws Through the operation: NotImplementedError on other systems.
   */
  createPipeConnection<P extends StreamProtocol>(
    protocolFactory: ProtocolFactory<P>,
    address: string,
  ): Operation<[Transport, P]> {
    return createPipeConnection(this, protocolFactory, address);
  }

  /**
   * Serves a named pipe of Windows. asyncio: `start_serving_pipe`. See `startServingPipe` of `@tsyncio/server`.
   *
   * @throws Through the operation: NotImplementedError on other systems.
   */
  startServingPipe(protocolFactory: ProtocolFactory, address: string): Operation<[PipeServer]> {
    return startServingPipe(this, protocolFactory, address);
  }
}

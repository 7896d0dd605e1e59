import { IocpProactor, IoUringProactor, type Proactor } from '@tsyncio/proactor-io';
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
}

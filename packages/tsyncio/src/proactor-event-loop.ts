import { IoUringProactor, type Proactor } from '@tsyncio/proactor-io';
import { EventLoop } from './event-loop.js';

/**
 * The loop over a proactor: io_uring. asyncio: `ProactorEventLoop`. Everything that a `SelectorEventLoop` can do it does too.
 *
 * @example
 * await run(main, { loopFactory: () => new ProactorEventLoop() });
 */
export class ProactorEventLoop extends EventLoop<Proactor> {
  /**
   * @param proactor - Default an `IoUringProactor`. The loop owns it and closes it.
   * @throws RuntimeError if the default is impossible here, with the reason: see `explainBackend`.
   */
  constructor(proactor: Proactor = new IoUringProactor()) {
    super({ backend: proactor });
  }
}

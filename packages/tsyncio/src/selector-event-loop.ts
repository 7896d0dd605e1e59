import { SelectorIo, type Selector } from '@tsyncio/selector-io';
import { EventLoop } from './event-loop.js';

/**
 * The loop over a selector: epoll, poll, select or kqueue. asyncio: `SelectorEventLoop`.
 *
 * @example
 * const loop = new SelectorEventLoop(new EpollSelector());
 */
export class SelectorEventLoop extends EventLoop<SelectorIo> {
  /** @param selector - Default the best of the platform. The loop owns it and closes it. */
  constructor(selector?: Selector) {
    super({ backend: new SelectorIo(selector) });
  }
}

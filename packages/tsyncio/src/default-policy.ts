import { BaseDefaultEventLoopPolicy } from '@tsyncio/policy';
import type { EventLoop } from './event-loop.js';
import { SelectorEventLoop } from './selector-event-loop.js';

/** Makes {@link SelectorEventLoop}s. asyncio: `DefaultEventLoopPolicy`. */
export class DefaultEventLoopPolicy extends BaseDefaultEventLoopPolicy<EventLoop> {
  override loopFactory(): EventLoop {
    return new SelectorEventLoop();
  }
}

import { BaseDefaultEventLoopPolicy } from '@tsyncio/policy';
import type { EventLoop } from './event-loop.js';
import { ProactorEventLoop } from './proactor-event-loop.js';
import { SelectorEventLoop } from './selector-event-loop.js';

/** Makes {@link SelectorEventLoop}s; on Windows {@link ProactorEventLoop}s. asyncio: `DefaultEventLoopPolicy`. */
export class DefaultEventLoopPolicy extends BaseDefaultEventLoopPolicy<EventLoop> {
  override loopFactory(): EventLoop {
    return process.platform === 'win32' ? new ProactorEventLoop() : new SelectorEventLoop();
  }
}

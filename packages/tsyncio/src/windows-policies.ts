import { NotImplementedError } from '@tsyncio/core';
import { BaseDefaultEventLoopPolicy } from '@tsyncio/policy';
import { DefaultEventLoopPolicy } from './default-policy.js';
import type { EventLoop } from './event-loop.js';
import { SelectorEventLoop } from './selector-event-loop.js';

/**
 * Makes `ProactorEventLoop`s, on I/O completion ports: the default on Windows. asyncio: `WindowsProactorEventLoopPolicy`.
 *
 * @throws NotImplementedError when it is made elsewhere.
 */
export class WindowsProactorEventLoopPolicy extends DefaultEventLoopPolicy {
  constructor() {
    super();
    requireWindows('WindowsProactorEventLoopPolicy', '{ loopFactory: () => new ProactorEventLoop() }');
  }
}

/**
 * Makes `SelectorEventLoop`s, on winsock's `select`: sockets, at most 512 for each direction, and readers and writers, which the proactor's loops do
 * not have; no pipes. asyncio: `WindowsSelectorEventLoopPolicy`.
 *
 * @throws NotImplementedError when it is made elsewhere.
 *
 * @example
 * if (process.platform === 'win32') setEventLoopPolicy(new WindowsSelectorEventLoopPolicy());
 */
export class WindowsSelectorEventLoopPolicy extends BaseDefaultEventLoopPolicy<EventLoop> {
  constructor() {
    super();
    requireWindows('WindowsSelectorEventLoopPolicy', '{ loopFactory: () => new SelectorEventLoop() }');
  }

  override loopFactory(): EventLoop {
    return new SelectorEventLoop();
  }
}

function requireWindows(name: string, instead: string): void {
  if (process.platform === 'win32') return;
  throw new NotImplementedError(`${name} is for Windows; on ${process.platform}: run(main, ${instead})`);
}

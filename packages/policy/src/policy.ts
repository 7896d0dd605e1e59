import { brand, hasBrand, NotImplementedError, repr, RuntimeError, type AnyLoop, type LoopPolicy } from '@tsyncio/core';
import { isMainThread, threadId } from 'node:worker_threads';

/**
 * Decides what "the current event loop" means and how one is made. asyncio: `AbstractEventLoopPolicy`. Every method throws
 * NotImplementedError until overridden. Child watchers are not offered.
 *
 * @typeParam L - The loops it hands out.
 */
export class AbstractEventLoopPolicy<L extends AnyLoop = AnyLoop> implements LoopPolicy {
  static {
    brand(this.prototype, 'EventLoopPolicy');
  }

  /** The current loop of this thread. asyncio: `get_event_loop`. */
  getEventLoop(): L {
    throw new NotImplementedError('AbstractEventLoopPolicy.getEventLoop');
  }

  /** Makes `loop`, or none, the current one of this thread. asyncio: `set_event_loop`. */
  setEventLoop(_loop: L | null): void {
    throw new NotImplementedError('AbstractEventLoopPolicy.setEventLoop');
  }

  /** A new loop, which does not become the current one. asyncio: `new_event_loop`. */
  newEventLoop(): L {
    throw new NotImplementedError('AbstractEventLoopPolicy.newEventLoop');
  }
}

/**
 * asyncio's usual policy: one current loop for each thread; in the main thread one is made at the first use. asyncio:
 * `BaseDefaultEventLoopPolicy`. A subclass says how a loop is made.
 *
 * @example
 * class PollPolicy extends BaseDefaultEventLoopPolicy<SelectorEventLoop> {
 *   override loopFactory(): SelectorEventLoop { return new SelectorEventLoop(new PollSelector()); }
 * }
 * setEventLoopPolicy(new PollPolicy());
 */
export class BaseDefaultEventLoopPolicy<L extends AnyLoop = AnyLoop> extends AbstractEventLoopPolicy<L> {
  // A policy object belongs to one JavaScript thread, so fields are thread-local.
  private current: L | null = null;
  private wasSet = false;

  /** Makes a loop; the subclass gives it. asyncio: `_loop_factory`. */
  loopFactory(): L {
    throw new NotImplementedError('BaseDefaultEventLoopPolicy.loopFactory');
  }

  /**
   * @throws RuntimeError if there is no current loop: in a worker until one was set, and anywhere after `setEventLoop(null)`.
   */
  override getEventLoop(): L {
    if (this.current === null && !this.wasSet && isMainThread) this.setEventLoop(this.newEventLoop());
    if (this.current === null) {
      const thread = isMainThread ? 'the main thread' : `worker thread ${threadId}`;
      throw new RuntimeError(`There is no current event loop in ${thread}.`);
    }
    return this.current;
  }

  /** @throws TypeError if `loop` is neither null nor an event loop. */
  override setEventLoop(loop: L | null): void {
    checkLoop('setEventLoop', loop);
    this.wasSet = true;
    this.current = loop;
  }

  override newEventLoop(): L {
    return this.loopFactory();
  }
}

function checkLoop(method: string, loop: unknown): void {
  if (loop === null || hasBrand(loop, 'EventLoop')) return;
  throw new TypeError(`${method}: loop must be an event loop or null, got ${repr(loop)}`);
}

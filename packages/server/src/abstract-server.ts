import { brand, NotImplementedError } from '@tsyncio/core';
import { failedOperation, type Operation } from '@tsyncio/futures-tasks';

function missing(method: string): NotImplementedError {
  return new NotImplementedError(`${method}() is not implemented by this server`);
}

/**
 * What every server offers. Its methods throw `NotImplementedError`, those that wait when awaited, until overridden.
 * asyncio: `asyncio.AbstractServer`.
 */
export class AbstractServer {
  static {
    brand(this.prototype, 'AbstractServer');
  }

  /** Stops listening; connections that were accepted go on. asyncio: `close`. */
  close(): void {
    throw missing('close');
  }

  /** Closes the transports of its connections. asyncio: `close_clients`, since 3.13. */
  closeClients(): void {
    throw missing('closeClients');
  }

  /** Closes them at once: what is buffered is lost. asyncio: `abort_clients`, since 3.13. */
  abortClients(): void {
    throw missing('abortClients');
  }

  /** The event loop that it belongs to. asyncio: `get_loop`. */
  getLoop(): unknown {
    throw missing('getLoop');
  }

  /** Whether new connections are accepted. asyncio: `is_serving`. */
  isServing(): boolean {
    throw missing('isServing');
  }

  /** Begins to accept connections. Idempotent. asyncio: `start_serving`. */
  startServing(): Operation<void> {
    return failedOperation(null, missing('startServing'));
  }

  /** Accepts connections until cancelled. asyncio: `serve_forever`. */
  serveForever(): Operation<never> {
    return failedOperation(null, missing('serveForever'));
  }

  /** Waits until the server is closed and its connections are gone. asyncio: `wait_closed`. */
  waitClosed(): Operation<void> {
    return failedOperation(null, missing('waitClosed'));
  }

  /** Closes and waits: `await using server = await createServer(...)`. asyncio: `async with`. */
  [Symbol.asyncDispose](): PromiseLike<void> {
    this.close();
    return this.waitClosed();
  }
}

import { brand } from '@tsyncio/core';

/** `getNowait` on a queue without items. asyncio: `asyncio.QueueEmpty`. */
export class QueueEmpty extends Error {
  static {
    brand(this.prototype, 'QueueEmpty');
    Object.defineProperty(this.prototype, 'name', { value: 'QueueEmpty', writable: true, configurable: true });
  }
}

/** `putNowait` on a queue without room. asyncio: `asyncio.QueueFull`. */
export class QueueFull extends Error {
  static {
    brand(this.prototype, 'QueueFull');
    Object.defineProperty(this.prototype, 'name', { value: 'QueueFull', writable: true, configurable: true });
  }
}

/** `put` on a queue that was shut down, or `get` on one that is empty as well. asyncio: `asyncio.QueueShutDown`, since 3.13. */
export class QueueShutDown extends Error {
  static {
    brand(this.prototype, 'QueueShutDown');
    Object.defineProperty(this.prototype, 'name', { value: 'QueueShutDown', writable: true, configurable: true });
  }
}

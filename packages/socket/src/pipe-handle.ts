import { NodeHost, ValueError } from '@tsyncio/core';

import { namedPipes } from './native/win32/pipe-calls.js';

const host = new NodeHost();

const dropped = new FinalizationRegistry<number>((handle) => {
  host.warn(`unclosed <PipeHandle handle=${handle}>`, 'ResourceWarning');
  namedPipes.close(handle);
});

/** Holds the handle of a named pipe of Windows, and closes it. asyncio: `windows_utils.PipeHandle`. */
export class PipeHandle {
  private held: number;

  /** @param handle - Of an overlapped pipe; it belongs to this object from now on. */
  constructor(handle: number) {
    this.held = handle;
    dropped.register(this, handle, this);
  }

  /** The handle; null once closed. */
  get handle(): number | null {
    return this.held < 0 ? null : this.held;
  }

  /** The handle. @throws ValueError once closed. */
  fileno(): number {
    if (this.held < 0) throw new ValueError('I/O operation on closed pipe');
    return this.held;
  }

  /** Idempotent. */
  close(): void {
    if (this.held < 0) return;
    dropped.unregister(this);
    namedPipes.close(this.held);
    this.held = -1;
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** `<PipeHandle handle=412>` or `<PipeHandle closed>` */
  toString(): string {
    return `<${this.constructor.name} ${this.held < 0 ? 'closed' : `handle=${this.held}`}>`;
  }
}

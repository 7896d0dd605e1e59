import { NodeHost, NotImplementedError, repr, ValueError } from '@tsyncio/core';

import { pathError } from './native/errno.js';
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

  /**
   * Two ends of a new pipe: what is written to the second is read from the first. Both are overlapped. asyncio: `windows_utils.pipe`.
   *
   * @param options - `duplex` (default false): in both directions. A transport that writes to such an end notices at once when the other is
   *   closed; else with its next write.
   * @throws TypeError for a wrong option; NotImplementedError on other systems; OSError.
   *
   * @example
   * const [reader, writer] = PipeHandle.pair();
   * const [transport] = await loop.connectReadPipe(() => new Lines(), reader);
   */
  static pair({ duplex = false }: { readonly duplex?: boolean | undefined } = {}): [
    reader: PipeHandle,
    writer: PipeHandle,
  ] {
    if (typeof duplex !== 'boolean') throw new TypeError(`pair: duplex must be a boolean, got ${repr(duplex)}`);
    if (process.platform !== 'win32') throw new NotImplementedError('PipeHandle is of Windows');
    const { randomUUID } = process.getBuiltinModule('node:crypto');
    const name = `\\\\.\\pipe\\tsyncio-${process.pid}-${randomUUID()}`;
    const reader = new PipeHandle(made(namedPipes.createReader(name, duplex), 'CreateNamedPipe', name));
    try {
      return [reader, new PipeHandle(made(namedPipes.open(name, duplex), 'CreateFile', name))];
    } catch (error) {
      reader.close();
      throw error;
    }
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

/** @throws OSError with `path` for a negated error number. */
function made(pipe: number, syscall: string, path: string): number {
  if (pipe < 0) throw pathError(pipe, syscall, path);
  return pipe;
}

import { MemoryEnd } from './end.js';
import { describe, memoryError, newDescriptor, type Simulated } from './source.js';

/** One end of a pipe without a kernel: for a transport, or to be used by hand. Each end goes one way only. Non-blocking. */
export class MemoryPipe implements Simulated {
  /** How often it was closed. */
  closings = 0;
  private readonly fd = newDescriptor();

  constructor(readonly source: MemoryEnd) {
    describe(this.fd, this);
  }

  get isOpen(): boolean {
    return this.closings === 0;
  }

  fileno(): number {
    return this.fd;
  }

  close(): void {
    this.closings++;
    describe(this.fd, null);
    this.source.close();
  }

  /** @returns how many bytes were read, 0 at the end. Throws OSError (`EAGAIN`). */
  read(into: Uint8Array): number {
    return this.waitless(this.source.receive(into, 'read'), 'read');
  }

  /** @returns how many bytes were written. Throws OSError (`EAGAIN`, `EPIPE`). */
  write(data: Uint8Array): number {
    return this.waitless(this.source.transmit(data, 'write'), 'write');
  }

  private waitless(n: number | null, syscall: string): number {
    if (!this.isOpen) throw memoryError('EBADF', syscall);
    if (n === null) throw memoryError('EAGAIN', syscall);
    return n;
  }
}

/** The two ends of a pipe, without a kernel. */
export function memoryPipe(): [readEnd: MemoryPipe, writeEnd: MemoryPipe] {
  const [readEnd, writeEnd] = MemoryEnd.pair();
  return [new MemoryPipe(readEnd), new MemoryPipe(writeEnd)];
}

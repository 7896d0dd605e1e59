import { koffi } from '../koffi.js';
import { ioUringCalls } from './io-uring-calls.js';

/**
 * Memory that we have mapped, and that no garbage collector moves, detaches or frees: the only kind that pending operations may use.
 *
 * After {@link unmap} nobody may look at a view of it.
 */
export class MappedMemory {
  readonly address: number;
  /** The memory as JavaScript sees it. */
  readonly buffer: ArrayBuffer;

  /**
   * @param length - Bytes.
   * @param fail - Turns a negated error number into what to throw.
   * @param fd - A descriptor to map; by default fresh memory.
   */
  constructor(
    readonly length: number,
    fail: (negated: number, syscall: string) => Error,
    fd = -1,
    offset = 0,
  ) {
    const address = ioUringCalls().map(fd, length, offset);
    if (address < 0) throw fail(address, 'mmap');
    this.address = address;
    this.buffer = koffi().view(BigInt(address), length);
  }

  /** Once, and last of all. */
  unmap(): void {
    ioUringCalls().unmap(this.address, this.length);
  }
}

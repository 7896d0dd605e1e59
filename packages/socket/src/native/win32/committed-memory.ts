import { koffi } from '../koffi.js';
import { completionCalls } from './completion-calls.js';
import { errnoOf } from './errors.js';

const MEM_COMMIT_RESERVE = 0x3000;
const MEM_RELEASE = 0x8000;
const PAGE_READWRITE = 4;

/**
 * Memory of the process that no garbage collector moves, detaches or frees: the only kind that pending operations may use. Its pages exist once
 * they are touched.
 *
 * After {@link free} nobody may look at a view of it.
 */
export class CommittedMemory {
  readonly address: number;
  /** The memory as JavaScript sees it. */
  readonly buffer: ArrayBuffer;

  /**
   * @param length - Bytes.
   * @param fail - Turns a negated error number into what to throw.
   */
  constructor(length: number, fail: (negated: number, syscall: string) => Error) {
    const calls = completionCalls();
    this.address = calls.allocate(0, length, MEM_COMMIT_RESERVE, PAGE_READWRITE);
    if (this.address === 0) throw fail(-errnoOf(calls.lastError()), 'VirtualAlloc');
    this.buffer = koffi().view(BigInt(this.address), length);
  }

  /** Once, and last of all. */
  free(): void {
    completionCalls().free(this.address, 0, MEM_RELEASE);
  }
}

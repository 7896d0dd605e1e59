import { ValueError } from '@tsyncio/core';

import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from './errno-memory.js';
import { requirePosix } from './require-posix.js';

/** How many descriptors an `fd_set` has room for: 0 to 1023, on every POSIX system that we know. */
const FD_SETSIZE = 1024;

/**
 * An `fd_set` is an array of bits: descriptor n is bit n % 8 of byte n / 8, whatever word the system's headers make it of, because
 * all of them are little-endian. Here: 32 words of 32 bits.
 */
const WORDS = FD_SETSIZE / 32;
const BYTES = FD_SETSIZE / 8;
/** `struct timeval { long sec; long usec; }`; macOS has an `int` and padding for the latter. */
const TIMEVAL = 2 * BYTES;

type Select = (count: number, read: number, write: number, except: number, timeout: number) => number;

function declareSelect(): Select {
  requirePosix('SelectSelector');
  const pointer = 'uintptr_t';
  const select = koffi().load(null).func('select', 'int', ['int', pointer, pointer, pointer, pointer]);
  return select;
}

/** What a selector asks `select` and what that answers. */
export interface ReadySets {
  /**
   * Says whether a descriptor is to be watched for reading and for writing.
   *
   * @throws ValueError if there is no room for it, OSError if it cannot be watched; it is not watched then.
   */
  set(fd: number, read: boolean, write: boolean): void;
  /**
   * Waits until something is ready, and leaves the answer for `report`.
   *
   * @param seconds - 0 does not wait. Rounded up to a microsecond.
   * @returns how much is ready, or the negated error number (`EINTR` too), with an answer that means nothing.
   */
  wait(seconds: number): number;
  /**
   * Tells what the last `wait` has found, each descriptor once. `visit` may call `set`.
   *
   * @param ready - What `wait` gave.
   */
  report(ready: number, visit: (fd: number, readable: boolean, writable: boolean) => void): void;
}

/**
 * What `select(2)` is asked, one set of bits for each direction, and what it answers.
 *
 * The call overwrites the sets (Linux the time as well), so it gets copies. There is no set for exceptional conditions: nobody
 * is told of them. The constructor throws on a platform without `select(2)`.
 */
export class DescriptorSets implements ReadySets {
  private readonly select = declareSelect(); // first: it throws where there is none
  private readonly errno = errnoMemory();
  private readonly reading = new Uint32Array(WORDS);
  private readonly writing = new Uint32Array(WORDS);
  private readonly answer = new Uint32Array(new ArrayBuffer(2 * BYTES + 16));
  private readonly address = addressOf(this.answer.buffer);

  set(fd: number, read: boolean, write: boolean): void {
    if (fd >= FD_SETSIZE) {
      throw new ValueError(`descriptor ${fd} is out of range for select(): FD_SETSIZE is ${FD_SETSIZE}`);
    }
    const word = fd >>> 5;
    const bit = 1 << (fd & 31);
    this.reading[word] = read ? this.reading[word]! | bit : this.reading[word]! & ~bit;
    this.writing[word] = write ? this.writing[word]! | bit : this.writing[word]! & ~bit;
  }

  wait(seconds: number): number {
    const { answer } = this;
    answer.set(this.reading);
    answer.set(this.writing, WORDS);
    const micros = Math.ceil(seconds * 1e6);
    answer[TIMEVAL / 4] = Math.floor(micros / 1e6);
    answer[TIMEVAL / 4 + 1] = 0;
    answer[TIMEVAL / 4 + 2] = micros % 1e6;
    answer[TIMEVAL / 4 + 3] = 0;
    const { address } = this;
    const n = this.select(this.count(), address, address + BYTES, 0, address + TIMEVAL);
    return n < 0 ? -this.errno[0]! : n;
  }

  report(ready: number, visit: (fd: number, readable: boolean, writable: boolean) => void): void {
    const { answer } = this;
    for (let word = 0, left = ready; left > 0 && word < WORDS; word++) {
      const read = answer[word]!;
      const write = answer[WORDS + word]!;
      for (let bits = read | write; bits !== 0; bits &= bits - 1) {
        const bit = bits & -bits;
        const readable = (read & bit) !== 0;
        const writable = (write & bit) !== 0;
        left -= readable && writable ? 2 : 1;
        visit(32 * word + 31 - Math.clz32(bit), readable, writable);
      }
    }
  }

  /** One more than the highest descriptor. */
  private count(): number {
    for (let word = WORDS - 1; word >= 0; word--) {
      const bits = this.reading[word]! | this.writing[word]!;
      if (bits !== 0) return 32 * word + 32 - Math.clz32(bits);
    }
    return 0;
  }
}

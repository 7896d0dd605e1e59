import { addressOf, koffi } from '../koffi.js';
import { errnoMemory } from './errno-memory.js';
import { requirePosix } from './require-posix.js';

/** How many descriptors an `fd_set` has room for: 0 to 1023, on every system that we know. */
export const FD_SETSIZE = 1024;

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

/**
 * What `select(2)` is asked, one set of bits for each direction, and what it answers.
 *
 * The call overwrites the sets (Linux the time as well), so it gets copies. There is no set for exceptional conditions: nobody
 * is told of them. The constructor throws on a platform without `select(2)`.
 */
export class DescriptorSets {
  private readonly select = declareSelect(); // first: it throws where there is none
  private readonly errno = errnoMemory();
  private readonly reading = new Uint32Array(WORDS);
  private readonly writing = new Uint32Array(WORDS);
  private readonly answer = new Uint32Array(new ArrayBuffer(2 * BYTES + 16));
  private readonly address = addressOf(this.answer.buffer);

  /** Says whether a descriptor, 0 to 1023, is to be watched for reading and for writing. */
  set(fd: number, read: boolean, write: boolean): void {
    const word = fd >>> 5;
    const bit = 1 << (fd & 31);
    this.reading[word] = read ? this.reading[word]! | bit : this.reading[word]! & ~bit;
    this.writing[word] = write ? this.writing[word]! | bit : this.writing[word]! & ~bit;
  }

  /**
   * Waits until something is ready, and leaves the answer to be read by `readable` and `writable`.
   *
   * @param seconds - 0 does not wait. Rounded up to a microsecond.
   * @returns how many bits are set in the answer, or the negated error number (`EINTR` too), with an answer that means nothing.
   */
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

  /** The descriptors from 32 * `word` on that are readable, a bit each. `word` is 0 to 31. */
  readable(word: number): number {
    return this.answer[word]!;
  }

  /** As {@link readable}, for writing. */
  writable(word: number): number {
    return this.answer[WORDS + word]!;
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

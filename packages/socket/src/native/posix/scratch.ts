import { addressOf, koffi } from '../koffi.js';
import { GATHER_MAX } from '../system-calls.js';
import {
  IOVEC_SIZE,
  MSGHDR_CONTROL,
  MSGHDR_CONTROLLEN,
  MSGHDR_IOV,
  MSGHDR_IOVLEN,
  MSGHDR_NAME,
  MSGHDR_NAMELEN,
  MSGHDR_SIZE,
} from './abi.js';

/** The memory that calls write their small results to. One for the thread: calls do not overlap. */
export class Scratch {
  static readonly address = 0; // struct sockaddr_storage
  static readonly length = 128; // socklen_t of it; at the same time the length of an option
  static readonly value = 136; // an int, or a pair of them, or a struct pollfd
  static readonly message = 144; // struct msghdr of `gather`: nothing but the vector
  static readonly envelope = Scratch.message + MSGHDR_SIZE; // struct msghdr with everything
  static readonly vector = Scratch.envelope + MSGHDR_SIZE; // struct iovec[GATHER_MAX]
  static readonly size = Scratch.vector + GATHER_MAX * IOVEC_SIZE;

  private readonly memory = new ArrayBuffer(Scratch.size);
  private readonly base = addressOf(this.memory);
  readonly bytes = new Uint8Array(this.memory);
  readonly ints = new Int32Array(this.memory);
  readonly words = new Uint32Array(this.memory);
  readonly longs = new BigUint64Array(this.memory);
  readonly at = {
    address: this.base + Scratch.address,
    length: this.base + Scratch.length,
    value: this.base + Scratch.value,
    message: this.base + Scratch.message,
    envelope: this.base + Scratch.envelope,
    vector: this.base + Scratch.vector,
  };

  constructor() {
    this.longs[(Scratch.message + MSGHDR_IOV) / 8] = BigInt(this.base + Scratch.vector);
  }

  get length(): number {
    return this.ints[Scratch.length / 4]!;
  }
  set length(length: number) {
    this.ints[Scratch.length / 4] = length;
  }
  get value(): number {
    return this.ints[Scratch.value / 4]!;
  }
  set value(value: number) {
    this.ints[Scratch.value / 4] = value;
  }

  /**
   * Fills the envelope of a message that consists of `chunks`.
   *
   * @param name - The address of the peer, or where it is to be written.
   * @returns what must stay referenced until the call is over.
   */
  seal(name: bigint, nameLength: number, chunks: readonly Uint8Array[], control: Uint8Array | null): unknown {
    const { longs, words } = this;
    const start = Scratch.envelope;
    const own = chunks.length > GATHER_MAX ? new BigUint64Array(2 * chunks.length) : null;
    const vector = own ?? longs;
    let at = own === null ? Scratch.vector / 8 : 0;
    for (const chunk of chunks) {
      vector[at++] = pointerTo(chunk);
      vector[at++] = BigInt(chunk.length);
    }
    longs[(start + MSGHDR_NAME) / 8] = name;
    words[(start + MSGHDR_NAMELEN) / 4] = nameLength;
    longs[(start + MSGHDR_IOV) / 8] = BigInt(own === null ? this.base + Scratch.vector : addressOf(own.buffer));
    longs[(start + MSGHDR_IOVLEN) / 8] = BigInt(chunks.length);
    longs[(start + MSGHDR_CONTROL) / 8] = control === null ? 0n : pointerTo(control);
    longs[(start + MSGHDR_CONTROLLEN) / 8] = BigInt(control?.length ?? 0);
    return own;
  }
}

/** The address of a caller's bytes. They must stay referenced and in place for as long as it is in use. */
export function pointerTo(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : koffi().address(bytes);
}

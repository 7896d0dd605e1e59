import { addressOf, koffi } from '../koffi.js';
import { BIO_CTRL_RESET } from './constants.js';
import { openssl } from './libssl.js';

/**
 * Bytes in each direction: four full records and what encryption adds to them. So a write of 64 KiB goes through in one piece.
 */
export const PIPE_SIZE = 68 * 1024;

/**
 * The two rings of memory between every `SSL` of a thread and the world: a BIO pair.
 *
 * A connection needs no memory of its own for ciphertext, because each call runs to its end: what arrived is received straight into
 * `input` and read by the `SSL` at once; what the `SSL` wrote is sent straight from `output` at once. Between two calls both are empty.
 * A pair has a fixed size: nothing is moved, zeroed or allocated, and a peer cannot make it grow.
 */
export class Pipe {
  /** Ciphertext that has been received is written here, from the start. */
  readonly input: Uint8Array;
  /** Ciphertext to send stands here, from the start, after {@link take}; until the next call on any `SSL`. */
  readonly output: Uint8Array;
  private readonly scratch = new ArrayBuffer(16);
  private readonly at = addressOf(this.scratch);
  /** The end of the SSLs, and ours. */
  private readonly inner: number;
  private readonly outer: number;

  constructor(private readonly functions = openssl()) {
    const pointers = new BigUint64Array(this.scratch);
    if (functions.bioPair(this.at, PIPE_SIZE, this.at + 8, PIPE_SIZE) !== 1) {
      throw new Error('OpenSSL has no memory for a BIO pair');
    }
    this.inner = Number(pointers[0]!);
    this.outer = Number(pointers[1]!);
    this.input = this.map(this.outer, pointers);
    this.output = this.map(this.inner, pointers);
  }

  /** A reference to the end of the SSLs, for one of them to own. */
  reference(): number {
    this.functions.bioUpRef(this.inner);
    return this.inner;
  }

  /** The first `length` bytes of {@link input} may be read by an `SSL`. */
  offer(length: number): void {
    if (this.functions.bioReserve(this.outer, this.at, length) !== length) throw new Error('the TLS pipe is not empty');
  }

  /** Bytes that were offered and not read. */
  unread(): number {
    return this.functions.bioPending(this.inner);
  }

  /** Forgets what was not read: the `SSL` that it was for is dead. */
  discardInput(): void {
    this.functions.bioControl(this.outer, BIO_CTRL_RESET, 0, null);
  }

  /** Forgets what was written. */
  discardOutput(): void {
    this.functions.bioControl(this.inner, BIO_CTRL_RESET, 0, null);
  }

  /** Takes what was written. @returns The bytes that now stand at the start of {@link output}. */
  take(): number {
    const length = this.functions.bioTake(this.outer, this.at, PIPE_SIZE);
    return length > 0 ? length : 0;
  }

  /** Frees the rings. Nothing of this thread may use them any more. */
  free(): void {
    this.functions.bioFree(this.inner);
    this.functions.bioFree(this.outer);
  }

  private map(bio: number, pointers: BigUint64Array): Uint8Array {
    if (this.functions.bioSpace(bio, this.at) !== PIPE_SIZE)
      throw new Error('the TLS pipe has another size than asked for');
    return new Uint8Array(koffi().view(pointers[0]!, PIPE_SIZE));
  }
}

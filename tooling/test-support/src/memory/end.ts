import { SHUT_RD, SHUT_WR } from '@tsyncio/socket';

import { memoryError, Source } from './source.js';

/** How much a direction holds, as a small kernel buffer. */
const CAPACITY = 64 * 1024;

/** Bytes on their way from one end to the other. */
class Direction {
  size = 0;
  /** The sender sends no more. */
  ended = false;
  /** The receiver takes no more. */
  refused = false;
  private pieces: Buffer[] = [];

  put(data: Uint8Array): void {
    this.pieces.push(Buffer.from(data));
    this.size += data.length;
  }

  take(into: Uint8Array): number {
    let taken = 0;
    while (taken < into.length && this.pieces.length > 0) {
      const piece = this.pieces[0]!;
      const n = Math.min(piece.length, into.length - taken);
      into.set(piece.subarray(0, n), taken);
      taken += n;
      if (n === piece.length) this.pieces.shift();
      else this.pieces[0] = piece.subarray(n);
    }
    this.size -= taken;
    return taken;
  }

  clear(): void {
    this.pieces = [];
    this.size = 0;
  }
}

/**
 * One end of a connection without a kernel. It behaves as an end of a Unix stream socket; several sockets may share it (`dup`).
 *
 * The public variables are the faults that a test can set.
 */
export class MemoryEnd extends Source {
  /** Most bytes that one write takes. */
  atMost = Infinity;
  /** The code of the error that the next write fails with. */
  writeFailure: string | null = null;
  /** The code of the error that the next receive fails with. */
  readFailure: string | null = null;
  references = 0;
  /** The peer has reset the connection. */
  private isReset = false;
  private peer!: MemoryEnd;

  private constructor(
    private readonly incoming: Direction,
    private readonly outgoing: Direction,
  ) {
    super();
  }

  static pair(): [MemoryEnd, MemoryEnd] {
    const there = new Direction();
    const back = new Direction();
    const ends: [MemoryEnd, MemoryEnd] = [new MemoryEnd(back, there), new MemoryEnd(there, back)];
    ends[0].peer = ends[1];
    ends[1].peer = ends[0];
    return ends;
  }

  /** What a socket has that nobody has connected. */
  static unconnected(): MemoryEnd {
    const [end] = MemoryEnd.pair();
    end.readFailure = 'ENOTCONN';
    end.writeFailure = 'EPIPE';
    return end;
  }

  override get readable(): boolean {
    const { size, ended } = this.incoming;
    return this.readFailure !== null || size > 0 || ended;
  }

  override get writable(): boolean {
    const { size, ended, refused } = this.outgoing;
    return this.writeFailure !== null || ended || refused || size < CAPACITY;
  }

  /** @returns how many bytes were received, 0 at the end of the stream; null for none yet. Throws OSError. */
  receive(into: Uint8Array, syscall = 'recv'): number | null {
    const { readFailure, incoming } = this;
    if (readFailure !== null) {
      this.readFailure = null;
      throw memoryError(readFailure, syscall);
    }
    if (incoming.size === 0) return incoming.ended ? 0 : null;
    const taken = incoming.take(into);
    this.peer.changed();
    return taken;
  }

  /** @returns how many bytes were taken; null if there is no room. Throws OSError. */
  transmit(data: Uint8Array, syscall = 'send'): number | null {
    const { writeFailure, outgoing } = this;
    if (writeFailure !== null) {
      this.writeFailure = null;
      throw memoryError(writeFailure, syscall);
    }
    if (outgoing.ended || outgoing.refused) throw memoryError('EPIPE', syscall);
    const n = Math.min(data.length, this.atMost, CAPACITY - outgoing.size);
    if (n === 0) return data.length === 0 ? 0 : null;
    outgoing.put(data.subarray(0, n));
    this.peer.changed();
    return n;
  }

  /** Ends one direction or both. Throws OSError (`ENOTCONN`). */
  shutdown(how: number): void {
    if (this.isReset) throw memoryError('ENOTCONN', 'shutdown');
    if (how !== SHUT_WR) this.incoming.refused = this.incoming.ended = true;
    if (how !== SHUT_RD) this.outgoing.ended = true;
    this.changed();
    this.peer.changed();
  }

  /** Goes away; what had arrived and was not received resets the peer, as with a kernel. */
  close(): void {
    if (this.incoming.size > 0) this.peer.readFailure = 'ECONNRESET';
    this.incoming.clear();
    this.incoming.refused = true;
    this.outgoing.ended = true;
    this.peer.changed();
  }

  /** Goes away without a word: the peer gets ECONNRESET, and nothing of what was on its way. */
  reset(): void {
    this.outgoing.clear();
    this.incoming.clear();
    this.close();
    this.peer.isReset = true;
    this.peer.readFailure = 'ECONNRESET';
    this.peer.changed();
  }
}

/** Pieces up to this size are copied together while they wait: an object for each byte would cost more than the bytes. */
const SMALL = 1024;
const BLOCK = 8 * 1024;

export const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Bytes in the order of their arrival, kept in the pieces in which they came: what lies in one piece is handed out without a copy. Internal.
 *
 * Pieces that were given, and those handed out, are never written to.
 */
export class ByteQueue {
  /** How many bytes there are. */
  size = 0;
  private pieces: Buffer[] = [];
  /** Where the first piece is in the array, and how much of it was taken. */
  private first = 0;
  private offset = 0;
  /** Our own memory, whose beginning is the last piece and can grow; and how much of it is used. */
  private block: Buffer | null = null;
  private blockEnd = 0;

  push(piece: Buffer): void {
    if (this.size > 0 && piece.length <= SMALL) this.pushSmall(piece);
    else {
      this.block = null;
      this.pieces.push(piece);
    }
    this.size += piece.length;
  }

  /** The first `n` bytes, which there must be. */
  take(n: number): Buffer {
    if (n === 0) return EMPTY;
    const piece = this.pieces[this.first]!;
    const { offset } = this;
    const end = offset + n;
    if (end > piece.length) return this.takeJoined(n);
    this.size -= n;
    if (end < piece.length) {
      this.offset = end;
      return piece.subarray(offset, end);
    }
    this.dropFirst();
    return offset === 0 ? piece : piece.subarray(offset);
  }

  /** All there is, piece by piece. */
  takePieces(): Buffer[] {
    const { offset } = this;
    const pieces = this.first === 0 ? this.pieces : this.pieces.slice(this.first);
    if (offset > 0) pieces[0] = pieces[0]!.subarray(offset);
    this.clear();
    return pieces;
  }

  /** Drops the first `n` bytes, which there must be. */
  skip(n: number): void {
    this.size -= n;
    for (let left = n; left > 0;) {
      const rest = this.pieces[this.first]!.length - this.offset;
      if (left < rest) {
        this.offset += left;
        return;
      }
      left -= rest;
      this.dropFirst();
    }
  }

  clear(): void {
    this.size = 0;
    this.pieces = [];
    this.first = 0;
    this.offset = 0;
    this.block = null;
  }

  /**
   * Where `needle` begins, for the first time at or after `from`; -1 if nowhere.
   *
   * Only what lies behind `from` is looked at, so that a search that goes on when more has come costs no more than one of the whole.
   */
  indexOf(needle: Uint8Array, from: number): number {
    const { pieces } = this;
    const overlap = needle.length - 1;
    // The piece in which to begin is near the end, if this is not the first search.
    let i = pieces.length;
    let base = this.size;
    while (i > this.first && base > from) base -= this.lengthOf(--i);
    for (; i < pieces.length; i++) {
      const piece = pieces[i]!;
      const skipped = i === this.first ? this.offset : 0;
      if (overlap > 0 && from < base) {
        // Those that begin before this piece and end in it, or behind it if it is short.
        const start = Math.max(from, base - overlap);
        const found = this.window(start, Math.min(base + overlap, this.size), i, base).indexOf(needle);
        if (found >= 0) return start + found;
      }
      const start = Math.max(from - base, 0) + skipped;
      const found = overlap === 0 ? piece.indexOf(needle[0]!, start) : piece.indexOf(needle, start);
      if (found >= 0) return base + found - skipped;
      base += piece.length - skipped;
    }
    return -1;
  }

  /** A copy of the bytes from `start` to `end`, around the piece with index `i` that begins at `base`. */
  private window(start: number, end: number, i: number, base: number): Buffer {
    while (base > start) base -= this.lengthOf(--i);
    const bytes = Buffer.allocUnsafe(end - start);
    for (let at = start; at < end; i++) {
      const piece = this.pieces[i]!;
      const skipped = i === this.first ? this.offset : 0;
      const copied = piece.copy(bytes, at - start, at - base + skipped);
      at += copied;
      base += piece.length - skipped;
    }
    return bytes;
  }

  private lengthOf(i: number): number {
    const { length } = this.pieces[i]!;
    return i === this.first ? length - this.offset : length;
  }

  private pushSmall(piece: Buffer): void {
    const { length } = piece;
    if (this.block !== null && this.blockEnd + length <= BLOCK) {
      this.pieces.pop();
    } else {
      this.block = Buffer.allocUnsafeSlow(BLOCK);
      this.blockEnd = 0;
    }
    piece.copy(this.block, this.blockEnd);
    this.blockEnd += length;
    this.pieces.push(this.block.subarray(0, this.blockEnd));
  }

  private takeJoined(n: number): Buffer {
    const bytes = Buffer.allocUnsafe(n);
    let at = 0;
    while (at < n) {
      const piece = this.pieces[this.first]!;
      const { offset } = this;
      const copied = piece.copy(bytes, at, offset, Math.min(piece.length, offset + n - at));
      at += copied;
      if (offset + copied < piece.length) this.offset += copied;
      else this.dropFirst();
    }
    this.size -= n;
    return bytes;
  }

  private dropFirst(): void {
    this.offset = 0;
    const { pieces } = this;
    if (++this.first === pieces.length) {
      pieces.length = 0;
      this.first = 0;
      this.block = null;
    } else if (this.first >= 64 && this.first * 2 >= pieces.length) {
      pieces.splice(0, this.first);
      this.first = 0;
    } else {
      // So that its memory can go.
      pieces[this.first - 1] = EMPTY;
    }
  }
}

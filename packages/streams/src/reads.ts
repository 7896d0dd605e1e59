import { CancelledError, ValueError, type Job } from '@tsyncio/core';
import { Operation, type AnyScheduler } from '@tsyncio/futures-tasks';

import { EMPTY, type ByteQueue } from './byte-queue.js';
import { IncompleteReadError, LimitOverrunError } from './errors.js';
import type { Separators } from './separators.js';

/** A reader, seen from its reads. Internal. */
export interface ReadSource {
  readonly loop: AnyScheduler;
  readonly buffer: ByteQueue;
  /** Bytes that a line may have before its end. */
  readonly limit: number;
  /** No more will come. */
  readonly ended: boolean;
  exception(): unknown;
  /**
   * `read` is to be woken when more has come, or nothing more will.
   *
   * @throws RuntimeError if another read is.
   */
  waitFor(read: Read<unknown>): void;
  /** `read` waits no longer. */
  waitIsOver(read: Read<unknown>): void;
  /** Something was taken out of the buffer. */
  taken(): void;
}

/** What {@link Read.attempt} gives when more is needed. */
const WAIT = Symbol('wait');

/**
 * An operation that takes something out of a reader: done at once if it is there. While it waits it is its own job: one that is woken does
 * not pass through a future and a generator, and costs one object.
 */
export abstract class Read<T> extends Operation<T> implements Job {
  private woken = false;
  /** What it was woken to fail with; null for none. */
  private failure: unknown = null;

  constructor(protected readonly source: ReadSource) {
    super(source.loop);
  }

  /** Its name in errors. */
  abstract get method(): string;

  /** The result, or {@link WAIT}; nothing was taken then. */
  protected abstract attempt(): T | typeof WAIT;

  /** Begins. */
  launch(): this {
    const failure = this.source.exception();
    if (failure === null) this.go();
    else this.failed(failure);
    return this;
  }

  /** More has come, or nothing more will: it goes on in the next iteration. */
  wake(): void {
    if (this.woken) return;
    this.woken = true;
    this.source.loop.enqueue(this);
  }

  /** It fails in the next iteration, unless it was woken before. */
  wakeToFail(error: unknown): void {
    if (this.woken) return;
    this.failure = error;
    this.wake();
  }

  /** What it was woken for. */
  run(): void {
    this.source.waitIsOver(this);
    this.woken = false;
    if (this.cancelRequested()) {
      const message = this.cancelMessage();
      this.cancelTaken();
      this.failed(new CancelledError(message));
    } else if (this.failure !== null) {
      this.failed(this.failure);
    } else {
      this.go();
    }
  }

  /** Internal: accepted once, as a future accepts it, unless it was woken. */
  override requestCancel(message?: string): boolean {
    if (this.woken) return false;
    this.wakeToFail(new CancelledError(message));
    return true;
  }

  private go(): void {
    let result: T | typeof WAIT;
    try {
      result = this.attempt();
      if (result === WAIT) {
        // It has come since this read was woken.
        const failure = this.source.exception();
        if (failure !== null) throw failure;
        this.source.waitFor(this);
        return;
      }
    } catch (error) {
      this.failed(error);
      return;
    }
    this.finished(result);
  }
}

/** `read(n)`. */
export class ReadSome extends Read<Buffer> {
  constructor(
    source: ReadSource,
    private readonly n: number,
  ) {
    super(source);
  }

  get method(): string {
    return 'read';
  }

  protected attempt(): Buffer | typeof WAIT {
    const { source, n } = this;
    if (n === 0) return EMPTY;
    const { size } = source.buffer;
    if (size === 0) return source.ended ? EMPTY : WAIT;
    const data = source.buffer.take(n < size ? n : size);
    source.taken();
    return data;
  }
}

/** `read()`: what has come leaves the reader at once, so that its limit does not stop the rest. */
export class ReadAll extends Read<Buffer> {
  private readonly pieces: Buffer[] = [];

  get method(): string {
    return 'read';
  }

  protected attempt(): Buffer | typeof WAIT {
    const { source, pieces } = this;
    const failure = source.exception();
    if (failure !== null) throw failure;
    if (source.buffer.size > 0) {
      for (const piece of source.buffer.takePieces()) pieces.push(piece);
      source.taken();
    }
    if (!source.ended) return WAIT;
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }
}

/** `readexactly(n)`. */
export class ReadExactly extends Read<Buffer> {
  constructor(
    source: ReadSource,
    private readonly n: number,
  ) {
    super(source);
  }

  get method(): string {
    return 'readexactly';
  }

  protected attempt(): Buffer | typeof WAIT {
    const { source, n } = this;
    const { buffer } = source;
    if (buffer.size < n) {
      if (!source.ended) return WAIT;
      throw new IncompleteReadError(buffer.take(buffer.size), n);
    }
    const data = buffer.take(n);
    source.taken();
    return data;
  }
}

/** What has come up to a separator. What was searched is not searched again when more has come. */
abstract class ReadTo<T> extends Read<T> {
  /** Before this byte no separator begins. */
  private searched = 0;

  constructor(
    source: ReadSource,
    private readonly separators: Separators,
  ) {
    super(source);
  }

  get method(): string {
    return 'readuntil';
  }

  /** @throws What {@link overrun} and {@link incomplete} throw. */
  protected search(): Buffer | typeof WAIT {
    const { source, separators } = this;
    const { buffer, limit } = source;
    const match = separators.find(buffer, this.searched);
    if (match === null) {
      this.searched = Math.max(0, buffer.size + 1 - separators.longest);
      if (this.searched > limit) {
        this.overrun(buffer, buffer.size);
        throw new LimitOverrunError('Separator is not found, and chunk exceed the limit', this.searched);
      }
      // A whole match counts at the end too, and so does an overrun.
      return source.ended ? this.incomplete(buffer.take(buffer.size)) : WAIT;
    }
    if (match.start > limit) {
      this.overrun(buffer, match.end);
      throw new LimitOverrunError('Separator is found, but chunk is longer than limit', match.start);
    }
    const data = buffer.take(match.end);
    source.taken();
    return data;
  }

  /** @param end - Behind the separator, or behind all there is. */
  protected abstract overrun(buffer: ByteQueue, end: number): void;

  /** What is done with a rest that no separator ends. */
  protected abstract incomplete(rest: Buffer): Buffer;
}

/** `readuntil(separator)`. */
export class ReadUntil extends ReadTo<Buffer> {
  protected attempt(): Buffer | typeof WAIT {
    return this.search();
  }

  /** All stays where it is. */
  protected overrun(): void {}

  protected incomplete(rest: Buffer): Buffer {
    throw new IncompleteReadError(rest, null);
  }
}

/** A line, or the rest; one that is too long is dropped. */
abstract class ReadLineAs<T> extends ReadTo<T> {
  protected line(): Buffer | typeof WAIT {
    try {
      return this.search();
    } catch (error) {
      if (error instanceof LimitOverrunError) throw new ValueError(error.message);
      throw error;
    }
  }

  protected overrun(buffer: ByteQueue, end: number): void {
    buffer.skip(end);
    this.source.taken();
  }

  protected incomplete(rest: Buffer): Buffer {
    return rest;
  }
}

/** `readline()`. */
export class ReadLine extends ReadLineAs<Buffer> {
  protected attempt(): Buffer | typeof WAIT {
    return this.line();
  }
}

/** One turn of `for await`. */
export class NextLine extends ReadLineAs<IteratorResult<Buffer, undefined>> {
  protected attempt(): IteratorResult<Buffer, undefined> | typeof WAIT {
    const line = this.line();
    if (line === WAIT) return WAIT;
    return line.length === 0 ? { done: true, value: undefined } : { done: false, value: line };
  }
}

import { repr, ValueError } from '@tsyncio/core';

import { Transport, type WriteBufferLimits } from './transport.js';

const DEFAULT_HIGH = 64 * 1024;

/**
 * The flow control of sending: a transport whose protocol is paused above the high-water mark and resumed at the low one.
 *
 * A subclass calls {@link maybePauseProtocol} whenever its buffer has grown and {@link maybeResumeProtocol} whenever it has shrunk.
 */
export abstract class FlowControlledTransport extends Transport {
  private high = DEFAULT_HIGH;
  private low = DEFAULT_HIGH / 4;
  private protocolPaused = false;

  /** Internal: whether the protocol was told to stop writing, and not yet to go on. */
  get writingPaused(): boolean {
    return this.protocolPaused;
  }

  override setWriteBufferLimits(limits: WriteBufferLimits = {}): void {
    if (typeof limits !== 'object' || limits === null) {
      throw new TypeError(`setWriteBufferLimits: limits must be an object, got ${repr(limits)}`);
    }
    const givenHigh = checkMark('high', limits.high);
    const givenLow = checkMark('low', limits.low);
    const high = givenHigh ?? (givenLow === null ? DEFAULT_HIGH : 4 * givenLow);
    const low = givenLow ?? Math.floor(high / 4);
    if (!(high >= low && low >= 0)) throw new ValueError(`high (${high}) must be >= low (${low}) must be >= 0`);
    this.high = high;
    this.low = low;
    this.maybePauseProtocol();
  }

  override getWriteBufferLimits(): readonly [low: number, high: number] {
    return [this.low, this.high];
  }

  abstract override getWriteBufferSize(): number;

  /** Calls the protocol's `pauseWriting` and deals with its errors. */
  protected abstract callPauseWriting(): void;

  /** Calls the protocol's `resumeWriting` and deals with its errors. */
  protected abstract callResumeWriting(): void;

  protected maybePauseProtocol(): void {
    if (this.protocolPaused || this.getWriteBufferSize() <= this.high) return;
    this.protocolPaused = true;
    this.callPauseWriting();
  }

  protected maybeResumeProtocol(): void {
    if (!this.protocolPaused || this.getWriteBufferSize() > this.low) return;
    this.protocolPaused = false;
    this.callResumeWriting();
  }
}

function checkMark(name: string, value: unknown): number | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number')
    throw new TypeError(`setWriteBufferLimits: ${name} must be a number, got ${repr(value)}`);
  return value;
}

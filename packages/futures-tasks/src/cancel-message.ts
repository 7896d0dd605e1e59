import { CancelledError, repr } from '@tsyncio/core';
import type { LoopAwaitable, WaitOwner } from './awaitable.js';

/** What `cancel(message)` takes. Internal. */
export function checkMessage(message: unknown): void {
  if (message !== undefined && typeof message !== 'string') {
    throw new TypeError(`cancel: the message must be text, got ${repr(message)}`);
  }
}

/** The message of a cancellation, to be passed on with it. Internal. */
export function messageOf(error: unknown): string | undefined {
  const { message } = error as CancelledError;
  return message === '' ? undefined : message;
}

/** The error for an owner that was asked to cancel; of what it waited for, if that was cancelled first. Internal. */
export function cancelledBy(owner: WaitOwner, source: LoopAwaitable | null): CancelledError {
  return source?.outcome() === 'cancelled' ? source.cancelledError() : new CancelledError(owner.cancelMessage());
}

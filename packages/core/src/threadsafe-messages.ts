import type { EncodedError } from './remote-error.js';

/** Functions that other threads may call, by name. */
export type ThreadsafeCallbacks = Readonly<Record<string, (...args: never[]) => unknown>>;

/** First message on a port: read synchronously by `connectLoop`, so that calls can be refused at once. Internal. */
export interface Greeting {
  readonly tsyncio: 1;
  readonly names: readonly string[];
  /** One Int32: 1 once the loop is closed. Shared, so that the other thread sees it without a message. */
  readonly closed: SharedArrayBuffer;
}

/**
 * From the other thread: a coroutine to run, whose end is answered under its number; a call has the number 0. A number alone cancels. Flat,
 * because nested arrays cost more to clone than the rest of a call. Internal.
 */
export type Request = readonly [id: number, name: string, ...args: unknown[]] | readonly [cancelled: number];

/** From the loop: how the coroutine `id` has ended. Internal. */
export type Answer =
  | readonly [id: number, outcome: 'result', value: unknown]
  | readonly [id: number, outcome: 'error', error: EncodedError]
  | readonly [id: number, outcome: 'cancelled'];

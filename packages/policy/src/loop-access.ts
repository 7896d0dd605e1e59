import {
  currentPolicy,
  hasBrand,
  replacePolicy,
  repr,
  RuntimeError,
  type AnyLoop,
  type LoopPolicy,
} from '@tsyncio/core';
import type { AbstractEventLoopPolicy } from './policy.js';

function policy(): LoopPolicy {
  const current = currentPolicy();
  if (current !== null) return current;
  throw new RuntimeError('there is no event loop policy: import "tsyncio", or call setEventLoopPolicy() first');
}

/**
 * The policy of this thread; the default one is made at first use. asyncio: `get_event_loop_policy`.
 *
 * @throws RuntimeError if there is none: without the umbrella package, set one first.
 */
export function getEventLoopPolicy(): AbstractEventLoopPolicy {
  return policy();
}

/**
 * Replaces the policy of this thread; null forgets it, so that the next access makes a new default one. asyncio:
 * `set_event_loop_policy`.
 *
 * @throws TypeError if `next` is neither null nor an {@link AbstractEventLoopPolicy}.
 */
export function setEventLoopPolicy(next: AbstractEventLoopPolicy | null): void {
  if (next !== null && !hasBrand(next, 'EventLoopPolicy')) {
    throw new TypeError(`setEventLoopPolicy: policy must be an AbstractEventLoopPolicy or null, got ${repr(next)}`);
  }
  replacePolicy(next);
}

/** Makes `loop`, or none, the current loop of this thread, by the policy. asyncio: `set_event_loop`. */
export function setEventLoop(loop: AnyLoop | null): void {
  policy().setEventLoop(loop);
}

/** A new loop, made by the policy; it does not become the current one. asyncio: `new_event_loop`. */
export function newEventLoop(): AnyLoop {
  return policy().newEventLoop();
}

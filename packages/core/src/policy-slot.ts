import { RuntimeError } from './errors.js';
import { getRunningLoopOrNull, type AnyLoop } from './running-loop.js';
import { threadState } from './thread-state.js';

/** The least that `getEventLoop` asks of a policy; `@tsyncio/policy` has the classes. */
export interface LoopPolicy {
  getEventLoop(): AnyLoop;
  setEventLoop(loop: AnyLoop | null): void;
  newEventLoop(): AnyLoop;
}

/** The policy of this thread, made by the default factory at first use; null if there is no factory. */
export function currentPolicy(): LoopPolicy | null {
  threadState.policy ??= threadState.defaultPolicyFactory?.() ?? null;
  return threadState.policy as LoopPolicy | null;
}

/** Replaces the policy of this thread; null forgets it, so that the next access makes a new default one. */
export function replacePolicy(policy: LoopPolicy | null): void {
  threadState.policy = policy;
}

/** Names what makes the default policy. The first call wins: the umbrella package makes it when it is imported. */
export function setDefaultPolicyFactory(factory: () => LoopPolicy): void {
  threadState.defaultPolicyFactory ??= factory;
}

/**
 * The running loop, else the current loop of the policy. asyncio: `get_event_loop`.
 *
 * @throws RuntimeError if neither exists.
 */
export function getEventLoop(): AnyLoop {
  const running = getRunningLoopOrNull();
  if (running !== null) return running;
  const policy = currentPolicy();
  if (policy === null) {
    throw new RuntimeError(
      'there is no event loop policy: import "tsyncio", or call setEventLoopPolicy() of "@tsyncio/policy", or pass the loop',
    );
  }
  return policy.getEventLoop();
}

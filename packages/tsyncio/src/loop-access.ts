import * as core from '@tsyncio/core';
import * as policy from '@tsyncio/policy';
import type { EventLoop } from './event-loop.js';

// The umbrella's policy makes loops of its own class, so the functions are typed as giving them.

/**
 * The running loop. asyncio: `get_running_loop`.
 *
 * @throws RuntimeError if no loop is running here.
 */
export function getRunningLoop(): EventLoop {
  return core.getRunningLoop() as EventLoop;
}

/**
 * The running loop, else the current loop of the policy. asyncio: `get_event_loop`.
 *
 * @throws RuntimeError if neither exists.
 */
export function getEventLoop(): EventLoop {
  return core.getEventLoop() as EventLoop;
}

/** A new loop, made by the policy; it does not become the current one. asyncio: `new_event_loop`. */
export function newEventLoop(): EventLoop {
  return policy.newEventLoop() as EventLoop;
}

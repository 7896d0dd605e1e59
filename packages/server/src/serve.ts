import { logger } from '@tsyncio/core';
import type { CoroutineGenerator } from '@tsyncio/futures-tasks';

import type { Server, ServingLoop } from './server.js';

/**
 * The end of every `create...Server`: begins to accept, if asked to, and lets one iteration pass, as asyncio does.
 *
 * @param closeSockets - On failure. A socket that the caller gave is the caller's again.
 */
export function* serve(
  loop: ServingLoop,
  server: Server,
  startServing: boolean,
  closeSockets: boolean,
): CoroutineGenerator<Server> {
  if (startServing) {
    try {
      server.begin();
      yield;
    } catch (error) {
      server.dismantle(closeSockets);
      throw error;
    }
  }
  if (loop.getDebug()) logger.info(`${String(server)} is serving`);
  return server;
}

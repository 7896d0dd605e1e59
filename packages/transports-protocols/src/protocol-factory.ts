import { repr } from '@tsyncio/core';

import type { StreamProtocol } from './protocol.js';

/** Makes the protocol of a new connection: called without arguments, once for each. */
export type ProtocolFactory<P extends StreamProtocol = StreamProtocol> = () => P;

/** @throws TypeError unless `factory` is a function. Internal. */
export function checkFactory(method: string, factory: unknown): void {
  if (typeof factory === 'function') return;
  throw new TypeError(`${method}: protocolFactory must be a function, got ${repr(factory)}`);
}

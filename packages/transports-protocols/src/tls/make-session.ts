import { nativeContext } from '@tsyncio/socket/native';

import { NodeSession } from './node-session.js';
import { OpensslSession } from './openssl-session.js';
import type { TlsSettings } from './options.js';
import type { TlsSession, TlsSink } from './session.js';
import { SniSession } from './sni-session.js';

/** Which engine to use: the best one that works, or always Node's. */
export type EngineChoice = 'best' | 'node';

let choice: EngineChoice = 'best';

/** Decides for the sessions that are made from now on. For tests, which run over both. */
export function chooseEngine(engine: EngineChoice): void {
  choice = engine;
}

/**
 * Makes a session; it is not begun.
 *
 * @param hostname - Clients: whom to ask for, and whose certificate it has to be; '' to ask for nothing and check no name.
 * @param later - Runs a callback from the loop's ready queue.
 * @throws OSError if OpenSSL refuses the settings.
 */
export function makeSession(
  settings: TlsSettings,
  hostname: string,
  sink: TlsSink,
  later: (callback: () => unknown) => void,
): TlsSession {
  const make = (actual: TlsSettings): TlsSession => {
    const native = choice === 'node' ? null : nativeContext(actual.context, actual.isPrivate);
    return native === null
      ? new NodeSession(actual, hostname, sink, later)
      : new OpensslSession(native, actual, hostname, sink, later);
  };
  return settings.sniCallback === null ? make(settings) : new SniSession(settings, sink, make);
}

import type { Host } from './host.js';
import type { IoBackend } from './io-backend.js';
import type { SignalListeners } from './signal-handlers.js';

/** What is left of a loop that was collected. Internal. */
export interface Unclosed {
  readonly name: string;
  readonly backend: IoBackend;
  readonly host: Host;
  readonly signals: SignalListeners;
}

const registry = new FinalizationRegistry<Unclosed>(({ name, backend, host, signals }) => {
  signals.takeBackAll();
  host.warn(`unclosed event loop <${name}>`, 'ResourceWarning');
  backend.close();
});

/**
 * When `loop` is collected before {@link forgetUnclosed}, warns about it, takes its signal listeners back and closes its backend, as asyncio
 * does.
 *
 * @param remains - Must not refer to the loop.
 */
export function watchUnclosed(loop: object, remains: Unclosed): void {
  registry.register(loop, remains, loop);
}

/** The loop was closed: nothing to warn about. */
export function forgetUnclosed(loop: object): void {
  registry.unregister(loop);
}

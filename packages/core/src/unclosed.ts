import type { Host } from './host.js';
import type { IoBackend } from './io-backend.js';

interface Unclosed {
  readonly name: string;
  readonly backend: IoBackend;
  readonly host: Host;
}

const registry = new FinalizationRegistry<Unclosed>(({ name, backend, host }) => {
  host.warn(`unclosed event loop <${name}>`, 'ResourceWarning');
  backend.close();
});

/** When `loop` is collected before {@link forgetUnclosed}, warns about it and closes its backend, as asyncio does. */
export function watchUnclosed(loop: object, name: string, backend: IoBackend, host: Host): void {
  registry.register(loop, { name, backend, host }, loop);
}

/** The loop was closed: nothing to warn about. */
export function forgetUnclosed(loop: object): void {
  registry.unregister(loop);
}

import { probeIoUring } from '@tsyncio/proactor-io';
import { DefaultSelector } from '@tsyncio/selector-io';

/** What {@link explainBackend} tells. */
export interface BackendExplanation {
  /** What the default policy's loops run on: `'EpollSelector'`; on Windows, as in asyncio, a proactor: `'IocpProactor'`. */
  readonly default: string;
  /** Whether `new ProactorEventLoop()` works here. */
  readonly proactor: boolean;
  /** Both as sentences, with the reason if there is no proactor: the kernel is too old, a sandbox forbids it, it was switched off. */
  readonly text: string;
}

/**
 * Tells which backends loops have here, and why. Tries io_uring out, once in a thread. The environment variable `TSYNCIO_IO_URING=0` switches it off.
 *
 * @example
 * console.log(explainBackend().text);
 */
export function explainBackend(): BackendExplanation {
  if (process.platform === 'win32') {
    const text =
      'Loops run on IocpProactor by default: ProactorEventLoop is available, on I/O completion ports. ' +
      'SelectorEventLoop runs on SelectSelector.';
    return { default: 'IocpProactor', proactor: true, text };
  }
  const { name } = DefaultSelector;
  const probed = probeIoUring();
  const proactor = probed.available
    ? 'ProactorEventLoop is available, on io_uring.'
    : `ProactorEventLoop is not available: ${probed.reason}.`;
  return { default: name, proactor: probed.available, text: `Loops run on ${name} by default. ${proactor}` };
}

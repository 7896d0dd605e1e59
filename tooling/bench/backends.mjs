import process from 'node:process';

/**
 * The backends to measure: the first is tsyncio's line, each of the others a line of its own in the suites with I/O. `make` gives null where it
 * cannot be.
 */
export const backends = {
  tsyncio: { title: 'tsyncio', make: async () => new (await import('@tsyncio/selector-io')).SelectorIo() },
  proactor: { title: 'tsyncio on io_uring', make: async () => proactor(await import('@tsyncio/proactor-io')) },
};

const proactor = ({ IoUringProactor, probeIoUring }) => (probeIoUring().available ? new IoUringProactor() : null);

/** The backend that this process is to measure. */
export function newBackend() {
  return backends[process.env.BENCH_BACKEND ?? 'tsyncio'].make();
}

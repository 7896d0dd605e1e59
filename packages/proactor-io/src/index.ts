/**
 * io_uring for Node: a completion-based I/O backend for tsyncio's event loop.
 *
 * @packageDocumentation
 */
export { type IoUringProbe, probeIoUring } from './probe.js';
export { IoUringProactor, type IoUringProactorOptions, type Proactor } from './proactor.js';

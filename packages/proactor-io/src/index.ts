/**
 * io_uring for Node: a completion-based I/O backend for tsyncio's event loop.
 *
 * @packageDocumentation
 */
export { IoUringProactor, type IoUringProactorOptions } from './io-uring/io-uring-proactor.js';
export { type IoUringProbe, probeIoUring } from './io-uring/probe.js';
export { type Proactor } from './proactor.js';

/**
 * io_uring (Linux) and I/O completion ports (Windows) for Node: completion-based I/O backends for tsyncio's event loop.
 *
 * @packageDocumentation
 */
export { IoUringProactor, type IoUringProactorOptions } from './io-uring/io-uring-proactor.js';
export { type IoUringProbe, probeIoUring } from './io-uring/probe.js';
export { IocpProactor } from './iocp/iocp-proactor.js';
export { type Proactor } from './proactor.js';

/**
 * io_uring for Node: a completion-based I/O backend for tsyncio's event loop.
 *
 * @packageDocumentation
 */
export {};

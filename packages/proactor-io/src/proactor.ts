import type { AcceptIo, ConnectIo, DatagramIo, PipeIo, ProcessIo, StreamIo, WatchIo } from '@tsyncio/socket';

/**
 * The completion backend of a loop: all ports of I/O. asyncio: what `ProactorEventLoop` takes as its `proactor`.
 *
 * For plugin authors: whatever has these ports can be given to a loop as its `backend`. Transports, servers and the functions over
 * descriptors never ask how they are made.
 */
export interface Proactor extends StreamIo, AcceptIo, ConnectIo, DatagramIo, PipeIo, WatchIo, ProcessIo {}

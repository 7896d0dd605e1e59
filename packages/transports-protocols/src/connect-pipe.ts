import { logger, NotImplementedError, repr, RuntimeError } from '@tsyncio/core';
import { operation, type CoroutineGenerator, type Future, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { PipeIo } from '@tsyncio/socket';

import type { PipeLike } from './pipe-descriptor.js';
import { checkFactory } from './protocol-factory.js';
import { type ReadPipeProtocol, ReadPipeTransport } from './read-pipe-transport.js';
import type { ReadTransport, WriteTransport } from './transport.js';
import { type WritePipeProtocol, WritePipeTransport } from './write-pipe-transport.js';

/**
 * Reads a pipe, FIFO, socket or character device through a protocol. asyncio: `loop.connect_read_pipe`.
 *
 * The operation is done when `connectionMade` was called. The pipe is made non-blocking, for everybody who shares it (a terminal that is
 * stdin, stdout and stderr at once), and is the transport's from then on: it is closed after `connectionLost`.
 *
 * @param pipe - A descriptor, or an object that has one: see {@link PipeLike}. On Windows a `PipeHandle`, and a loop on completion ports.
 *   `getExtraInfo('pipe')` gives it back.
 * @throws Through the operation: ValueError for a regular file; TypeError for wrong types; NotImplementedError where there are no pipes; the
 *   system's error for a closed descriptor; RuntimeError if a transport uses it already, or the loop is closed; what the factory throws (the
 *   pipe stays the caller's in all of these); CancelledError (the pipe is closed).
 *
 * @example
 * const [transport] = await connectReadPipe(loop, () => new Lines(), openSync('/run/fifo', O_RDONLY | O_NONBLOCK));
 */
export function connectReadPipe<P extends ReadPipeProtocol>(
  loop: TaskLoop<PipeIo>,
  protocolFactory: () => P,
  pipe: PipeLike,
): Operation<[ReadTransport, P]> {
  return operation(loop, connect(loop, 'connectReadPipe', ReadPipeTransport, protocolFactory, pipe), { context: true });
}

/**
 * Writes to a pipe, FIFO, socket or character device through a protocol. asyncio: `loop.connect_write_pipe`.
 *
 * A reader that goes away is noticed at once, except behind a character device, and on Windows unless the pipe is duplex: there the next write
 * finds out. Else as {@link connectReadPipe}.
 *
 * @example
 * const [transport] = await connectWritePipe(loop, () => ({}), 1);
 * transport.write(Buffer.from('hello\n'));
 */
export function connectWritePipe<P extends WritePipeProtocol>(
  loop: TaskLoop<PipeIo>,
  protocolFactory: () => P,
  pipe: PipeLike,
): Operation<[WriteTransport, P]> {
  return operation(loop, connect(loop, 'connectWritePipe', WritePipeTransport, protocolFactory, pipe), {
    context: true,
  });
}

type MakeTransport<T, P> = new (loop: TaskLoop<PipeIo>, pipe: PipeLike, protocol: P, waiter: Future<void>) => T;

function* connect<T extends { close(): void }, P>(
  loop: TaskLoop<PipeIo>,
  method: string,
  Transport: MakeTransport<T, P>,
  factory: () => P,
  pipe: PipeLike,
): CoroutineGenerator<[T, P]> {
  checkFactory(method, factory);
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  if (typeof loop.backend.openPipe !== 'function') {
    throw new NotImplementedError(`${method}() needs a backend with pipes`);
  }
  const { noPipes } = loop.backend;
  if (noPipes !== undefined) throw new NotImplementedError(`${method}: ${noPipes}`);
  const protocol = factory();
  const waiter = loop.createFuture<void>();
  const transport = new Transport(loop, pipe, protocol, waiter);
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  if (loop.getDebug()) logger.debug(`${repr(pipe)} connected: ${repr(transport)}`);
  return [transport, protocol];
}

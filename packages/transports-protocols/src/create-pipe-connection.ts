import { type IoBackend, logger, NotImplementedError, repr, RuntimeError, ValueError } from '@tsyncio/core';
import { type CoroutineGenerator, type Future, operation, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { NamedPipeIo, PipeHandle, StreamChannel, StreamSink } from '@tsyncio/socket';

import type { StreamProtocol } from './protocol.js';
import { checkFactory, type ProtocolFactory } from './protocol-factory.js';
import { StreamTransport } from './stream-transport.js';
import type { Transport } from './transport.js';

/** Seconds between attempts while no instance is free: twice as long each time, to begin with. */
const SHORTEST = 0.002;
const LONGEST = 0.1;

/** The transport of a named pipe, in both directions. asyncio: `_ProactorDuplexPipeTransport`. */
export class DuplexPipeTransport extends StreamTransport {
  /** Takes over the pipe. Extra information: `pipe` and `addr`. Internal. */
  constructor(
    loop: TaskLoop<NamedPipeIo>,
    pipe: PipeHandle,
    protocol: StreamProtocol,
    addr: string,
    waiter?: Future<void>,
  ) {
    const open = (sink: StreamSink): StreamChannel => loop.backend.openNamedPipe(pipe, sink, loop);
    super(loop, null, protocol, { waiter, pipe: { open, extra: { pipe, addr } } });
  }

  /** False: a pipe has no end of one direction. */
  override canWriteEof(): boolean {
    return false;
  }

  /** @throws NotImplementedError */
  override writeEof(): never {
    throw new NotImplementedError(
      'writeEof() is not implemented by this transport: a pipe has no end of one direction',
    );
  }
}

/**
 * Connects to a named pipe of Windows, and waits while all of its instances are busy. asyncio: `ProactorEventLoop.create_pipe_connection`.
 *
 * @param address - `\\\\.\\pipe\\name`, and so on. `getExtraInfo('addr')` gives it back.
 * @throws Through the operation: FileNotFoundError if nobody serves it; NotImplementedError where there are no named pipes; TypeError for wrong
 *   arguments; what the factory throws; CancelledError.
 */
export function createPipeConnection<P extends StreamProtocol>(
  loop: TaskLoop<IoBackend>,
  protocolFactory: ProtocolFactory<P>,
  address: string,
): Operation<[Transport, P]> {
  return operation(loop, connection(loop, protocolFactory, address), { context: true });
}

function* connection<P extends StreamProtocol>(
  loop: TaskLoop<IoBackend>,
  factory: ProtocolFactory<P>,
  address: string,
): CoroutineGenerator<[Transport, P]> {
  checkFactory('createPipeConnection', factory);
  requireNamedPipes('createPipeConnection', loop, address);
  const pipe = yield* connected(loop, address);
  let transport: DuplexPipeTransport;
  let protocol: P;
  const waiter = loop.createFuture<void>();
  try {
    protocol = factory();
    transport = new DuplexPipeTransport(loop, pipe, protocol, address, waiter);
  } catch (error) {
    pipe.close();
    throw error;
  }
  try {
    yield* waiter;
  } catch (error) {
    transport.close();
    throw error;
  }
  if (loop.getDebug()) logger.debug(`${repr(pipe)} connected to ${address}: ${repr(transport)}`);
  return [transport, protocol];
}

function* connected(loop: TaskLoop<NamedPipeIo>, address: string): CoroutineGenerator<PipeHandle> {
  for (let delay = SHORTEST; ; delay = Math.min(2 * delay, LONGEST)) {
    const pipe = loop.backend.connectPipe(address);
    if (pipe !== null) return pipe;
    const woken = loop.createFuture<void>();
    const timer = loop.callLater(delay, () => {
      if (!woken.done()) woken.setResult();
    });
    try {
      yield* woken;
    } finally {
      timer.cancel();
    }
  }
}

/** @throws NotImplementedError where there are no named pipes, TypeError and ValueError for what is no address. Internal. */
export function requireNamedPipes(
  method: string,
  loop: TaskLoop<IoBackend>,
  address: unknown,
): asserts loop is TaskLoop<NamedPipeIo> {
  if (typeof address !== 'string') throw new TypeError(`${method}: address must be a string, got ${repr(address)}`);
  if (address === '') throw new ValueError(`${method}: address must not be empty`);
  if (loop.isClosed()) throw new RuntimeError('Event loop is closed');
  if (typeof (loop.backend as Partial<NamedPipeIo>).openNamedPipe !== 'function') {
    throw new NotImplementedError(
      `${method}() needs named pipes: they are of Windows, and of loops on completion ports`,
    );
  }
}

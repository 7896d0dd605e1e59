import { type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { ConnectIo, StreamIo } from '@tsyncio/socket';
import {
  createConnection,
  createUnixConnection,
  type ConnectionOptions,
  type Transport,
  type UnixConnectionOptions,
  type UnixPath,
} from '@tsyncio/transports-protocols';

import { type LimitOption, splitLimit } from './limit-option.js';
import { type MethodOf, operationInLoop, outcomeOf } from './running-loop.js';
import { StreamReader } from './stream-reader.js';
import { StreamReaderProtocol } from './stream-reader-protocol.js';
import { StreamWriter } from './stream-writer.js';

/** The options of {@link openConnection}: `limit`, and those of `createConnection`. */
export interface OpenConnectionOptions extends ConnectionOptions, LimitOption {}

/** The options of {@link openUnixConnection}: `limit`, and those of `createUnixConnection`. */
export interface OpenUnixConnectionOptions extends UnixConnectionOptions, LimitOption {}

/** The two halves of a stream. */
export type StreamPair = [reader: StreamReader, writer: StreamWriter];

type ConnectingLoop = TaskLoop<StreamIo & ConnectIo> & {
  readonly createConnection?: MethodOf<typeof createConnection<StreamReaderProtocol>>;
  readonly createUnixConnection?: MethodOf<typeof createUnixConnection<StreamReaderProtocol>>;
};

const NEEDED = ['openStream', 'connect'] as const;

/**
 * Connects to a TCP server, in the running loop. asyncio: `asyncio.open_connection`.
 *
 * @param host - A name, an IP literal, or null for this machine.
 * @param port - A number, or the name of a service.
 * @returns A reader and a writer.
 * @throws Through the operation: ValueError for a limit that is not above 0, before anything is tried; what `createConnection` throws; RuntimeError
 *   if no loop is running; TypeError if it has no sockets.
 *
 * @example
 * const [reader, writer] = await openConnection('127.0.0.1', 8888);
 * writer.write(Buffer.from('hello\n'));
 * show(await reader.readline());
 * writer.close();
 */
export function openConnection(
  host: string | null,
  port: number | string | null,
  options?: OpenConnectionOptions,
): Operation<StreamPair>;
/** The same over a socket that is connected already, with `sock` among the options. */
export function openConnection(options: OpenConnectionOptions): Operation<StreamPair>;
export function openConnection(...given: unknown[]): Operation<StreamPair> {
  return operationInLoop('openConnection', 'sockets', NEEDED, (loop: ConnectingLoop) =>
    opening(loop, given, (factory, rest) =>
      loop.createConnection === undefined
        ? createConnection(loop, factory, ...(rest as [ConnectionOptions]))
        : loop.createConnection(factory, ...(rest as [ConnectionOptions])),
    ),
  );
}

/**
 * Connects to a Unix-domain stream server, in the running loop. asyncio: `asyncio.open_unix_connection`.
 *
 * @param path - A path, or an abstract name (Linux) that begins with NUL; null with `sock` among the options.
 * @returns A reader and a writer.
 * @throws Through the operation: as {@link openConnection}, and what `createUnixConnection` throws.
 *
 * @example
 * const [reader, writer] = await openUnixConnection('/run/chat.sock');
 */
export function openUnixConnection(
  path: UnixPath | null,
  options: OpenUnixConnectionOptions = {},
): Operation<StreamPair> {
  return operationInLoop('openUnixConnection', 'sockets', NEEDED, (loop: ConnectingLoop) =>
    opening(loop, [options], (factory, [others]) =>
      loop.createUnixConnection === undefined
        ? createUnixConnection(loop, factory, path, others as UnixConnectionOptions)
        : loop.createUnixConnection(factory, path, others as UnixConnectionOptions),
    ),
  );
}

function* opening(
  loop: ConnectingLoop,
  given: readonly unknown[],
  connect: (
    factory: () => StreamReaderProtocol,
    rest: unknown[],
  ) => Operation<[transport: Transport, protocol: StreamReaderProtocol]>,
): CoroutineGenerator<StreamPair> {
  const { limit, rest } = splitLimit(given);
  const reader = new StreamReader({ limit, loop });
  const protocol = new StreamReaderProtocol(reader, null, loop);
  const [transport] = yield* outcomeOf(
    loop,
    connect(() => protocol, rest),
  );
  return [reader, new StreamWriter(transport, protocol, reader, loop)];
}

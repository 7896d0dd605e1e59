import { repr } from '@tsyncio/core';
import { type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import {
  createServer,
  createUnixServer,
  type Hosts,
  type Server,
  type ServerOptions,
  type UnixServerOptions,
} from '@tsyncio/server';
import type { AcceptIo, StreamIo } from '@tsyncio/socket';
import type { UnixPath } from '@tsyncio/transports-protocols';

import { type LimitOption, splitLimit } from './limit-option.js';
import { type MethodOf, operationInLoop, outcomeOf } from './running-loop.js';
import { StreamReader } from './stream-reader.js';
import { type ClientConnectedCallback, StreamReaderProtocol } from './stream-reader-protocol.js';

/** The options of {@link startServer}: `limit`, and those of `createServer`. */
export interface StartServerOptions extends ServerOptions, LimitOption {}

/** The options of {@link startUnixServer}: `limit`, and those of `createUnixServer`. */
export interface StartUnixServerOptions extends UnixServerOptions, LimitOption {}

type ServingLoop = TaskLoop<StreamIo & AcceptIo> & {
  readonly createServer?: MethodOf<typeof createServer>;
  readonly createUnixServer?: MethodOf<typeof createUnixServer>;
};

const NEEDED = ['openStream', 'startAccepting'] as const;

/**
 * Starts a TCP server, in the running loop. asyncio: `asyncio.start_server`.
 *
 * @param clientConnected - Called for every connection with a reader and a writer, as a task of its own.
 * @param host - A name or an IP literal, several, or null for all interfaces.
 * @param port - 0 or null lets the kernel choose.
 * @returns The server, which accepts connections unless `startServing` is false. With a `limit` that is not above 0 every connection is
 *   dropped, with a report in debug mode.
 * @throws Through the operation: what `createServer` throws; TypeError if `clientConnected` is no function, or the running loop has no
 *   sockets; RuntimeError if no loop is running.
 *
 * @example
 * await using server = await startServer(async (reader, writer) => {
 *   for await (const line of reader) {
 *     writer.write(line);
 *     await writer.drain();
 *   }
 *   writer.close();
 * }, '127.0.0.1', 8888);
 */
export function startServer(
  clientConnected: ClientConnectedCallback,
  host: Hosts,
  port: number | string | null,
  options?: StartServerOptions,
): Operation<Server>;
/** The same on a socket that is bound already, with `sock` among the options. */
export function startServer(clientConnected: ClientConnectedCallback, options: StartServerOptions): Operation<Server>;
export function startServer(clientConnected: ClientConnectedCallback, ...given: unknown[]): Operation<Server> {
  return operationInLoop('startServer', 'sockets', NEEDED, (loop: ServingLoop) =>
    starting('startServer', loop, clientConnected, given, (factory, rest) =>
      loop.createServer === undefined
        ? createServer(loop, factory, ...(rest as [ServerOptions]))
        : loop.createServer(factory, ...(rest as [ServerOptions])),
    ),
  );
}

/**
 * Starts a server on a Unix-domain socket, in the running loop. asyncio: `asyncio.start_unix_server`. As {@link startServer}, with the
 * options and errors of `createUnixServer`.
 *
 * @param path - A path, or an abstract name (Linux) that begins with NUL; null with `sock` among the options.
 *
 * @example
 * await using server = await startUnixServer(serveClient, '/run/chat.sock');
 */
export function startUnixServer(
  clientConnected: ClientConnectedCallback,
  path: UnixPath | null,
  options: StartUnixServerOptions = {},
): Operation<Server> {
  return operationInLoop('startUnixServer', 'sockets', NEEDED, (loop: ServingLoop) =>
    starting('startUnixServer', loop, clientConnected, [options], (factory, [others]) =>
      loop.createUnixServer === undefined
        ? createUnixServer(loop, factory, path, others as UnixServerOptions)
        : loop.createUnixServer(factory, path, others as UnixServerOptions),
    ),
  );
}

function* starting(
  method: string,
  loop: ServingLoop,
  clientConnected: ClientConnectedCallback,
  given: readonly unknown[],
  create: (factory: () => StreamReaderProtocol, rest: unknown[]) => Operation<Server>,
): CoroutineGenerator<Server> {
  if (typeof clientConnected !== 'function') {
    throw new TypeError(`${method}: clientConnected must be a function, got ${repr(clientConnected)}`);
  }
  const { limit, rest } = splitLimit(given);
  const factory = (): StreamReaderProtocol =>
    new StreamReaderProtocol(new StreamReader({ limit, loop }), clientConnected, loop);
  return yield* outcomeOf(loop, create(factory, rest));
}

import { isOSError, logger, OSError, repr, ValueError } from '@tsyncio/core';
import { operation, type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import { Socket, type AddrInfo, type ConnectIo, type HostAndPort, type StreamIo } from '@tsyncio/socket';

import { endpointArguments } from './endpoint-arguments.js';
import type { StreamProtocol } from './protocol.js';
import { checkFactory, type ProtocolFactory } from './protocol-factory.js';
import { openTransport } from './open-transport.js';
import { interleave } from './interleave.js';
import { staggeredRace } from './staggered-race.js';
import { streamInfos } from './stream-infos.js';
import { checkStreamSocket, discardSocket } from './stream-socket.js';
import { CLIENT_TLS_OPTIONS, clientTls, type ClientTlsOptions } from './tls/tls-plan.js';
import type { Transport } from './transport.js';

/** The options of {@link createConnection}. */
export interface ConnectionOptions extends ClientTlsOptions {
  /** `AF_INET` or `AF_INET6`; default 0, which takes both. */
  readonly family?: number | undefined;
  /** Protocol number for the lookup; default 0. */
  readonly proto?: number | undefined;
  /** `AI_*` flags for the lookup; default 0. */
  readonly flags?: number | undefined;
  /** A connected stream socket to use in place of host and port. The transport owns it once the connection is made. */
  readonly sock?: Socket | null | undefined;
  /** `[host, port]` to bind to before connecting; looked up like the remote address. Of several that are found the first that can be had. */
  readonly localAddr?: HostAndPort | null | undefined;
  /**
   * Seconds after which the next address is tried while the last one is still pending (RFC 8305, "Happy Eyeballs"; it recommends 0.25).
   * Default null: one address after the other.
   */
  readonly happyEyeballsDelay?: number | null | undefined;
  /** How many addresses of the first family come first when families alternate. Default 1 with `happyEyeballsDelay`; else 0: no mixing. */
  readonly interleave?: number | null | undefined;
  /**
   * Where no connection comes about, fails with an AggregateError whose `errors` are those of all attempts. asyncio: `all_errors`, since 3.12.
   * Default false: one OSError.
   */
  readonly allErrors?: boolean | undefined;
}

const OPTIONS = [
  'family',
  'proto',
  'flags',
  'sock',
  'localAddr',
  'happyEyeballsDelay',
  'interleave',
  'allErrors',
  ...CLIENT_TLS_OPTIONS,
];

type ConnectingLoop = TaskLoop<StreamIo & ConnectIo>;

/**
 * Connects to a TCP server. asyncio: `loop.create_connection`.
 *
 * The factory is called when the connection stands; the operation is done when `connectionMade` was called. TCP_NODELAY is on.
 *
 * @param host - A name, an IPv4 or IPv6 literal (not looked up), or null for this machine. The addresses of a name are tried until one connects.
 * @param port - A number from 0 to 65535, or the name of a service.
 * @returns The transport and the protocol that the factory made.
 * @throws Through the operation: OSError with `code`, `syscall`, `address` and `port` if no connection comes about
 *   (`connect ECONNREFUSED 127.0.0.1:80`), one whose text has those of all attempts if they differ (see `allErrors`); GaiError for a name that cannot be looked
 *   up; ValueError without host, port and `sock`, or with both, and for a `sock` that is no stream
 *   socket; TypeError for wrong types and unknown options; what the factory throws; CancelledError.
 *   A socket made here is closed then, one that was given is not.
 *
 * @example
 * const [transport, protocol] = await createConnection(loop, () => new Chat(), '127.0.0.1', 8888);
 */
export function createConnection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  protocolFactory: ProtocolFactory<P>,
  host: string | null,
  port: number | string | null,
  options?: ConnectionOptions,
): Operation<[Transport, P]>;
/** The same over a socket that is connected already, with `sock` among the options. */
export function createConnection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  protocolFactory: ProtocolFactory<P>,
  options: ConnectionOptions,
): Operation<[Transport, P]>;
export function createConnection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  protocolFactory: ProtocolFactory<P>,
  ...rest: unknown[]
): Operation<[Transport, P]> {
  return operation(loop, connection(loop, protocolFactory, rest), { context: true });
}

function* connection<P extends StreamProtocol>(
  loop: ConnectingLoop,
  factory: ProtocolFactory<P>,
  rest: readonly unknown[],
): Generator<unknown, [Transport, P], unknown> {
  checkFactory('createConnection', factory);
  const { host, port, options } = endpointArguments<string, ConnectionOptions>('createConnection', OPTIONS, rest);
  const { sock = null } = options;
  const tls = clientTls('createConnection', options, host);
  let socket: Socket;
  if (host === null && port === null) {
    checkStreamSocket('createConnection', sock);
    sock.setblocking(false);
    socket = sock;
  } else {
    if (sock !== null) throw new ValueError('host/port and sock can not be specified at the same time');
    socket = yield* connect(loop, host, port, options);
  }
  const pair = yield* openTransport(loop, factory, socket, socket !== sock, tls);
  if (loop.getDebug()) logger.debug(`${repr(socket)} connected to ${host}:${port}: ${repr(pair)}`);
  return pair;
}

/** A socket that is connected to one of the addresses of a host. */
function* connect(
  loop: TaskLoop<ConnectIo>,
  host: string | null,
  port: number | string | null,
  options: ConnectionOptions,
): CoroutineGenerator<Socket> {
  const { localAddr = null, happyEyeballsDelay: delay = null, allErrors = false } = options;
  checkDelay(delay);
  const count = options.interleave ?? (delay === null ? 0 : 1);
  checkInterleave(count);
  const found = yield* streamInfos(loop, [host, port], options);
  const locals = localAddr === null ? null : yield* streamInfos(loop, localAddr, options);
  const infos = count === 0 ? found : interleave(found, count);
  const failures: OSError[][] = [];
  const attempt = (info: AddrInfo): CoroutineGenerator<Socket> => {
    const own: OSError[] = [];
    failures.push(own);
    return connectTo(loop, info, locals, own);
  };
  if (delay === null) {
    for (const info of infos) {
      try {
        return yield* attempt(info);
      } catch (error) {
        if (!isOSError(error)) throw error;
      }
    }
    throw failure(failures.flat(), allErrors);
  }
  const attempts = infos.map((info) => () => attempt(info));
  const { winner, errors } = yield* staggeredRace(loop, attempts, delay);
  if (winner !== null) return winner.value;
  const all = failures.flat();
  throw all.length === 0 ? errors[0] : failure(all, allErrors);
}

/**
 * One attempt.
 *
 * @param failures - Gets the errors of it: of several local addresses, then of the connection.
 */
function* connectTo(
  loop: TaskLoop<ConnectIo>,
  [family, type, proto, , address]: AddrInfo,
  locals: readonly AddrInfo[] | null,
  failures: OSError[],
): CoroutineGenerator<Socket> {
  let socket: Socket | null = null;
  try {
    socket = new Socket(family, type, proto, { nonblocking: true });
    if (locals !== null) bindToOne(socket, locals, failures);
    yield* loop.backend.connect(loop, socket, address);
    return socket;
  } catch (error) {
    if (isOSError(error)) failures.push(error);
    if (socket !== null) discardSocket(socket);
    throw error;
  }
}

/** Binds to the first local address of the socket's family that can be had. */
function bindToOne(socket: Socket, locals: readonly AddrInfo[], failures: OSError[]): void {
  let last: OSError | null = null;
  for (const [family, , , , address] of locals) {
    if (family !== socket.family) continue;
    if (last !== null) failures.push(last);
    try {
      socket.bind(address);
      return;
    } catch (error) {
      if (!isOSError(error)) throw error;
      last = error;
    }
  }
  throw last ?? new OSError(`no local address of family ${socket.family}, which that of the peer has`);
}

/** The one error, or one for all if they say the same; otherwise one that tells them all. With `allErrors` all of them. */
function failure(errors: readonly OSError[], allErrors: boolean): OSError | AggregateError {
  if (allErrors) return new AggregateError(errors, 'createConnection: no connection came about');
  const first = errors[0]!;
  if (errors.every((error) => error.message === first.message)) return first;
  return new OSError(`Multiple exceptions: ${errors.map((error) => error.message).join(', ')}`);
}

function checkDelay(delay: unknown): void {
  if (delay === null) return;
  if (typeof delay !== 'number') {
    throw new TypeError(`createConnection: happyEyeballsDelay must be a number of seconds or null, got ${repr(delay)}`);
  }
  if (!(delay >= 0)) throw new ValueError(`createConnection: happyEyeballsDelay must not be negative, got ${delay}`);
}

function checkInterleave(count: unknown): void {
  if (typeof count !== 'number') {
    throw new TypeError(`createConnection: interleave must be a number or null, got ${repr(count)}`);
  }
  if (!Number.isInteger(count) || count < 0) {
    throw new ValueError(`createConnection: interleave must be an integer of at least 0, got ${count}`);
  }
}

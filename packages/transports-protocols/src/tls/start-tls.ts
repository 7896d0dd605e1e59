import { Handle, hasBrand, repr, RuntimeError } from '@tsyncio/core';
import { operation, type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { StreamIo } from '@tsyncio/socket';

import { checkPieces } from '../bytes.js';
import { checkOptions } from '../endpoint-arguments.js';
import { refuseWhileSending } from '../file-sender.js';
import type { StreamProtocol } from '../protocol.js';
import type { StreamTransport } from '../stream-transport.js';
import type { BaseTransport, Transport } from '../transport.js';
import { clientSettings, serverSettings, type Ssl } from './options.js';
import { timeoutsOf, type TlsTimeouts } from './tls-plan.js';
import { TlsProtocol } from './tls-protocol.js';

/** The options of {@link startTls}. */
export interface StartTlsOptions extends TlsTimeouts {
  /** This end is the server of the TLS connection, whoever has opened it. Default false. */
  readonly serverSide?: boolean | undefined;
  /** Clients: whom to ask for, and whose certificate it has to be. Default: nobody, and no name is checked. */
  readonly serverHostname?: string | null | undefined;
  /** What was received already and belongs to TLS: a protocol that buffers may hold the beginning of the handshake. */
  readonly received?: Iterable<Uint8Array> | undefined;
}

const OPTIONS = ['serverSide', 'serverHostname', 'received', 'sslHandshakeTimeout', 'sslShutdownTimeout'];

/**
 * Goes over to TLS on a connection that is open, as SMTP and PostgreSQL do. asyncio: `loop.start_tls`.
 *
 * What waits in the transport's buffer is sent first, in clear. Of what arrives, everything from this call on belongs to TLS: call it in the
 * very callback that has read the last plain byte, or pause reading there.
 *
 * @param transport - A stream transport without TLS; of no use any more afterwards.
 * @param protocol - Gets what is decrypted, and every later callback. `connectionMade` is not called.
 * @param sslContext - A `tls.SecureContext` or options.
 * @returns The transport to go on with; done after the handshake.
 * @throws Through the operation: TypeError for a wrong context or transport (one that has TLS is wrong), ValueError for a time limit that is
 *   not above 0, RuntimeError for a transport that is closing or sends a file; the transport stays as it is then. OSError if the handshake fails (Node's `code`, `CERT_HAS_EXPIRED`), ConnectionResetError if the peer leaves,
 *   ConnectionAbortedError after `sslHandshakeTimeout`, CancelledError: the transport is closed then, and no protocol is told.
 *
 * @example
 * transport = await startTls(loop, transport, this, { ca }, { serverHostname: 'mail.example.org' });
 */
export function startTls(
  loop: TaskLoop<StreamIo>,
  transport: Transport,
  protocol: StreamProtocol,
  sslContext: Exclude<Ssl, true>,
  options: StartTlsOptions = {},
): Operation<Transport> {
  return operation(loop, starting(loop, transport, protocol, sslContext, options), { context: true });
}

function* starting(
  loop: TaskLoop<StreamIo>,
  transport: BaseTransport,
  protocol: StreamProtocol,
  sslContext: unknown,
  options: StartTlsOptions,
): CoroutineGenerator<Transport> {
  checkOptions('startTls', OPTIONS, options);
  if (typeof sslContext !== 'object' || sslContext === null) {
    throw new TypeError(`startTls: sslContext must be a tls.SecureContext or TLS options, got ${repr(sslContext)}`);
  }
  if (!hasBrand(transport, 'StreamTransport')) {
    throw new TypeError(`startTls: transport ${repr(transport)} cannot go over to TLS`);
  }
  const lower = transport as StreamTransport;
  if (lower.getProtocol() instanceof TlsProtocol) {
    throw new TypeError(`startTls: transport ${repr(transport)} has gone over to TLS already`);
  }
  if (lower.sendingFile) refuseWhileSending('startTls');
  if (lower.isClosing()) throw new RuntimeError('startTls: the transport is closing');
  const { serverSide = false, serverHostname = null, received = [] } = options;
  if (serverHostname !== null && typeof serverHostname !== 'string') {
    throw new TypeError(`startTls: serverHostname must be a string, got ${repr(serverHostname)}`);
  }
  const earlier = checkPieces('startTls: received', received);
  const timeouts = timeoutsOf('startTls', options);
  const settings = (serverSide ? serverSettings : clientSettings)('startTls', sslContext);
  const waiter = loop.createFuture<void>();
  const tls = new TlsProtocol(loop, protocol, {
    settings,
    serverHostname: serverHostname ?? '',
    ...timeouts,
    waiter,
    callsMade: false,
  });
  // Nothing may be read before TLS is there to get it.
  lower.pauseReading();
  lower.setProtocol(tls);
  const begin = new Handle(
    () => {
      tls.connectionMade(lower);
      for (const piece of earlier) tls.receiveEarlier(piece);
      lower.resumeReading();
    },
    [],
    loop,
  );
  loop.enqueue(begin);
  try {
    yield* waiter;
  } catch (error) {
    lower.close();
    begin.cancel();
    if (tls.lower === null) tls.discard();
    else tls.abort();
    throw error;
  }
  return tls.transport;
}

import { repr, ValueError } from '@tsyncio/core';

import {
  checkTimeout,
  clientSettings,
  HANDSHAKE_TIMEOUT,
  serverSettings,
  SHUTDOWN_TIMEOUT,
  type Ssl,
  type TlsSettings,
} from './options.js';

/** The options about time of everything that speaks TLS. */
export interface TlsTimeouts {
  /** Seconds that the TLS handshake may take. Default 60. ValueError without `ssl`. */
  readonly sslHandshakeTimeout?: number | null | undefined;
  /** Seconds that a closed transport waits for its peer while nothing moves. Default 30. ValueError without `ssl`. */
  readonly sslShutdownTimeout?: number | null | undefined;
}

/** The options of a connection that may use TLS. */
export interface ClientTlsOptions extends TlsTimeouts {
  /** TLS: true for the defaults, a `tls.SecureContext`, or options. Default null: without TLS. */
  readonly ssl?: Ssl | false | null | undefined;
  /**
   * Whom to ask for (SNI), and whose certificate it has to be. Default: the host, if there is one. '' asks for nothing and checks no name.
   * ValueError without `ssl`.
   */
  readonly serverHostname?: string | null | undefined;
}

/** The options of a server that may use TLS. */
export interface ServerTlsOptions extends TlsTimeouts {
  /** TLS: a `tls.SecureContext`, or options (`cert` and `key`, at least). Default null: without TLS. */
  readonly ssl?: Exclude<Ssl, true> | null | undefined;
}

/** The names of {@link ClientTlsOptions}. Internal. */
export const CLIENT_TLS_OPTIONS = ['ssl', 'serverHostname', 'sslHandshakeTimeout', 'sslShutdownTimeout'];
/** The names of {@link ServerTlsOptions}. Internal. */
export const SERVER_TLS_OPTIONS = ['ssl', 'sslHandshakeTimeout', 'sslShutdownTimeout'];

/** TLS as a connection or a server will do it. Internal. */
export interface TlsPlan {
  readonly settings: TlsSettings;
  readonly serverHostname: string;
  /** Seconds. */
  readonly handshakeTimeout: number;
  /** Seconds. */
  readonly shutdownTimeout: number;
}

/**
 * @param host - Taken for the name if none is given; null or '' if there is none.
 * @returns null without `ssl`.
 * @throws ValueError, TypeError; and what Node throws for a bad certificate. Internal.
 */
export function clientTls(method: string, options: ClientTlsOptions, host: unknown): TlsPlan | null {
  const { serverHostname = null } = options;
  const ssl: unknown = options.ssl ?? false;
  if (ssl === false) {
    if (serverHostname !== null) throw new ValueError('serverHostname is only meaningful with ssl');
    refuseTimeouts(options);
    return null;
  }
  if (serverHostname !== null && typeof serverHostname !== 'string') {
    throw new TypeError(`${method}: serverHostname must be a string, got ${repr(serverHostname)}`);
  }
  const name = serverHostname ?? (typeof host === 'string' && host !== '' ? host : null);
  if (name === null) throw new ValueError(`${method}: you must set serverHostname when using ssl without a host`);
  const timeouts = timeoutsOf(method, options);
  return { settings: clientSettings(method, ssl), serverHostname: name, ...timeouts };
}

/** As {@link clientTls}, for the side that accepts. Internal. */
export function serverTls(method: string, options: ServerTlsOptions): TlsPlan | null {
  const ssl: unknown = options.ssl ?? null;
  if (ssl === null) {
    refuseTimeouts(options);
    return null;
  }
  const timeouts = timeoutsOf(method, options);
  return { settings: serverSettings(method, ssl), serverHostname: '', ...timeouts };
}

/** @throws TypeError, ValueError unless they are above 0. Internal. */
export function timeoutsOf(
  method: string,
  options: TlsTimeouts,
): { readonly handshakeTimeout: number; readonly shutdownTimeout: number } {
  return {
    handshakeTimeout: checkTimeout(method, 'sslHandshakeTimeout', options.sslHandshakeTimeout, HANDSHAKE_TIMEOUT),
    shutdownTimeout: checkTimeout(method, 'sslShutdownTimeout', options.sslShutdownTimeout, SHUTDOWN_TIMEOUT),
  };
}

function refuseTimeouts(options: TlsTimeouts): void {
  for (const name of ['sslHandshakeTimeout', 'sslShutdownTimeout'] as const) {
    if ((options[name] ?? null) !== null) throw new ValueError(`${name} is only meaningful with ssl`);
  }
}

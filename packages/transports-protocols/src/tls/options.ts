import { hasBrand, repr, ValueError } from '@tsyncio/core';
import {
  isSecureContext,
  nodeTls,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
} from '@tsyncio/socket/native';

import { checkProtocolList } from './protocol-list.js';

/** Chooses a secure context for the name that a client asks for; as Node's. Call `callback` once, now or later. */
export type SniCallback = (
  serverName: string,
  callback: (error: Error | null, context?: SecureContext | null) => void,
) => void;

/** Checks that a certificate is that of the host; gives an error if not. Node's `tls.checkServerIdentity` is one. */
export type CheckServerIdentity = (hostname: string, certificate: PeerCertificate) => Error | undefined;

/** TLS with options: those of Node's `tls.createSecureContext` (`cert`, `key`, `ca`, `ciphers`, `minVersion`, ...), and these. */
export interface TlsOptions extends SecureContextOptions {
  /** A context that was made before, in place of the options of `createSecureContext`. */
  readonly secureContext?: SecureContext | undefined;
  /** Servers: ask clients for a certificate. Default false. */
  readonly requestCert?: boolean | undefined;
  /**
   * Refuse a peer whose certificate does not stand the test; a server that has asked for one refuses a client without. Default true.
   * Set it to false and a connection is secret, but nobody knows with whom.
   */
  readonly rejectUnauthorized?: boolean | undefined;
  /** The application protocols to agree upon (ALPN), best first: `['h2', 'http/1.1']`, or as bytes with lengths as they are sent. */
  readonly ALPNProtocols?: readonly (string | Uint8Array)[] | Uint8Array | undefined;
  /** Servers: see {@link SniCallback}. Without it every client gets the same certificate. */
  readonly SNICallback?: SniCallback | undefined;
  /** Clients: see {@link CheckServerIdentity}. */
  readonly checkServerIdentity?: CheckServerIdentity | undefined;
  /**
   * Clients: a session of an earlier connection to the same server, from `session` of its `sslObject`, to be resumed, which saves a round
   * trip or the proof of the certificate. Who the server is was found out then, and is compared with `serverHostname` again. `sessionReused`
   * tells whether it was resumed; what cannot be leads to a full handshake, as everything does with the engine `'node'`.
   */
  readonly session?: Uint8Array | undefined;
}

/** What `ssl` may be: a secure context, options, or (clients only) true for the defaults. */
export type Ssl = true | SecureContext | TlsOptions;

/** One side's TLS, made out of {@link Ssl} once and used for all its connections. Internal. */
export interface TlsSettings {
  /** What the user gave. */
  readonly given: Ssl;
  readonly isServer: boolean;
  readonly context: SecureContext;
  /** The context was made here: nobody else has it. */
  readonly isPrivate: boolean;
  readonly verify: 'none' | 'ask' | 'require';
  readonly protocols: readonly string[] | null;
  readonly sniCallback: SniCallback | null;
  readonly checkServerIdentity: CheckServerIdentity | null;
  /** Clients: what is to be resumed. */
  readonly session: Uint8Array | null;
  /** A server resumes only sessions of the very same settings: what was checked then is what would be checked now. */
  readonly sessions: Uint8Array;
}

const OWN = [
  'secureContext',
  'requestCert',
  'rejectUnauthorized',
  'ALPNProtocols',
  'SNICallback',
  'checkServerIdentity',
  'session',
] as const;

/** Counts settings. */
let made = 0;

let clientContext: SecureContext | undefined;

/**
 * @param ssl - What the user gave, not null.
 * @throws TypeError for what is no context and no options, and for options of a wrong type. ValueError for `true` on a server. What
 *   `tls.createSecureContext` throws (a bad certificate). Internal.
 */
export function clientSettings(method: string, ssl: unknown): TlsSettings {
  if (ssl === true) {
    clientContext ??= nodeTls().createSecureContext();
    return settings(method, { secureContext: clientContext }, ssl, false, true);
  }
  return settings(method, optionsOf(method, ssl), ssl as Ssl, false, false);
}

/** As {@link clientSettings}, for the side that accepts. Internal. */
export function serverSettings(method: string, ssl: unknown): TlsSettings {
  return settings(method, optionsOf(method, ssl), ssl as Ssl, true, false);
}

function optionsOf(method: string, ssl: unknown): TlsOptions {
  if (typeof ssl !== 'object' || ssl === null || Array.isArray(ssl) || hasBrand(ssl, 'BaseTransport')) {
    throw new TypeError(`${method}: ssl must be a tls.SecureContext or TLS options, got ${repr(ssl)}`);
  }
  return isSecureContext(ssl) ? { secureContext: ssl } : ssl;
}

function settings(method: string, options: TlsOptions, given: Ssl, isServer: boolean, isShared: boolean): TlsSettings {
  const { secureContext, requestCert = false, rejectUnauthorized = true } = options;
  if (secureContext !== undefined && !isSecureContext(secureContext)) {
    throw new TypeError(`${method}: secureContext must be a tls.SecureContext, got ${repr(secureContext)}`);
  }
  for (const [name, value] of Object.entries({ requestCert, rejectUnauthorized })) {
    if (typeof value !== 'boolean') throw new TypeError(`${method}: ${name} must be a boolean, got ${repr(value)}`);
  }
  const { ALPNProtocols, SNICallback = null, checkServerIdentity = null, session = null } = options;
  for (const [name, value] of Object.entries({ SNICallback, checkServerIdentity })) {
    if (value !== null && typeof value !== 'function') {
      throw new TypeError(`${method}: ${name} must be a function, got ${repr(value)}`);
    }
  }
  if (session !== null && !(session instanceof Uint8Array)) {
    throw new TypeError(`${method}: session must be bytes, got ${repr(session)}`);
  }
  const asks = isServer ? requestCert : true;
  const verify = rejectUnauthorized && asks ? 'require' : isServer && requestCert ? 'ask' : 'none';
  return {
    given,
    isServer,
    context: secureContext ?? nodeTls().createSecureContext(contextOptions(options, isServer)),
    isPrivate: secureContext === undefined || isShared,
    verify,
    protocols: ALPNProtocols === undefined ? null : checkProtocolList(method, ALPNProtocols),
    sniCallback: isServer ? SNICallback : null,
    checkServerIdentity: isServer ? null : checkServerIdentity,
    session: isServer ? null : session,
    sessions: Buffer.from(`tsyncio ${verify} ${++made}`),
  };
}

/** What `createSecureContext` is to see. As in Node, a server prefers its own order of ciphers. */
function contextOptions(options: TlsOptions, isServer: boolean): SecureContextOptions {
  const rest: Record<string, unknown> = isServer ? { honorCipherOrder: true, ...options } : { ...options };
  for (const name of OWN) delete rest[name];
  return rest;
}

/** The default of a time limit in seconds, if none is given. @throws TypeError, ValueError unless it is above 0. Internal. */
export function checkTimeout(method: string, name: string, value: unknown, fallback: number): number {
  if (value === null || value === undefined) return fallback;
  if (typeof value !== 'number')
    throw new TypeError(`${method}: ${name} must be a number of seconds, got ${repr(value)}`);
  if (!(value > 0)) throw new ValueError(`${name} must be a positive number of seconds, got ${value}`);
  return value;
}

/** Seconds. */
export const HANDSHAKE_TIMEOUT = 60;
export const SHUTDOWN_TIMEOUT = 30;

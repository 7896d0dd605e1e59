/**
 * Node's side of TLS: options and certificates go through its `tls.createSecureContext`, with its parsing, defaults and root
 * certificates. The one file that touches `node:tls`, and the one that looks inside of a `SecureContext`.
 */
import type * as Tls from 'node:tls';
import { inspect, types } from 'node:util';

import {
  SSL_CTRL_GET_MAX_PROTO_VERSION,
  SSL_CTRL_GET_MIN_PROTO_VERSION,
  TLS1_2_VERSION,
  TLS1_3_VERSION,
} from './constants.js';
import { openssl } from './libssl.js';

export type { PeerCertificate, SecureContext, SecureContextOptions, TLSSocket } from 'node:tls';

let loaded: typeof Tls | undefined;

/** Node's module, loaded at the first call: it takes several milliseconds. */
export function nodeTls(): typeof Tls {
  return (loaded ??= process.getBuiltinModule('node:tls'));
}

/** The `SSL_CTX` of a secure context, and what keeps it alive. */
export interface NativeContext {
  /** The `SSL_CTX`. Ours to use for as long as `owner` is referenced. */
  readonly pointer: number;
  readonly owner: Tls.SecureContext;
  /** Made by us and given to nobody: Node's own connections do not use it. Otherwise they may, now or later: see {@link isTaken}. */
  readonly isPrivate: boolean;
}

/** Whether `value` is a `tls.SecureContext`. */
export function isSecureContext(value: unknown): value is Tls.SecureContext {
  return typeof value === 'object' && value !== null && types.isExternal(externalOf(value));
}

/**
 * The native half of a secure context, for connections of our own engine.
 *
 * @param isPrivate - The context was made by the caller and is given to nobody else.
 * @returns null if it has to be used through Node's own `TLSSocket`: because OpenSSL is not to be had in this build of Node, or not in the way
 *   that we know (see {@link opensslProblem}), or because Node's connections use this very context already.
 */
export function nativeContext(owner: Tls.SecureContext, isPrivate: boolean): NativeContext | null {
  if (opensslProblem() !== null) return null;
  let context = known.get(owner);
  if (context === undefined) {
    context = { pointer: pointerOf(owner), owner, isPrivate };
    known.set(owner, context);
  }
  if (context.pointer === 0) return null;
  return context.isPrivate || !isTaken(context) ? context : null;
}

const known = new WeakMap<Tls.SecureContext, NativeContext>();

/**
 * Whether connections of Node's use the context. They install callbacks on the `SSL_CTX` that take every `SSL` for one of Node's, and
 * would end the process if they were called for one of ours.
 */
export function isTaken(context: NativeContext): boolean {
  return openssl().newSessionCallback(context.pointer) !== 0;
}

let problem: string | null | undefined;

/**
 * Why OpenSSL cannot be used directly in this process; null if it can. Found out at the first call: all functions must be there, and
 * contexts with known limits must read back through the pointers that we take from them.
 */
export function opensslProblem(): string | null {
  if (problem === undefined) problem = findProblem();
  return problem;
}

function findProblem(): string | null {
  try {
    openssl();
    const { createSecureContext } = nodeTls();
    const low = pointerOf(createSecureContext({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }));
    const high = pointerOf(createSecureContext({ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' }));
    if (low === 0 || high === 0) return 'the SSL_CTX of a secure context cannot be found';
    if (limits(low) === limitsOf(TLS1_2_VERSION) && limits(high) === limitsOf(TLS1_3_VERSION)) return null;
    return 'what was found in a secure context is no SSL_CTX';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function limits(pointer: number): string {
  const { contextControl } = openssl();
  const least = contextControl(pointer, SSL_CTRL_GET_MIN_PROTO_VERSION, 0, null);
  return `${least}-${contextControl(pointer, SSL_CTRL_GET_MAX_PROTO_VERSION, 0, null)}`;
}

function limitsOf(version: number): string {
  return `${version}-${version}`;
}

/** `[External: 3b5cc010]`: how Node 20 to 26 print the address of an external value. */
const EXTERNAL = /^\[External: (?:0x)?([0-9a-f]{4,16})\]$/;

/** The address in the `_external` of the native context; 0 if it is not there in the form that we know. */
function pointerOf(secureContext: Tls.SecureContext): number {
  const external = externalOf(secureContext);
  if (!types.isExternal(external)) return 0;
  const match = EXTERNAL.exec(inspect(external));
  const pointer = match === null ? 0 : Number.parseInt(match[1]!, 16);
  return Number.isSafeInteger(pointer) && pointer % 8 === 0 ? pointer : 0;
}

function externalOf(secureContext: object): unknown {
  const { context } = secureContext as { readonly context?: { readonly _external?: unknown } | null };
  return typeof context === 'object' && context !== null ? context._external : undefined;
}

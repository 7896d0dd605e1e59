import { koffi } from '../koffi.js';
import { decodeBytes } from './bytes.js';
import { SSL_TLSEXT_ERR_ALERT_FATAL, SSL_TLSEXT_ERR_NOACK, SSL_TLSEXT_ERR_OK } from './constants.js';
import { openssl } from './libssl.js';

/** Whose handshake is on the stack right now, and what its server speaks; 0 while there is none. */
let current = 0;
let spoken: readonly string[] = [];
let callback = 0;

/**
 * Lets servers on a context choose the application protocol. OpenSSL asks for it by a callback and has no other way; it is the only call
 * from OpenSSL into JavaScript. It looks up what {@link choosing} left, allocates no native memory, never throws, and frees nothing.
 *
 * Node's own connections on the same context are not ours to answer for: they get no protocol, as without a callback.
 */
export function selectProtocols(context: number): void {
  if (callback === 0) {
    const { pointer, proto, register } = koffi();
    const type = proto('int', ['uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uint32_t', 'uintptr_t']);
    callback = Number(register(select, pointer(type))); // for the life of the thread
  }
  openssl().setSelectProtocol(context, callback, 0);
}

/** The next handshake call is of this `SSL`, whose server speaks `protocols` (in its order of preference). */
export function choosing(ssl: number, protocols: readonly string[]): void {
  current = ssl;
  spoken = protocols;
}

/** That call is over. */
export function chosen(): void {
  current = 0;
}

function select(ssl: number, out: number, outLength: number, offered: number, offeredLength: number): number {
  if (ssl !== current) return SSL_TLSEXT_ERR_NOACK;
  try {
    const { encode } = koffi();
    const list = decodeBytes(offered, offeredLength);
    const at = preferred(list, spoken);
    if (at < 0) return SSL_TLSEXT_ERR_ALERT_FATAL;
    encode(BigInt(out), 'uintptr_t', offered + at + 1); // the client's own list outlives the handshake message
    encode(BigInt(outLength), 'uint8_t', list[at]!);
    return SSL_TLSEXT_ERR_OK;
  } catch {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
}

/** Where in the list (of names, each behind its length) the first of `protocols` stands that is in it; -1 if none is. */
export function preferred(list: Uint8Array, protocols: readonly string[]): number {
  const offered = new Map<string, number>();
  for (let at = 0; at < list.length; at += 1 + list[at]!) {
    const name = Buffer.from(list.buffer, list.byteOffset + at + 1, Math.min(list[at]!, list.length - at - 1));
    offered.set(name.toString('latin1'), at);
  }
  for (const protocol of protocols) {
    const at = offered.get(protocol);
    if (at !== undefined) return at;
  }
  return -1;
}

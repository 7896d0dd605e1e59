import { osError, type OSError } from '@tsyncio/core';

import { addressOf } from '../koffi.js';
import { choosing, chosen, selectProtocols } from './alpn.js';
import { decodeBytes } from './bytes.js';
import * as c from './constants.js';
import { opensslError, verifyError } from './errors.js';
import { openssl } from './libssl.js';
import { isTaken, type NativeContext } from './secure-context.js';
import { adopt, forget, release, tlsThread } from './thread.js';

/** What {@link Ssl.handshake}, `read` and `write` give when they did not get on: a negated number of `SSL_get_error`. */
export const WANT_READ = -c.SSL_ERROR_WANT_READ;
export const WANT_WRITE = -c.SSL_ERROR_WANT_WRITE;
export const CLOSE_NOTIFY = -c.SSL_ERROR_ZERO_RETURN;
export const BROKEN = -c.SSL_ERROR_SSL;

/**
 * How the peer's certificate is dealt with. `'none'`: a server does not ask for one, a client does not care. `'ask'`: a server asks for
 * one, and takes any or none. `'require'`: the handshake fails without one that stands the test.
 */
export type Verify = 'none' | 'ask' | 'require';

/**
 * One connection of OpenSSL: an `SSL` over the thread's {@link Pipe}.
 *
 * Rules of the boundary: the error queue is cleared before a call whose error counts; every result is looked at; after a result of
 * {@link BROKEN} nothing but `error`, the questions and `free` are called; the context is referenced for as long as the SSL lives;
 * nothing is freed while a call is on the stack (no call runs code of users).
 */
export class Ssl {
  private pointer: number;
  private readonly functions = openssl();
  private readonly thread = tlsThread();
  private serverProtocols: readonly string[] | null = null;
  private isServer = false;
  /** The context became one of Node's in the middle of the handshake. */
  private taken = false;

  /** @param context - Kept alive by this reference. */
  constructor(private readonly context: NativeContext) {
    const { functions } = this;
    functions.clearErrors();
    this.pointer = functions.create(context.pointer);
    if (this.pointer === 0) throw opensslError('SSL_new');
    adopt(this, this.pointer);
    const bio = this.thread.pipe.reference();
    functions.setBio(this.pointer, bio, bio);
    functions.setOptions(this.pointer, c.SSL_OP_NO_RENEGOTIATION);
    functions.control(this.pointer, c.SSL_CTRL_MODE, c.SSL_MODE_RELEASE_BUFFERS, null);
  }

  /** False once freed, or when the thread is ending. */
  get usable(): boolean {
    return this.pointer !== 0 && !this.thread.over;
  }

  // ---- Before the handshake ---------------------------------------------------------------------------------------------------

  /** This end is a client. @param name - What it asks for (SNI); null to ask for nothing. */
  beClient(name: string | null): void {
    this.functions.connect(this.pointer);
    if (name === null) return;
    const bytes = Buffer.from(`${name}\0`, 'latin1');
    const { functions, pointer } = this;
    functions.clearErrors();
    if (functions.control(pointer, c.SSL_CTRL_SET_TLSEXT_HOSTNAME, c.TLSEXT_NAMETYPE_HOST_NAME, bytes) !== 1) {
      throw opensslError('SSL_set_tlsext_host_name');
    }
  }

  /** This end is a server. @param sessions - Names those whose sessions it may resume, 1 to 32 bytes. */
  beServer(sessions: Uint8Array): void {
    this.isServer = true;
    const { functions, pointer } = this;
    functions.accept(pointer);
    functions.clearErrors();
    if (functions.setSessionContext(pointer, sessions, sessions.length) !== 1) {
      throw opensslError('SSL_set_session_id_context');
    }
  }

  /** A client: resume this session of an earlier connection, from {@link session}. What cannot be used is ignored: a full handshake follows. */
  offerSession(session: Uint8Array): void {
    const { functions, pointer } = this;
    const bytes = Uint8Array.from(session).buffer;
    const at = new BigUint64Array([BigInt(addressOf(bytes))]);
    functions.clearErrors();
    const parsed = functions.parseSession(null, addressOf(at.buffer), bytes.byteLength);
    if (parsed === 0) return;
    functions.setSession(pointer, parsed);
    functions.freeSession(parsed); // the SSL has a reference of its own
  }

  /** Never taken over from the context: Node keeps this on its sockets. */
  setVerify(verify: Verify): void {
    const { functions, pointer } = this;
    if (verify === 'none') functions.setVerify(pointer, c.SSL_VERIFY_NONE, 0);
    else if (verify === 'ask') functions.setVerify(pointer, c.SSL_VERIFY_PEER, functions.acceptAny);
    else functions.setVerify(pointer, c.SSL_VERIFY_PEER | c.SSL_VERIFY_FAIL_IF_NO_PEER_CERT, 0);
  }

  /** The application protocols that this end speaks, best first. After {@link beClient} or {@link beServer}. */
  setProtocols(protocols: readonly string[]): void {
    if (this.isServer) {
      this.serverProtocols = protocols;
      selectProtocols(this.context.pointer);
      return;
    }
    const list = Buffer.concat(protocols.map((name) => Buffer.from(`\0${name}`, 'latin1')));
    let at = 0;
    for (const name of protocols) {
      list[at] = name.length;
      at += 1 + name.length;
    }
    this.functions.clearErrors();
    if (this.functions.setProtocols(this.pointer, list, list.length) !== 0) throw opensslError('SSL_set_alpn_protos');
  }

  // ---- At work ----------------------------------------------------------------------------------------------------------------

  /** Goes on with the handshake. @returns 1 when it is over; {@link WANT_READ}, {@link WANT_WRITE}, {@link BROKEN}. */
  handshake(): number {
    const { context, functions, pointer, serverProtocols } = this;
    if (!context.isPrivate && isTaken(context)) {
      this.taken = true;
      return BROKEN;
    }
    if (serverProtocols !== null) choosing(pointer, serverProtocols);
    functions.clearErrors();
    const result = functions.handshake(pointer);
    const outcome = result === 1 ? 1 : this.outcome(result);
    if (serverProtocols !== null) chosen();
    return outcome;
  }

  /**
   * Decrypts at most one record into memory.
   *
   * @returns Bytes; {@link WANT_READ}, {@link CLOSE_NOTIFY}, {@link BROKEN}, or {@link WANT_WRITE}.
   */
  read(address: number, length: number): number {
    const { context, functions, pointer } = this;
    if (!context.isPrivate && isTaken(context)) return this.readBesideNode(address, length);
    functions.clearErrors();
    const n = functions.read(pointer, address, length);
    return n > 0 ? n : this.outcome(n);
  }

  /** Whether a further {@link read} may find something. */
  hasMore(): boolean {
    return this.thread.pipe.unread() > 0 || this.functions.pending(this.pointer) > 0;
  }

  /** Encrypts all of `data`, or, with {@link WANT_WRITE}, has to be called again with the same once the pipe is empty. */
  write(data: Uint8Array): number {
    const { functions, pointer } = this;
    functions.clearErrors();
    const n = functions.write(pointer, data, data.length);
    return n > 0 ? n : this.outcome(n);
  }

  /** Writes a close-notify. @returns As {@link write}; 0 or 1 when it is written. */
  shutdown(): number {
    const { functions, pointer } = this;
    functions.clearErrors();
    const result = functions.shutdown(pointer);
    return result >= 0 ? result : this.outcome(result);
  }

  /** The error behind {@link BROKEN}; the certificate's, if that is what it was. */
  error(syscall: string): OSError {
    if (this.taken) {
      const message = "the secure context was given to Node's own tls before the handshake was over";
      return osError({ code: 'ERR_TLS_CONTEXT_SHARED', syscall, message });
    }
    const error = opensslError(syscall);
    if (error.code !== 'ERR_SSL_CERTIFICATE_VERIFY_FAILED') return error;
    const result = this.functions.verifyResult(this.pointer);
    if (result === c.X509_V_OK) return error;
    // OpenSSL stops at the first thing that is wrong. Node looks on, and this is what it finds behind a lone certificate without issuer.
    const isAlone = result === c.X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY && this.chainLength() === 1;
    return verifyError(isAlone ? c.X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE : result);
  }

  /** Frees it; idempotent. */
  free(): void {
    const { pointer } = this;
    if (pointer === 0) return;
    this.pointer = 0;
    forget(this);
    release(pointer);
  }

  // ---- What came of it --------------------------------------------------------------------------------------------------------

  /** Why the peer's certificate did not stand the test; null if it did, or there is none. */
  verifyError(): OSError | null {
    const result = this.functions.verifyResult(this.pointer);
    return result === c.X509_V_OK ? null : verifyError(result);
  }

  /** `TLSv1.3`. */
  version(): string {
    return this.functions.protocolVersion(this.pointer) ?? 'unknown';
  }

  /** Its name, the protocol that defined it, and the bits of its key. */
  cipher(): readonly [name: string, version: string, bits: number] | null {
    const { functions } = this;
    const cipher = functions.cipher(this.pointer);
    if (cipher === 0) return null;
    return [
      functions.cipherName(cipher) ?? 'unknown',
      functions.cipherVersion(cipher) ?? 'unknown',
      functions.cipherBits(cipher, null),
    ];
  }

  /** The compression method; null without one, which is the rule. */
  compression(): string | null {
    const method = this.functions.compression(this.pointer);
    return method === 0 ? null : this.functions.compressionName(method);
  }

  sessionReused(): boolean {
    return this.functions.sessionReused(this.pointer) === 1;
  }

  /** What {@link offerSession} takes; null if there is nothing (yet) that could be resumed. Contains keys. */
  session(): Buffer | null {
    const { functions, pointer } = this;
    const session = functions.session(pointer);
    if (session === 0 || functions.resumable(session) !== 1) return null;
    const length = functions.sessionLength(session, null);
    if (length <= 0) return null;
    return written(length, (out) => functions.sessionBytes(session, out), 'i2d_SSL_SESSION');
  }

  /** What the client asked for (SNI). */
  serverName(): string | null {
    return this.functions.serverName(this.pointer, c.TLSEXT_NAMETYPE_HOST_NAME);
  }

  /** The application protocol that was agreed upon. */
  protocol(): string | null {
    const out = new BigUint64Array(2);
    const at = addressOf(out.buffer);
    this.functions.selectedProtocol(this.pointer, at, at + 8);
    const length = Number(out[1]! & 0xffff_ffffn);
    return length === 0 ? null : decodeBytes(out[0]!, length).toString('latin1');
  }

  hasPeerCertificate(): boolean {
    return this.functions.peerCertificate(this.pointer) !== 0;
  }

  /** The peer's certificate in DER, and those it sent along; empty if it sent none. */
  peerCertificates(): Buffer[] {
    const { functions } = this;
    const own = functions.peerCertificate(this.pointer);
    if (own === 0) return [];
    const certificates = [this.bytesOf(own)];
    const chain = functions.peerChain(this.pointer);
    if (chain === 0) return certificates;
    // A client's view of the chain begins with the certificate itself, a server's does not.
    const length = functions.stackLength(chain);
    for (let i = this.isServer ? 0 : 1; i < length; i++) {
      certificates.push(this.bytesOf(functions.stackItem(chain, i)));
    }
    return certificates;
  }

  /**
   * Node has begun to use the context, and its callbacks must not see this SSL. After the handshake, two can be reached: a client's, that
   * stores a new session, and the one that logs keys.
   */
  private readBesideNode(address: number, length: number): number {
    const { functions, pointer, context } = this;
    const newSession = functions.newSessionCallback(context.pointer);
    const keylog = functions.keylogCallback(context.pointer);
    functions.setNewSessionCallback(context.pointer, 0);
    functions.setKeylogCallback(context.pointer, 0);
    functions.clearErrors();
    const n = functions.read(pointer, address, length);
    const result = n > 0 ? n : this.outcome(n);
    functions.setNewSessionCallback(context.pointer, newSession);
    functions.setKeylogCallback(context.pointer, keylog);
    return result;
  }

  private chainLength(): number {
    const chain = this.functions.peerChain(this.pointer);
    return chain === 0 ? 0 : this.functions.stackLength(chain);
  }

  private bytesOf(certificate: number): Buffer {
    const { functions } = this;
    const length = functions.certificateLength(certificate, null);
    if (length <= 0) throw opensslError('i2d_X509');
    return written(length, (out) => functions.certificateBytes(certificate, out), 'i2d_X509');
  }

  private outcome(result: number): number {
    const error = this.functions.errorOf(this.pointer, result);
    switch (error) {
      case c.SSL_ERROR_WANT_READ:
      case c.SSL_ERROR_WANT_WRITE:
      case c.SSL_ERROR_ZERO_RETURN:
        return -error;
      default:
        return BROKEN;
    }
  }
}

/** What one of OpenSSL's `i2d` functions writes. @param write - Gets the address of the address to write to, which it moves on. */
function written(length: number, write: (out: number) => number, name: string): Buffer {
  const bytes = new ArrayBuffer(length);
  const at = new BigUint64Array([BigInt(addressOf(bytes))]);
  if (write(addressOf(at.buffer)) !== length) throw opensslError(name);
  return Buffer.from(bytes);
}

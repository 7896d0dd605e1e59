import type { OSError } from '@tsyncio/core';
import type { X509Certificate } from 'node:crypto';

/** What a session tells its owner. None of these is called inside a call of {@link TlsSession.free}, or after it. */
export interface TlsSink {
  /** Ciphertext to send, in order. The memory is only lent for the call. */
  onCiphertext(data: Uint8Array): void;
  /** The handshake is over, and the peer is who it should be. Comes before any plaintext. */
  onSecure(): unknown;
  /** Decrypted data; the receiver owns the memory. Not after `end`. */
  onPlaintext(data: Buffer): unknown;
  /** The peer's close-notify: it will send no more, and nobody has cut anything off. */
  onCloseNotify(): unknown;
  /** Some of {@link TlsSession.unsent} was handed over. */
  onProgress(): unknown;
  /** The session has failed. An alert for the peer may have come through `onCiphertext`. Comes last. */
  onError(error: OSError): void;
}

/**
 * One side of a TLS connection without any I/O: ciphertext goes in and comes out, and so does plaintext.
 *
 * Its life: made, handshake (`begin`), secure (after `onSecure`), ended (`end`, or the peer's close-notify), freed.
 */
export interface TlsSession {
  /** Where received ciphertext may be written to, from the start; look at it anew for every piece. It may be shared by all sessions. */
  readonly input: Uint8Array;
  /** Begins the handshake: a client sends, a server listens. Once, first. */
  begin(): void;
  /** `length` bytes were written to {@link input}. @returns What the sink's last callback returned. */
  received(length: number): unknown;
  /** Encrypts; only once secure, and not after `end`. The memory is the caller's again when the call returns. */
  write(data: Uint8Array): void;
  /** Bytes that `write` took and the sink was not given yet: an engine may encrypt some time later. */
  readonly unsent: number;
  /** Sends a close-notify, after what was written. Only once secure; idempotent. @param done - Called when it was handed to the sink. */
  end(done: () => void): void;
  /** Lets go of everything; idempotent. {@link info} stays what it is. */
  free(): void;
  /** What is known about the connection, from `onSecure` on. */
  readonly info: TlsInfo;
}

/** What became of the handshake. This is the `sslObject` of a transport. */
export interface TlsInfo {
  /** `'openssl'`, or `'node'` for the slower engine that works in every build of Node. */
  readonly engine: 'openssl' | 'node';
  /** `'TLSv1.3'`. */
  readonly version: string;
  /** Its name, the protocol that defined it, and the bits of its key. Python: `SSLSocket.cipher()`. */
  readonly cipher: readonly [name: string, version: string, bits: number];
  /** Null: TLS is not compressed. */
  readonly compression: string | null;
  /** The application protocol that both have agreed upon (ALPN). */
  readonly alpnProtocol: string | null;
  /** The name that the client asked for (SNI). */
  readonly serverName: string | null;
  /** Whether the keys come from an earlier session. */
  readonly sessionReused: boolean;
  /**
   * Clients: what `session` of {@link TlsOptions} takes, the newest that the server has given; null if there is none, as before a server of
   * TLS 1.3 has sent its tickets, soon after the handshake, and always with the engine `'node'`. Often null on a resumed connection: the old one is still good then. It
   * contains keys.
   */
  readonly session: Buffer | null;
  /** The certificates that the peer sent, its own first, without looking at whether they can be trusted. */
  readonly peerCertificates: readonly X509Certificate[];
  /** Why the peer's certificate was not to be trusted, if that was allowed; null if it is, or there is none. */
  readonly authorizationError: OSError | null;
}

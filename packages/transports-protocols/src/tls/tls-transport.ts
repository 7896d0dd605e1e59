import { brand, NotImplementedError, RuntimeError } from '@tsyncio/core';

import { checkBytes, checkPieces } from '../bytes.js';
import { type FileSender, refuseWhileSending } from '../file-sender.js';
import type { StreamProtocol } from '../protocol.js';
import { Transport, type WriteBufferLimits } from '../transport.js';
import type { Ssl, TlsSettings } from './options.js';
import type { TlsInfo } from './session.js';
import type { TlsProtocol } from './tls-protocol.js';

/** The names under which asyncio and JavaScript know the same thing. */
const ALIASES: Readonly<Record<string, string>> = { sslContext: 'sslcontext', ssl_object: 'sslObject' };

/**
 * The transport of a protocol over TLS. What is below it is a TCP or Unix transport, whose reading, buffer and water marks it shows. asyncio:
 * `_SSLProtocolTransport`.
 *
 * Users get it from `createConnection`, `createServer` and `startTls`, as a {@link Transport}.
 */
export class TlsTransport extends Transport implements FileSender {
  static {
    brand(this.prototype, 'TlsTransport');
    brand(this.prototype, 'FileSender');
  }
  /** Internal: see {@link FileSender}. There is no `sendFile`: what the kernel sends is not encrypted. */
  sendingFile = false;
  private info: TlsInfo | null = null;
  private verified = false;
  private peercert: unknown = undefined;

  /** Internal. */
  constructor(
    private readonly tls: TlsProtocol,
    given: Ssl,
  ) {
    super({ sslcontext: given });
  }

  /** The handshake is over. Internal. */
  secured(info: TlsInfo, settings: TlsSettings): void {
    this.info = info;
    this.verified = settings.verify === 'require';
  }

  protected override lookUp(name: string): unknown {
    const known = ALIASES[name] ?? name;
    const { info } = this;
    switch (known) {
      case 'sslObject':
        return info ?? undefined;
      case 'cipher':
        return info?.cipher;
      case 'compression':
        return info?.compression;
      case 'peercert':
        return info === null ? undefined : (this.peercert ??= peercertOf(info, this.verified));
      case 'sslcontext':
        return super.lookUp(known);
      default: {
        const { lower } = this.tls;
        const missing: object = TlsTransport;
        const found = lower === null ? missing : lower.getExtraInfo(name, missing);
        return found === missing ? undefined : found;
      }
    }
  }

  override isClosing(): boolean {
    return this.tls.isClosing;
  }

  /**
   * Sends what was written and a close-notify, and waits for the peer's; then `connectionLost(null)` is called. A peer that neither
   * answers nor takes what was written is cut off after `sslShutdownTimeout`. asyncio: `close`.
   */
  override close(): void {
    this.tls.close();
  }

  override abort(): void {
    this.tls.abort();
  }

  override setProtocol(protocol: StreamProtocol): void {
    this.tls.setProtocol(protocol);
  }

  override getProtocol(): StreamProtocol | null {
    return this.tls.protocol;
  }

  /** @throws RuntimeError without a TCP transport: once the connection is lost. */
  override isReading(): boolean {
    const { lower } = this.tls;
    if (lower === null) throw new RuntimeError('the TLS transport has no connection');
    return lower.isReading();
  }

  override pauseReading(): void {
    if (!this.tls.isClosing) this.tls.lower?.pauseReading();
  }

  override resumeReading(): void {
    if (!this.tls.isClosing) this.tls.lower?.resumeReading();
  }

  override setWriteBufferLimits(limits?: WriteBufferLimits): void {
    this.tls.lower?.setWriteBufferLimits(limits);
  }

  override getWriteBufferLimits(): readonly [low: number, high: number] {
    return this.tls.lower?.getWriteBufferLimits() ?? [0, 0];
  }

  /** In bytes of ciphertext, and of what an engine has not encrypted yet. */
  override getWriteBufferSize(): number {
    const { lower, unencrypted } = this.tls;
    return lower === null ? 0 : lower.getWriteBufferSize() + unencrypted;
  }

  override write(data: Uint8Array): void {
    checkBytes('write: data', data);
    if (this.sendingFile) refuseWhileSending('write');
    if (data.length > 0) this.tls.write(data);
  }

  /** As one {@link write} of all: small pieces share a record. */
  override writelines(pieces: Iterable<Uint8Array>): void {
    const chunks = checkPieces('writelines', pieces);
    if (this.sendingFile) refuseWhileSending('writelines');
    this.write(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
  }

  /** Internal: see {@link FileSender}. */
  get writingPaused(): boolean {
    return this.tls.writingPaused;
  }

  /** Internal: see {@link FileSender}. */
  settleWriting(knowsPause: boolean): void {
    this.tls.settleWriting(knowsPause);
  }

  /** False: TLS cannot close one direction. */
  override canWriteEof(): boolean {
    return false;
  }

  /** @throws NotImplementedError always: see {@link canWriteEof}. */
  override writeEof(): void {
    throw new NotImplementedError('writeEof() is not possible over TLS');
  }

  /** `<TlsTransport TLSv1.3 <StreamTransport fd=7 ...>>` */
  override toString(): string {
    const version = this.info === null ? '' : ` ${this.info.version}`;
    const { lower } = this.tls;
    return `<${this.constructor.name}${version} ${lower === null ? 'closed' : String(lower)}>`;
  }
}

function peercertOf(info: TlsInfo, verified: boolean): unknown {
  const [certificate] = info.peerCertificates;
  if (certificate === undefined) return null;
  return verified ? certificate.toLegacyObject() : {};
}

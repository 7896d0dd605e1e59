import { Duplex } from 'node:stream';

import type { OSError } from '@tsyncio/core';
import { nodeTls, type TLSSocket } from '@tsyncio/socket/native';

import { parseCertificate } from './certificate.js';
import { identityError, sniName, tlsError } from './identity.js';
import type { TlsSettings } from './options.js';
import type { TlsInfo, TlsSession, TlsSink } from './session.js';

/**
 * The engine that works in every build of Node: a `tls.TLSSocket` whose transport is a stream between it and the sink.
 *
 * Its events come from Node, in turns of Node's loop; `later` takes them to ours. It costs about twice as much as {@link OpensslSession}.
 */
export class NodeSession implements TlsSession {
  readonly input = Buffer.allocUnsafeSlow(64 * 1024);
  private readonly bridge: Duplex;
  private socket: TLSSocket | null = null;
  private secure = false;
  private ended = false;
  private freed = false;
  private failed = false;
  private finalInfo: TlsInfo | null = null;

  /**
   * @param hostname - As for {@link OpensslSession}.
   * @param later - Runs a callback from the loop's ready queue.
   */
  constructor(
    private readonly settings: TlsSettings,
    private readonly hostname: string,
    private readonly sink: TlsSink,
    private readonly later: (callback: () => unknown) => void,
  ) {
    this.bridge = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, callback) => {
        if (!this.freed) this.sink.onCiphertext(chunk);
        callback();
      },
    });
  }

  get info(): TlsInfo {
    return (this.finalInfo ??= readInfo(this.socket!, this.settings, null));
  }

  begin(): void {
    const socket = (this.socket = this.settings.isServer ? this.serve() : this.connect());
    socket.on('error', (error) => this.fail(tlsError(error)));
    socket.on('_tlsError', (error: unknown) => this.fail(tlsError(error))); // all that a server outside of tls.Server gets to know
    socket.on('data', (data: Buffer) =>
      this.later(() => (this.ended || this.freed ? undefined : this.sink.onPlaintext(data))),
    );
    // The bridge itself never ends, so this is a close-notify.
    socket.on('end', () => this.later(() => (this.freed ? undefined : this.sink.onCloseNotify())));
  }

  get unsent(): number {
    return this.freed ? 0 : (this.socket?.writableLength ?? 0);
  }

  received(length: number): unknown {
    if (!this.freed) this.bridge.push(Buffer.from(this.input.subarray(0, length)));
    return undefined;
  }

  write(data: Uint8Array): void {
    if (!this.secure || this.ended || this.freed) return;
    this.socket!.write(Buffer.from(data), () => {
      if (!this.freed) this.later(() => (this.freed ? undefined : this.sink.onProgress()));
    });
  }

  end(done: () => void): void {
    if (!this.secure || this.ended || this.freed) {
      done();
      return;
    }
    this.ended = true;
    this.socket!.end(() => this.later(done));
  }

  free(): void {
    if (this.freed) return;
    if (this.secure) void this.info;
    this.freed = true;
    this.socket?.destroy();
    this.bridge.destroy();
  }

  private connect(): TLSSocket {
    const { context, verify, protocols, checkServerIdentity } = this.settings;
    const name = sniName(this.hostname);
    const socket = nodeTls().connect({
      socket: this.bridge,
      secureContext: context,
      rejectUnauthorized: verify === 'require',
      host: this.hostname,
      ...(name === null ? {} : { servername: name }),
      ...(protocols === null ? {} : { ALPNProtocols: protocols }),
      checkServerIdentity: (_host, certificate) => {
        if (this.hostname === '') return undefined;
        return identityError(this.hostname, parseCertificate(certificate.raw), checkServerIdentity) ?? undefined;
      },
    });
    socket.once('secureConnect', () => this.secured());
    return socket;
  }

  private serve(): TLSSocket {
    const { context, verify, protocols } = this.settings;
    const socket = new (nodeTls().TLSSocket)(this.bridge, {
      isServer: true,
      secureContext: context,
      requestCert: verify !== 'none',
      rejectUnauthorized: verify === 'require',
      ...(protocols === null ? {} : { ALPNProtocols: protocols as string[] }),
    });
    socket.once('secure', () => {
      const error = verify === 'require' ? verifyErrorOf(socket) : null;
      if (error === null) this.secured();
      else this.fail(error);
    });
    return socket;
  }

  private secured(): void {
    if (this.freed) return;
    this.later(() => {
      if (this.freed) return undefined;
      this.secure = true;
      this.finalInfo = readInfo(this.socket!, this.settings, verifyErrorOf(this.socket!));
      return this.sink.onSecure();
    });
  }

  private fail(error: OSError): void {
    if (this.failed || this.freed) return;
    this.failed = true;
    this.later(() => {
      if (!this.freed) this.sink.onError(error);
    });
  }
}

/** What Node's own server asks in the same place; it has no public name. */
function verifyErrorOf(socket: TLSSocket): OSError | null {
  const { ssl } = socket as unknown as { readonly ssl: { verifyError(): Error | null } | null };
  const error = ssl?.verifyError() ?? null;
  return error === null ? null : tlsError(error);
}

function readInfo(socket: TLSSocket, settings: TlsSettings, verifyError: OSError | null): TlsInfo {
  const { name, version } = socket.getCipher();
  const servername: unknown = settings.isServer
    ? (socket as unknown as { readonly servername?: unknown }).servername
    : Reflect.get(socket, 'servername');
  const chain = certificatesOf(socket);
  return {
    engine: 'node',
    version: socket.getProtocol() ?? 'unknown',
    cipher: [name, version, keyBits(name)],
    compression: null,
    alpnProtocol: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : null,
    serverName: typeof servername === 'string' && servername !== '' ? servername : null,
    sessionReused: socket.isSessionReused(),
    authorizationError: chain.length === 0 ? null : verifyError,
    // Of a resumed session Node neither tells nor checks whose certificate it was.
    session: null,
    get peerCertificates() {
      return chain.map((bytes) => parseCertificate(bytes));
    },
  };
}

function certificatesOf(socket: TLSSocket): Buffer[] {
  const found: Buffer[] = [];
  let at: { raw?: Buffer; issuerCertificate?: unknown } | undefined = socket.getPeerCertificate(true);
  while (at?.raw !== undefined && !found.some((bytes) => bytes.equals(at!.raw!))) {
    found.push(at.raw);
    at = at.issuerCertificate as typeof at;
  }
  return found;
}

/** Node does not say how long a cipher's key is; its name does. */
function keyBits(cipher: string): number {
  const bits = /(?:AES|ARIA|CAMELLIA|SM4)[_-]?(\d{3})/.exec(cipher);
  if (bits !== null) return Number(bits[1]);
  return cipher.includes('CHACHA20') ? 256 : 128;
}

import { isStep, osError, type OSError } from '@tsyncio/core';
import {
  BlockPool,
  BROKEN,
  CLOSE_NOTIFY,
  type NativeContext,
  PIPE_SIZE,
  Ssl,
  tlsThread,
  type TlsThread,
  WANT_WRITE,
} from '@tsyncio/socket/native';

import { parseCertificate } from './certificate.js';
import { identityError, sniName } from './identity.js';
import type { TlsSettings } from './options.js';
import type { TlsInfo, TlsSession, TlsSink } from './session.js';

/** What fits into the pipe in one piece, encrypted. */
const WRITE_MAX = 64 * 1024;
/** The most plaintext of a record. */
const RECORD_MAX = 16 * 1024;

/** Memory for plaintext, handed out in slices whose receiver owns them. All that one piece of input holds fits into a large block. */
const blocks = new BlockPool(64 * 1024, RECORD_MAX);
const largeBlocks = new BlockPool(256 * 1024, PIPE_SIZE + RECORD_MAX);

const enum State {
  made,
  handshake,
  secure,
  /** The close-notify is sent. */
  ended,
  freed,
}

/**
 * The engine on OpenSSL in memory.
 *
 * Every call of OpenSSL that reads runs to its end before anybody is told of what came of it: callbacks of the sink may use other sessions,
 * which share the pipe, or free this one.
 */
export class OpensslSession implements TlsSession {
  private readonly ssl: Ssl;
  private readonly thread: TlsThread = tlsThread();
  private state: State = State.made;
  /** The server still has to prove who it is. */
  private identityOpen: boolean;
  private finalInfo: TlsInfo | null = null;
  /** What could be resumed when the SSL was freed. */
  private finalSession: Buffer | null = null;

  /**
   * @param hostname - Clients: whom to ask for, and whose certificate it has to be; '' to ask for nothing and check no name.
   * @param later - Runs a callback when the step that a callback of the sink has begun is over.
   */
  constructor(
    context: NativeContext,
    private readonly settings: TlsSettings,
    private readonly hostname: string,
    private readonly sink: TlsSink,
    private readonly later: (callback: () => unknown) => void,
  ) {
    const ssl = new Ssl(context);
    try {
      if (settings.isServer) ssl.beServer(settings.sessions);
      else ssl.beClient(sniName(hostname));
      ssl.setVerify(settings.verify);
      if (settings.protocols !== null) ssl.setProtocols(settings.protocols);
      if (settings.session !== null) ssl.offerSession(settings.session);
    } catch (error) {
      ssl.free();
      throw error;
    }
    this.ssl = ssl;
    this.identityOpen = !settings.isServer && settings.verify === 'require' && hostname !== '';
  }

  get input(): Uint8Array {
    return this.thread.pipe.input;
  }

  get info(): TlsInfo {
    return (this.finalInfo ??= readInfo(this.ssl, () => this.resumable()));
  }

  begin(): void {
    this.state = State.handshake;
    if (this.settings.isServer || !this.ssl.usable) return;
    const error = this.shakeHands();
    this.flush();
    if (error !== null) this.fail(error);
  }

  received(length: number): unknown {
    if (this.state === State.freed || this.state === State.made || !this.ssl.usable) return undefined;
    const { pipe } = this.thread;
    let error: OSError | null = null;
    let closed = false;
    let data: Buffer | null = null;
    let isNew = false;
    try {
      pipe.offer(length);
      if (this.state === State.handshake) {
        error = this.shakeHands();
        isNew = this.stateNow() === State.secure;
      }
      if (error === null && this.state !== State.handshake) {
        const pool = length > RECORD_MAX ? largeBlocks : blocks;
        let filled = 0;
        let room = pool.room();
        for (;;) {
          if (room - filled < RECORD_MAX) {
            data = join(data, pool.take(filled));
            filled = 0;
            room = pool.room();
          }
          const n = this.ssl.read(pool.address + filled, room - filled);
          if (n > 0) {
            filled += n;
            if (this.ssl.hasMore()) continue;
          } else if (n === WANT_WRITE) {
            this.flush();
            continue;
          } else if (n === CLOSE_NOTIFY) {
            closed = true;
          } else if (n === BROKEN) {
            error = this.ssl.error('SSL_read');
          }
          break;
        }
        if (filled > 0) data = join(data, pool.take(filled));
      }
    } finally {
      if (pipe.unread() > 0) pipe.discardInput();
    }
    this.flush();
    return this.tell(isNew, data, closed, error);
  }

  /** Everything is encrypted at once. */
  get unsent(): number {
    return 0;
  }

  write(data: Uint8Array): void {
    if (this.state !== State.secure || !this.ssl.usable) return;
    for (let at = 0; at < data.length && this.stateNow() === State.secure; at += WRITE_MAX) {
      const piece = data.length <= WRITE_MAX ? data : data.subarray(at, at + WRITE_MAX);
      let n = this.ssl.write(piece);
      while (n === WANT_WRITE) {
        this.flush();
        n = this.ssl.write(piece);
      }
      if (n < 0) {
        this.fail(n === BROKEN ? this.ssl.error('SSL_write') : osError({ code: 'EPROTO', syscall: 'SSL_write' }));
        return;
      }
      this.flush();
    }
  }

  end(done: () => void): void {
    if (this.state === State.secure && this.ssl.usable) {
      this.state = State.ended;
      let n = this.ssl.shutdown();
      while (n === WANT_WRITE) {
        this.flush();
        n = this.ssl.shutdown();
      }
      this.flush();
    }
    done();
  }

  free(): void {
    if (this.state === State.freed) return;
    if (this.state >= State.secure && this.ssl.usable) {
      void this.info;
      this.finalSession = this.resumable();
    }
    this.state = State.freed;
    this.ssl.free();
  }

  // ---- Private ----------------------------------------------------------------------------------------------------------------

  /** Goes on with the handshake, as far as what has arrived allows. */
  private shakeHands(): OSError | null {
    for (;;) {
      const n = this.ssl.handshake();
      if (n === BROKEN) return this.ssl.error('SSL_do_handshake');
      // Before anything is sent that says yes.
      const error = n === 1 ? this.checkPeer() : this.checkIdentity();
      if (error !== null) {
        this.thread.pipe.discardOutput();
        return error;
      }
      if (n === WANT_WRITE) {
        this.flush();
        continue;
      }
      if (n === 1) this.state = State.secure;
      return null;
    }
  }

  /** OpenSSL has done this in the course of a full handshake; a resumed one, and the unforeseen, are caught here. */
  private checkPeer(): OSError | null {
    if (this.settings.verify === 'require') {
      const error = this.ssl.verifyError();
      if (error !== null) return error;
      if (!this.ssl.hasPeerCertificate()) {
        return osError({ code: 'ERR_TLS_PEER_WITHOUT_CERTIFICATE', message: 'the peer has not shown a certificate' });
      }
    }
    return this.checkIdentity();
  }

  private resumable(): Buffer | null {
    if (this.settings.isServer) return null;
    return this.state !== State.freed && this.ssl.usable ? this.ssl.session() : this.finalSession;
  }

  private checkIdentity(): OSError | null {
    if (!this.identityOpen || !this.ssl.hasPeerCertificate()) return null;
    this.identityOpen = false;
    const certificate = parseCertificate(this.ssl.peerCertificates()[0]!);
    return identityError(this.hostname, certificate, this.settings.checkServerIdentity);
  }

  /** Hands what OpenSSL wrote to the sink. */
  private flush(): void {
    const { pipe } = this.thread;
    for (;;) {
      const length = pipe.take();
      if (length === 0) return;
      if (this.state !== State.freed) this.sink.onCiphertext(pipe.output.subarray(0, length));
    }
  }

  private tell(isNew: boolean, data: Buffer | null, closed: boolean, error: OSError | null): unknown {
    let result: unknown;
    if (isNew) {
      result = this.sink.onSecure();
      if (isStep(result) && (data !== null || closed || error !== null)) {
        this.later(() => this.tell(false, data, closed, error));
        return result;
      }
    }
    if (data !== null && this.stateNow() === State.secure) result = this.sink.onPlaintext(data);
    if (isStep(result) && (closed || error !== null)) {
      this.later(() => this.tell(false, null, closed, error));
      return result;
    }
    if (closed && this.stateNow() !== State.freed) result = this.sink.onCloseNotify();
    if (error !== null) this.fail(error);
    return result;
  }

  private fail(error: OSError): void {
    if (this.stateNow() !== State.freed) this.sink.onError(error);
  }

  /** The state after a call that may have changed it. */
  private stateNow(): State {
    return this.state;
  }
}

function join(first: Buffer | null, second: Buffer): Buffer {
  return first === null ? second : Buffer.concat([first, second]);
}

/** Read at once, but for what is expensive: the SSL will be gone when somebody asks. */
function readInfo(ssl: Ssl, resumable: () => Buffer | null): TlsInfo {
  const certificates = ssl.peerCertificates();
  return {
    engine: 'openssl',
    version: ssl.version(),
    cipher: ssl.cipher() ?? ['unknown', 'unknown', 0],
    compression: ssl.compression(),
    alpnProtocol: ssl.protocol(),
    serverName: ssl.serverName(),
    sessionReused: ssl.sessionReused(),
    authorizationError: certificates.length === 0 ? null : ssl.verifyError(),
    get session() {
      return resumable();
    },
    get peerCertificates() {
      return certificates.map((bytes) => parseCertificate(bytes));
    },
  };
}

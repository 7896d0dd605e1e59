import { osError } from '@tsyncio/core';
import { isSecureContext, type SecureContext } from '@tsyncio/socket/native';

import { parseClientHello } from './client-hello.js';
import { tlsError } from './identity.js';
import type { SniCallback, TlsSettings } from './options.js';
import type { TlsInfo, TlsSession, TlsSink } from './session.js';

/** A client that sends so much before it gets an answer wants no answer. */
const STASH_MAX = 64 * 1024;

const enum State {
  /** Waiting for the client's hello. */
  hello,
  /** Waiting for the callback. */
  asking,
  chosen,
  freed,
}

/**
 * A server that chooses its certificate by the name that the client asks for: keeps what arrives until the name is known, asks
 * `SNICallback`, and hands everything on to a session on the context that it gave.
 */
export class SniSession implements TlsSession {
  private state = State.hello;
  private stash: Buffer | null = null;
  private readonly room = Buffer.allocUnsafeSlow(16 * 1024);
  private session: TlsSession | null = null;

  /** @param make - Makes a session on a context; it is not begun. */
  constructor(
    private readonly settings: TlsSettings,
    private readonly sink: TlsSink,
    private readonly make: (settings: TlsSettings) => TlsSession,
  ) {}

  get unsent(): number {
    return this.session?.unsent ?? 0;
  }

  get input(): Uint8Array {
    return this.session?.input ?? this.room;
  }

  get info(): TlsInfo {
    if (this.session === null) throw new Error('no session was chosen');
    return this.session.info;
  }

  begin(): void {}

  received(length: number): unknown {
    if (this.session !== null) return this.session.received(length);
    if (this.state === State.freed) return undefined;
    const piece = this.room.subarray(0, length);
    this.stash = this.stash === null ? Buffer.from(piece) : Buffer.concat([this.stash, piece]);
    if (this.stash.length > STASH_MAX) {
      this.fail(osError({ code: 'EPROTO', message: 'the client sends without waiting for an answer' }));
      return undefined;
    }
    if (this.state === State.asking) return undefined;
    const { complete, serverName } = parseClientHello(this.stash);
    if (!complete) return undefined;
    if (serverName === null) return this.choose(this.settings);
    this.state = State.asking;
    this.ask(this.settings.sniCallback!, serverName);
    return undefined;
  }

  write(data: Uint8Array): void {
    this.session?.write(data);
  }

  end(done: () => void): void {
    if (this.session === null) done();
    else this.session.end(done);
  }

  free(): void {
    this.state = State.freed;
    this.stash = null;
    this.session?.free();
  }

  private ask(callback: SniCallback, serverName: string): void {
    const answer = (error: Error | null, context?: SecureContext | null): void => {
      if (this.state !== State.asking) return;
      if (error !== null && error !== undefined) {
        this.fail(error);
      } else if (context === undefined || context === null) {
        this.choose(this.settings);
      } else if (isSecureContext(context)) {
        this.choose({ ...this.settings, context, isPrivate: false });
      } else {
        this.fail(new TypeError('SNICallback must give a tls.SecureContext'));
      }
    };
    try {
      callback(serverName, answer);
    } catch (error) {
      this.fail(error);
    }
  }

  private choose(settings: TlsSettings): unknown {
    const stash = this.stash!;
    this.stash = null;
    this.state = State.chosen;
    try {
      this.session = this.make(settings);
    } catch (error) {
      this.fail(error);
      return undefined;
    }
    this.session.begin();
    let result: unknown;
    for (let at = 0; at < stash.length && this.stateNow() === State.chosen;) {
      const { input } = this.session;
      const piece = stash.subarray(at, at + input.length);
      input.set(piece);
      at += piece.length;
      result = this.session.received(piece.length);
    }
    return result;
  }

  private fail(error: unknown): void {
    if (this.stateNow() !== State.freed) this.sink.onError(tlsError(error));
  }

  private stateNow(): State {
    return this.state;
  }
}

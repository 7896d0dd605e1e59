import type { OSError } from '@tsyncio/core';

import { chooseEngine, makeSession, type EngineChoice } from '../../src/tls/make-session.js';
import { clientSettings, serverSettings, type TlsOptions, type TlsSettings } from '../../src/tls/options.js';
import type { TlsSession, TlsSink } from '../../src/tls/session.js';
import { type Backend, defaultBackend, eachBackend } from '@tsyncio/test-support/loops/backends';
import { ca, identity } from '@tsyncio/test-support/loops/certificates';

/** One end of a TLS connection in memory: what came of it, and what it wants to send. */
export class End implements TlsSink {
  readonly session: TlsSession;
  /** `secure`, `close-notify`, or the code of an error. */
  readonly events: string[] = [];
  readonly plaintext: Buffer[] = [];
  /** Ciphertext that has not been delivered. */
  outgoing: Buffer[] = [];
  error: OSError | null = null;

  /** @param options - Or settings that several ends share. */
  constructor(options: TlsOptions | TlsSettings | true, hostname: string | null) {
    const settings =
      options !== true && 'given' in options
        ? options
        : hostname === null
          ? serverSettings('test', options)
          : clientSettings('test', options);
    this.session = makeSession(settings, hostname ?? '', this, (callback) => void setImmediate(callback));
    this.session.begin();
  }

  get received(): string {
    return Buffer.concat(this.plaintext).toString('latin1');
  }
  get isSecure(): boolean {
    return this.events[0] === 'secure';
  }
  get isOver(): boolean {
    return this.error !== null || this.events.includes('close-notify');
  }

  /** Feeds ciphertext, in pieces of at most `size` bytes. */
  receive(data: Uint8Array, size = Infinity): void {
    for (let at = 0; at < data.length;) {
      const { input } = this.session;
      const piece = data.subarray(at, at + Math.min(size, input.length));
      input.set(piece);
      this.session.received(piece.length);
      at += piece.length;
    }
  }

  take(): Buffer {
    const all = Buffer.concat(this.outgoing);
    this.outgoing = [];
    return all;
  }

  onCiphertext(data: Uint8Array): void {
    this.outgoing.push(Buffer.from(data));
  }
  onSecure(): void {
    this.events.push('secure');
  }
  onProgress(): void {}
  onPlaintext(data: Buffer): void {
    this.plaintext.push(data);
  }
  onCloseNotify(): void {
    this.events.push('close-notify');
  }
  onError(error: OSError): void {
    this.error = error;
    this.events.push(error.code ?? 'no code');
    this.session.free();
  }
}

/** Lets Node's own machinery run. */
export function turns(count = 1): Promise<void> {
  return new Promise((resolve) => {
    const next = (left: number): void => void setImmediate(() => (left <= 1 ? resolve() : next(left - 1)));
    next(count);
  });
}

/** Carries ciphertext to and fro until nobody has more to say. */
export async function converse(one: End, two: End, size = Infinity): Promise<void> {
  for (let quiet = 0; quiet < 20;) {
    const [first, second] = [one.take(), two.take()];
    two.receive(first, size);
    one.receive(second, size);
    if (first.length + second.length > 0) {
      quiet = 0;
    } else {
      quiet++;
      await turns();
    }
    if (one.session.input !== two.session.input) await turns(); // Node's engine: its events come later
  }
}

/** What a test needs of a connection: a server for localhost, and a client that trusts its authority. */
export function ends(
  server: TlsOptions = {},
  client: TlsOptions | true = {},
  hostname = 'localhost',
): [client: End, server: End] {
  const serverEnd = new End({ ...identity('server'), ...server }, null);
  return [new End(client === true ? true : { ca, ...client }, hostname), serverEnd];
}

/** A connection after its handshake, whatever came of it. */
export async function connected(
  server: TlsOptions = {},
  client: TlsOptions = {},
  hostname = 'localhost',
): Promise<[client: End, server: End]> {
  const pair = ends(server, client, hostname);
  await converse(...pair);
  return pair;
}

export function free(...ends: End[]): void {
  for (const end of ends) end.session.free();
}

/** The tests in `body` for each engine. */
export function eachEngine(body: (engine: EngineChoice) => void): void {
  describe.each(['best', 'node'] as const)('engine %s', (engine) => useEngine(engine, () => body(engine)));
}

/** The same with loops: our engine on every backend, Node's on one. */
export function eachEngineAndBackend(body: (engine: EngineChoice, backend: Backend) => void): void {
  eachBackend((backend) => useEngine('best', () => body('best', backend)));
  describe('engine node', () => useEngine('node', () => body('node', defaultBackend)));
}

function useEngine(engine: EngineChoice, body: () => void): void {
  beforeEach(() => chooseEngine(engine));
  afterAll(() => chooseEngine('best'));
  body();
}

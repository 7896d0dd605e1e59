const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
/** More than a record of handshake may be, and more than anyone's hello is. */
const HELLO_MAX = 16 * 1024;

/** The state of a client's first message. */
export interface ClientHello {
  /** False: more bytes are needed to tell. */
  readonly complete: boolean;
  /** The name that the client asks for; null if it asks for none, or these bytes are no hello: OpenSSL will say what is wrong with them. */
  readonly serverName: string | null;
}

const UNKNOWN: ClientHello = { complete: true, serverName: null };
const PARTIAL: ClientHello = { complete: false, serverName: null };

/**
 * Finds the server name (SNI) in what a client has sent so far, so that the context is known before the handshake begins.
 *
 * It only chooses: every byte still goes through OpenSSL. Anything unexpected counts as "no name".
 */
export function parseClientHello(bytes: Uint8Array): ClientHello {
  const message = handshakeMessage(bytes);
  if (message === null) return UNKNOWN;
  if (message.length < 4) return PARTIAL;
  if (message[0] !== CLIENT_HELLO) return UNKNOWN;
  const length = (message[1]! << 16) | (message[2]! << 8) | message[3]!;
  if (length > HELLO_MAX) return UNKNOWN;
  if (message.length < 4 + length) return PARTIAL;
  return { complete: true, serverName: serverName(new Cursor(message.subarray(4, 4 + length))) };
}

/** The content of the handshake records, as far as it is there; null if another kind of record is among them. */
function handshakeMessage(bytes: Uint8Array): Uint8Array | null {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== HANDSHAKE) return at === 0 ? null : Buffer.concat(pieces);
    if (bytes.length - at < 5) break;
    const length = (bytes[at + 3]! << 8) | bytes[at + 4]!;
    if (bytes[at + 1] !== 3 || length === 0 || length > HELLO_MAX) return null;
    pieces.push(bytes.subarray(at + 5, at + 5 + length));
    at += 5 + length;
  }
  return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
}

function serverName(hello: Cursor): string | null {
  hello.skip(2 + 32); // version, random
  hello.skip(hello.number(1)); // session
  hello.skip(hello.number(2)); // ciphers
  hello.skip(hello.number(1)); // compression
  const extensions = hello.take(hello.number(2));
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const extension = extensions.take(extensions.number(2));
    if (type !== SERVER_NAME) continue;
    const names = extension.take(extension.number(2));
    while (names.left > 0) {
      const kind = names.number(1);
      const name = names.take(names.number(2));
      if (kind === 0) return name.left === 0 || name.broken ? null : name.text();
    }
    return null;
  }
  return null;
}

/** Reads numbers and pieces; beyond the end everything is empty. */
class Cursor {
  broken = false;
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get left(): number {
    return this.bytes.length - this.at;
  }

  number(size: number): number {
    let value = 0;
    for (let i = 0; i < size; i++) value = (value << 8) | (this.bytes[this.at + i] ?? 0);
    this.skip(size);
    return value;
  }

  skip(length: number): void {
    if (length > this.left) this.broken = true;
    this.at += Math.min(length, this.left);
  }

  take(length: number): Cursor {
    const start = this.at;
    const isShort = length > this.left;
    this.skip(length);
    const piece = new Cursor(this.bytes.subarray(start, this.at));
    piece.broken = isShort;
    return piece;
  }

  text(): string {
    return Buffer.from(this.bytes).toString('latin1');
  }
}

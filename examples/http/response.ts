import type { RequestHead } from './request-parser.js';

/** What a handler gives. A body in pieces is sent in chunks, as fast as the client takes it. */
export interface Response {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | Iterable<Uint8Array>;
}

const REASONS: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  505: 'HTTP Version Not Supported',
};

/** The interim answer to `Expect: 100-continue`. */
export const CONTINUE = Buffer.from('HTTP/1.1 100 Continue\r\n\r\n');

/** A response ready to be sent: its head, and the body whole or in pieces. */
export interface Encoded {
  readonly head: Buffer;
  readonly body: Uint8Array | null;
  readonly pieces: Iterable<Uint8Array> | null;
  readonly chunked: boolean;
  /** Whether the connection can stay. */
  readonly keepAlive: boolean;
}

/** @param request - Null for a request that was not understood. */
export function encode(response: Response, request: RequestHead | null, mayKeepAlive: boolean): Encoded {
  const { status, body = '' } = response;
  const modern = request?.version === '1.1';
  const whole = typeof body === 'string' ? Buffer.from(body) : body instanceof Uint8Array ? body : null;
  // To an old client the end of the connection tells the end of a body of unknown length.
  const keepAlive = mayKeepAlive && request !== null && request.keepAlive && (whole !== null || modern);
  const lines = [`HTTP/1.1 ${status} ${REASONS[status] ?? ''}`];
  for (const [name, value] of Object.entries(response.headers ?? {})) {
    if (/[^\t\x20-\x7e\x80-\xff]/.test(name + value)) throw new TypeError(`no header: ${name}`);
    lines.push(`${name}: ${value}`);
  }
  if (whole !== null) lines.push(`Content-Length: ${whole.length}`);
  else if (modern) lines.push('Transfer-Encoding: chunked');
  if (!keepAlive) lines.push('Connection: close');
  else if (!modern) lines.push('Connection: keep-alive');
  const silent = request?.method === 'HEAD';
  return {
    head: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'),
    body: silent ? null : whole,
    pieces: silent || whole !== null ? null : (body as Iterable<Uint8Array>),
    chunked: modern,
    keepAlive,
  };
}

/** One chunk, as pieces for `writelines`. */
export function chunkOf(piece: Uint8Array): Uint8Array[] {
  return [Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')];
}

export const LAST_CHUNK = Buffer.from('0\r\n\r\n');

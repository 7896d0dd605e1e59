import type { Request } from './http-protocol.js';
import type { Response } from './response.js';

const PIECE = Buffer.alloc(65_536, 'tsyncio ');

/** `GET /`, `POST /echo`, and `GET /bytes/N` in chunks. */
export function route(request: Request): Response {
  const { method, url, body } = request;
  const path = url.replace(/\?.*/, '');
  const reading = method === 'GET' || method === 'HEAD';
  if (path === '/') return reading ? { status: 200, headers: PLAIN, body: 'Hello, World!\n' } : notAllowed('GET, HEAD');
  if (path === '/echo') {
    if (method !== 'POST' && method !== 'PUT') return notAllowed('POST, PUT');
    const type = request.headers.get('content-type') ?? 'application/octet-stream';
    return { status: 200, headers: { 'Content-Type': type }, body };
  }
  const count = /^\/bytes\/(\d{1,10})$/.exec(path)?.[1];
  if (count !== undefined) return reading ? { status: 200, body: pieces(Number(count)) } : notAllowed('GET, HEAD');
  return { status: 404, headers: PLAIN, body: 'not found\n' };
}

const PLAIN = { 'Content-Type': 'text/plain' };

function notAllowed(allow: string): Response {
  return { status: 405, headers: { ...PLAIN, Allow: allow }, body: `${allow}\n` };
}

function* pieces(count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= PIECE.length) yield PIECE.subarray(0, left);
}

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createSecureContext, type SecureContextOptions } from 'node:tls';

/** Where keys and certificates are, all made by `make.sh` there. */
export const certificates = path.join(__dirname, '../../fixtures/tls');

/** One of them, as text. */
export function pem(name: string): string {
  return readFileSync(path.join(certificates, name), 'utf8');
}

/** `cert` and `key` of somebody: `server` (localhost), `second`, `expired`, `unknown`, `client`, ... */
export function identity(name: string): { cert: string; key: string } {
  return { cert: pem(`${name}.crt`), key: pem(`${name}.key`) };
}

/** The authority that the tests trust. */
export const ca = pem('ca.crt');

/** Node's context of somebody. */
export function contextOf(name: string, options: SecureContextOptions = {}): ReturnType<typeof createSecureContext> {
  return createSecureContext({ ...identity(name), ...options });
}

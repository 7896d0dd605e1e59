import type { X509Certificate } from 'node:crypto';

/** Parses a certificate (DER). Node's module is loaded with the first one: programs without TLS do not pay for it. */
export function parseCertificate(der: Buffer): X509Certificate {
  const { X509Certificate } = process.getBuiltinModule('node:crypto');
  return new X509Certificate(der);
}

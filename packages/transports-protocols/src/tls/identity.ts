import type { X509Certificate } from 'node:crypto';
import { domainToASCII } from 'node:url';

import { isOSError, osError, type OSError } from '@tsyncio/core';
import { ipVersion } from '@tsyncio/socket';
import { nodeTls, type PeerCertificate } from '@tsyncio/socket/native';

import type { CheckServerIdentity } from './options.js';

/**
 * Checks that a server is the one that was meant.
 *
 * @param hostname - Not empty.
 * @param check - Default: Node's `tls.checkServerIdentity`.
 * @returns null if it is; otherwise with Node's code, `ERR_TLS_CERT_ALTNAME_INVALID`.
 */
export function identityError(
  hostname: string,
  certificate: X509Certificate,
  check: CheckServerIdentity | null,
): OSError | null {
  try {
    // Node 22.23 finds no IPv6 address in a certificate that names it.
    if (check === null && ipVersion(hostname) !== 0 && certificate.checkIP(hostname) !== undefined) return null;
    const error: unknown =
      check === null
        ? nodeTls().checkServerIdentity(hostname, new IdentityFields(certificate) as unknown as PeerCertificate)
        : check(hostname, certificate.toLegacyObject());
    return error === undefined || error === null ? null : tlsError(error);
  } catch (error) {
    return tlsError(error);
  }
}

/** What Node's check looks at. Taking a certificate apart in full costs as much as a tenth of a handshake. */
class IdentityFields {
  constructor(private readonly certificate: X509Certificate) {}

  get subjectaltname(): string | undefined {
    return this.certificate.subjectAltName;
  }

  get subject(): unknown {
    return this.certificate.toLegacyObject().subject;
  }
}

/** Any error as an OSError with the same code and text; what it was is the `cause`. */
export function tlsError(error: unknown): OSError {
  if (isOSError(error)) return error;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return osError({
    code: typeof code === 'string' ? code : 'EPROTO',
    message: typeof message === 'string' ? message : String(error),
    cause: error,
  });
}

/** The name a client asks for: none for an IP literal (RFC 6066), international ones in their ASCII form. */
export function sniName(hostname: string): string | null {
  if (hostname === '' || ipVersion(hostname) !== 0) return null;
  // eslint-disable-next-line no-control-regex
  const ascii = /^[\x00-\x7f]*$/.test(hostname) ? hostname : domainToASCII(hostname);
  return ascii === '' ? null : ascii.replace(/\.$/, '');
}

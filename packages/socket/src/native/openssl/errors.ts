import { osError, type OSError } from '@tsyncio/core';

import { openssl } from './libssl.js';

/**
 * The error of a call of OpenSSL that has just failed, taken from the error queue, which is empty afterwards.
 *
 * @param syscall - The function that failed.
 * @returns With Node's `code`: the reason in capitals, `ERR_SSL_WRONG_VERSION_NUMBER`.
 */
export function opensslError(syscall: string): OSError {
  const functions = openssl();
  const error = functions.nextError();
  functions.clearErrors();
  if (error === 0) return osError({ code: 'EPROTO', syscall, message: `${syscall} failed without saying why` });
  const reason = functions.reasonText(error);
  const number = error.toString(16).toUpperCase().padStart(8, '0');
  if (reason === null) return osError({ code: 'ERR_SSL', syscall, message: `${syscall}: error:${number}` });
  const code = `ERR_SSL_${reason.toUpperCase().replaceAll(' ', '_')}`;
  const library = functions.libraryName(error) ?? 'unknown library';
  return osError({ code, syscall, message: `${syscall}: ${reason} (error:${number}:${library})` });
}

/** The names of `X509_V_ERR_*`, as in Node, by number. */
const VERIFY_CODES: ReadonlyMap<number, string> = new Map([
  [2, 'UNABLE_TO_GET_ISSUER_CERT'],
  [3, 'UNABLE_TO_GET_CRL'],
  [4, 'UNABLE_TO_DECRYPT_CERT_SIGNATURE'],
  [5, 'UNABLE_TO_DECRYPT_CRL_SIGNATURE'],
  [6, 'UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY'],
  [7, 'CERT_SIGNATURE_FAILURE'],
  [8, 'CRL_SIGNATURE_FAILURE'],
  [9, 'CERT_NOT_YET_VALID'],
  [10, 'CERT_HAS_EXPIRED'],
  [11, 'CRL_NOT_YET_VALID'],
  [12, 'CRL_HAS_EXPIRED'],
  [13, 'ERROR_IN_CERT_NOT_BEFORE_FIELD'],
  [14, 'ERROR_IN_CERT_NOT_AFTER_FIELD'],
  [15, 'ERROR_IN_CRL_LAST_UPDATE_FIELD'],
  [16, 'ERROR_IN_CRL_NEXT_UPDATE_FIELD'],
  [17, 'OUT_OF_MEM'],
  [18, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  [19, 'SELF_SIGNED_CERT_IN_CHAIN'],
  [20, 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'],
  [21, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  [22, 'CERT_CHAIN_TOO_LONG'],
  [23, 'CERT_REVOKED'],
  [24, 'INVALID_CA'],
  [25, 'PATH_LENGTH_EXCEEDED'],
  [26, 'INVALID_PURPOSE'],
  [27, 'CERT_UNTRUSTED'],
  [28, 'CERT_REJECTED'],
  [62, 'HOSTNAME_MISMATCH'],
]);

/**
 * The error of a certificate that did not stand the test.
 *
 * @param result - What `SSL_get_verify_result` said.
 * @returns With Node's `code`: `CERT_HAS_EXPIRED`.
 */
export function verifyError(result: number): OSError {
  const code = VERIFY_CODES.get(result) ?? 'UNSPECIFIED';
  return osError({ code, message: openssl().verifyText(result) ?? `certificate verification failed (${result})` });
}

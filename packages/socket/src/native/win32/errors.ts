import { E } from '../errno.js';

const names: Readonly<Record<number, keyof typeof E>> = {
  // Errors of the system (`GetLastError`).
  2: 'ENOENT',
  3: 'ENOENT',
  4: 'EMFILE',
  5: 'EACCES',
  6: 'EBADF',
  8: 'ENOMEM',
  14: 'ENOMEM',
  38: 'EPIPE',
  64: 'ECONNRESET',
  87: 'EINVAL',
  109: 'EPIPE',
  121: 'ETIMEDOUT',
  231: 'EBUSY',
  232: 'EPIPE',
  233: 'EPIPE',
  236: 'ECONNABORTED',
  995: 'ECANCELED',
  1225: 'ECONNREFUSED',
  1229: 'ENOTCONN',
  1231: 'ENETUNREACH',
  1232: 'EHOSTUNREACH',
  1234: 'ECONNREFUSED',
  1236: 'ECONNABORTED',
  1450: 'ENOBUFS',
  1816: 'ENOBUFS',
  // Errors of sockets (`WSAE...`).
  10004: 'EINTR',
  10009: 'EBADF',
  10013: 'EACCES',
  10014: 'EFAULT',
  10022: 'EINVAL',
  10024: 'EMFILE',
  10035: 'EAGAIN',
  10036: 'EINPROGRESS',
  10037: 'EALREADY',
  10038: 'ENOTSOCK',
  10039: 'EDESTADDRREQ',
  10040: 'EMSGSIZE',
  10041: 'EPROTOTYPE',
  10042: 'ENOPROTOOPT',
  10043: 'EPROTONOSUPPORT',
  10045: 'ENOTSUP',
  10047: 'EAFNOSUPPORT',
  10048: 'EADDRINUSE',
  10049: 'EADDRNOTAVAIL',
  10050: 'ENETDOWN',
  10051: 'ENETUNREACH',
  10052: 'ENETRESET',
  10053: 'ECONNABORTED',
  10054: 'ECONNRESET',
  10055: 'ENOBUFS',
  10056: 'EISCONN',
  10057: 'ENOTCONN',
  10058: 'EPIPE',
  10060: 'ETIMEDOUT',
  10061: 'ECONNREFUSED',
  10063: 'ENAMETOOLONG',
  10065: 'EHOSTUNREACH',
};

/**
 * The error number that stands for an error of Windows: that of libuv, as everywhere on Windows in Node. One that libuv has no name for
 * is given as it is.
 */
export function errnoOf(error: number): number {
  const name = names[error];
  return name === undefined ? error : E[name];
}

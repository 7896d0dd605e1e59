/** Flags of `getaddrinfo` and `getnameinfo` and error numbers of the resolver, with the values of this operating system. */
import { netdbConstants } from '../native/platform.js';

export const {
  AI_PASSIVE,
  AI_CANONNAME,
  AI_NUMERICHOST,
  AI_V4MAPPED,
  AI_ALL,
  AI_ADDRCONFIG,
  AI_NUMERICSERV,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
  NI_NOFQDN,
  NI_NAMEREQD,
  NI_DGRAM,
  EAI_BADFLAGS,
  EAI_NONAME,
  EAI_AGAIN,
  EAI_FAIL,
  EAI_NODATA,
  EAI_FAMILY,
  EAI_SOCKTYPE,
  EAI_SERVICE,
  EAI_ADDRFAMILY,
  EAI_MEMORY,
  EAI_SYSTEM,
  EAI_OVERFLOW,
} = netdbConstants;

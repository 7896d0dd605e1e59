import type { Netdb } from '../posix/netdb.js';

/** Windows: the numbers of errors are those of winsock. */
export const win32Netdb: Netdb = {
  constants: {
    AI_PASSIVE: 0x1,
    AI_CANONNAME: 0x2,
    AI_NUMERICHOST: 0x4,
    AI_V4MAPPED: 0x800,
    AI_ALL: 0x100,
    AI_ADDRCONFIG: 0x400,
    AI_NUMERICSERV: 0x8,
    NI_NUMERICHOST: 0x2,
    NI_NUMERICSERV: 0x8,
    NI_NOFQDN: 0x1,
    NI_NAMEREQD: 0x4,
    NI_DGRAM: 0x10,
    EAI_BADFLAGS: 10022,
    EAI_NONAME: 11001,
    EAI_AGAIN: 11002,
    EAI_FAIL: 11003,
    EAI_NODATA: 11004,
    EAI_FAMILY: 10047,
    EAI_SOCKTYPE: 10044,
    EAI_SERVICE: 10109,
    EAI_ADDRFAMILY: -1, // Windows has none of the last three
    EAI_MEMORY: 8,
    EAI_SYSTEM: -2,
    EAI_OVERFLOW: -3,
  },
  // socklen_t is a size_t here; below 4 GiB its lower half is enough.
  addr: 32,
  canonname: 24,
};

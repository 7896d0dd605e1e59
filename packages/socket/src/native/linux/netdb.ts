import type { Netdb } from '../posix/netdb.js';

/** glibc and musl. */
export const linuxNetdb: Netdb = {
  constants: {
    AI_PASSIVE: 0x1,
    AI_CANONNAME: 0x2,
    AI_NUMERICHOST: 0x4,
    AI_V4MAPPED: 0x8,
    AI_ALL: 0x10,
    AI_ADDRCONFIG: 0x20,
    AI_NUMERICSERV: 0x400,
    NI_NUMERICHOST: 0x1,
    NI_NUMERICSERV: 0x2,
    NI_NOFQDN: 0x4,
    NI_NAMEREQD: 0x8,
    NI_DGRAM: 0x10,
    EAI_BADFLAGS: -1,
    EAI_NONAME: -2,
    EAI_AGAIN: -3,
    EAI_FAIL: -4,
    EAI_NODATA: -5,
    EAI_FAMILY: -6,
    EAI_SOCKTYPE: -7,
    EAI_SERVICE: -8,
    EAI_ADDRFAMILY: -9,
    EAI_MEMORY: -10,
    EAI_SYSTEM: -11,
    EAI_OVERFLOW: -12,
  },
  addr: 24,
  canonname: 32,
};

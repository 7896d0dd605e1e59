import type { Netdb } from '../posix/netdb.js';

/** macOS. */
export const darwinNetdb: Netdb = {
  constants: {
    AI_PASSIVE: 0x1,
    AI_CANONNAME: 0x2,
    AI_NUMERICHOST: 0x4,
    AI_V4MAPPED: 0x800,
    AI_ALL: 0x100,
    AI_ADDRCONFIG: 0x400,
    AI_NUMERICSERV: 0x1000,
    NI_NUMERICHOST: 0x2,
    NI_NUMERICSERV: 0x8,
    NI_NOFQDN: 0x1,
    NI_NAMEREQD: 0x4,
    NI_DGRAM: 0x10,
    EAI_BADFLAGS: 3,
    EAI_NONAME: 8,
    EAI_AGAIN: 2,
    EAI_FAIL: 4,
    EAI_NODATA: 7,
    EAI_FAMILY: 5,
    EAI_SOCKTYPE: 10,
    EAI_SERVICE: 9,
    EAI_ADDRFAMILY: 1,
    EAI_MEMORY: 6,
    EAI_SYSTEM: 11,
    EAI_OVERFLOW: 14,
  },
  addr: 32,
  canonname: 24,
};

/** FreeBSD: as macOS, but for one flag. */
export const freebsdNetdb: Netdb = { ...darwinNetdb, constants: { ...darwinNetdb.constants, AI_NUMERICSERV: 0x8 } };

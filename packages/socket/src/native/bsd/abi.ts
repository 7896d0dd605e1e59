import type { Abi } from '../posix/abi.js';

/** Numbers and layouts of macOS, x64 and arm64. Tested as bytes only: never run on a Mac. */
export const darwinAbi: Abi = {
  architectures: ['x64', 'arm64'],

  O_NONBLOCK: 4,
  F_DUPFD_CLOEXEC: 67,
  RTLD_NODELETE: 0x80,

  SOCK_NONBLOCK: 0,
  SOCK_CLOEXEC: 0,
  MSG_NOSIGNAL: 0,
  SO_NOSIGPIPE: 0x1022,
  MSG_CMSG_CLOEXEC: 0,

  SOL_SOCKET: 0xffff,
  SO_TYPE: 0x1008,
  SO_DOMAIN: 0,
  SO_PROTOCOL: 0,
  SCM_RIGHTS: 1,

  AF_INET6: 30,
  sockaddrHasLength: true,
  sunPathMax: 104,
  abstractNames: false,

  messageFlags: 44,

  // struct cmsghdr { u32 len; int level; int type; }, aligned to 4 bytes also on 64-bit systems
  control: { level: 4, type: 8, data: 12, alignment: 4 },
};

/** Numbers and layouts of FreeBSD, x64 and arm64. Tested as bytes only: never run there. */
export const freebsdAbi: Abi = {
  ...darwinAbi,

  F_DUPFD_CLOEXEC: 17,
  RTLD_NODELETE: 0x1000,

  SOCK_NONBLOCK: 0x20000000,
  SOCK_CLOEXEC: 0x10000000,
  MSG_NOSIGNAL: 0x20000,
  SO_NOSIGPIPE: 0,
  MSG_CMSG_CLOEXEC: 0x40000,

  SO_DOMAIN: 0x1019,
  SO_PROTOCOL: 0x1016,

  AF_INET6: 28,

  // As macOS, but aligned to 8 bytes.
  control: { level: 4, type: 8, data: 16, alignment: 8 },
};

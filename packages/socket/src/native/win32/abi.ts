import type { Abi } from '../posix/abi.js';
import { win32Constants } from './constants.js';

/**
 * What Windows shares with the systems that have Berkeley sockets: the layout of addresses. What only POSIX has is 0.
 * x64 alone: nobody has run the layouts of arm64.
 */
export const win32Abi: Abi = {
  architectures: ['x64'],

  O_NONBLOCK: 0,
  F_DUPFD_CLOEXEC: 0,
  RTLD_NODELETE: 0,

  SOCK_NONBLOCK: 0,
  SOCK_CLOEXEC: 0,
  MSG_NOSIGNAL: 0,
  SO_NOSIGPIPE: 0,
  MSG_CMSG_CLOEXEC: 0,

  SOL_SOCKET: 0xffff,
  SO_TYPE: 0x1008,
  SO_DOMAIN: 0,
  SO_PROTOCOL: 0,
  SCM_RIGHTS: 0,

  AF_INET6: win32Constants.AF_INET6!,
  sockaddrHasLength: false,
  sunPathMax: 108,
  abstractNames: false,

  messageFlags: 0,

  // WSACMSGHDR { SIZE_T len; INT level; INT type; }
  control: { level: 8, type: 12, data: 16, alignment: 8 },
};

/** Arguments of winsock's functions. */
export const FIONBIO = 0x8004667e | 0;
export const WSA_FLAG_OVERLAPPED = 0x01;
export const WSA_FLAG_NO_HANDLE_INHERIT = 0x80;
export const HANDLE_FLAG_INHERIT = 1;
export const SO_PROTOCOL_INFOW = 0x2005;
/** Nobody else binds the same port; without it anybody can, by SO_REUSEADDR, and takes the connections. */
export const SO_EXCLUSIVEADDRUSE = ~4;

/** `WSAPROTOCOL_INFOW`: 628 bytes; `iAddressFamily` at 76, `iSocketType` at 88, `iProtocol` at 92. */
export const PROTOCOL_INFO_SIZE = 628;
export const PROTOCOL_INFO_FAMILY = 76;
export const PROTOCOL_INFO_TYPE = 88;
export const PROTOCOL_INFO_PROTOCOL = 92;

/** `struct WSABUF { ULONG len; char *buf; }` */
export const WSABUF_SIZE = 16;

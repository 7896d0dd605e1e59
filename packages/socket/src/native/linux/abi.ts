import type { Abi } from '../posix/abi.js';
import { linuxConstants as constants } from './constants.js';

/**
 * Numbers and layouts of Linux, as in `include/uapi` of the kernel: the generic ABI of x64, arm64, riscv64 and loong64, all
 * little-endian and 64-bit. (mips, ppc64 and sparc number socket options differently.)
 */
export const linuxAbi: Abi = {
  architectures: ['x64', 'arm64', 'riscv64', 'loong64'],

  O_NONBLOCK: 0o4000,
  F_DUPFD_CLOEXEC: 1030,
  RTLD_NODELETE: 0x1000,

  SOCK_NONBLOCK: 0o4000,
  SOCK_CLOEXEC: 0o2000000,
  MSG_NOSIGNAL: constants.MSG_NOSIGNAL,
  SO_NOSIGPIPE: 0,
  MSG_CMSG_CLOEXEC: constants.MSG_CMSG_CLOEXEC,

  SOL_SOCKET: constants.SOL_SOCKET,
  SO_TYPE: constants.SO_TYPE,
  SO_DOMAIN: constants.SO_DOMAIN,
  SO_PROTOCOL: constants.SO_PROTOCOL,
  SCM_RIGHTS: constants.SCM_RIGHTS,

  AF_INET6: constants.AF_INET6,
  sockaddrHasLength: false,
  sunPathMax: 108,
  abstractNames: true,

  messageFlags: 48,

  // struct cmsghdr { size_t len; int level; int type; }
  control: { level: 8, type: 12, data: 16, alignment: 8 },
};

export const EPOLL_CLOEXEC = 0o2000000;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;
export const EPOLLET = 1 << 31;

/**
 * `struct epoll_event { u32 events; u64 data; }`: packed on x86-64 only (12 bytes, data at 4), naturally aligned elsewhere
 * (16 bytes, data at 8). In 32-bit words:
 */
export interface EpollEventLayout {
  readonly words: number;
  readonly dataWord: number;
}

export function epollEventLayout(arch: string): EpollEventLayout {
  return arch === 'x64' ? { words: 3, dataWord: 1 } : { words: 4, dataWord: 2 };
}

/**
 * Numbers and layouts of Linux, as in `include/uapi` of the kernel: the generic ABI of x64, arm64, riscv64 and loong64, all
 * little-endian and 64-bit. (mips, ppc64 and sparc number socket options differently.)
 */

export const ARCHITECTURES: readonly string[] = ['x64', 'arm64', 'riscv64', 'loong64'];

export const O_NONBLOCK = 0o4000;
export const SOCK_NONBLOCK = O_NONBLOCK;
export const SOCK_CLOEXEC = 0o2000000;
export const EPOLL_CLOEXEC = 0o2000000;

export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const F_DUPFD_CLOEXEC = 1030;
export const FD_CLOEXEC = 1;

export const MSG_NOSIGNAL = 0x4000;

export const POLLOUT = 4;

export const RTLD_NOW = 2;
export const RTLD_NODELETE = 0x1000;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;
export const EPOLLIN = 0x1;
export const EPOLLOUT = 0x4;

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

/** `struct msghdr` of 64-bit Linux: name, namelen (+pad), iov, iovlen, control, controllen, flags (+pad). */
export const MSGHDR_SIZE = 56;
export const MSGHDR_IOV = 16;
export const MSGHDR_IOVLEN = 24;
/** `struct iovec { void *base; size_t len; }` */
export const IOVEC_SIZE = 16;

/** `struct sockaddr_storage`. */
export const SOCKADDR_MAX = 128;
/** `struct sockaddr_in { u16 family; be16 port; be32 addr; u8 zero[8]; }` */
export const SOCKADDR_IN_SIZE = 16;
/** `struct sockaddr_in6 { u16 family; be16 port; be32 flowinfo; u8 addr[16]; u32 scope; }` */
export const SOCKADDR_IN6_SIZE = 28;
/** `struct sockaddr_un { u16 family; char path[108]; }` */
export const SUN_PATH = 2;
export const SUN_PATH_MAX = 108;

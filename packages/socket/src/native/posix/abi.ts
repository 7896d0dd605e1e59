/**
 * What differs between the systems that have Berkeley sockets, as a table: numbers, and the layouts of structures whose fields are not
 * at the same place everywhere. All systems here are 64-bit and little-endian.
 *
 * Public constants are not here but in `constants.ts` of each system.
 */
export interface Abi {
  /** Architectures on which the table holds, as in `process.arch`. */
  readonly architectures: readonly string[];

  readonly O_NONBLOCK: number;
  readonly F_DUPFD_CLOEXEC: number;
  readonly RTLD_NODELETE: number;

  /** Flags of `socket`, `socketpair` and `accept4`. 0: there are none and no `accept4`, and both properties are set after the call. */
  readonly SOCK_NONBLOCK: number;
  readonly SOCK_CLOEXEC: number;
  /** No SIGPIPE for this call. 0: a socket gets the option `SO_NOSIGPIPE` when it is made. */
  readonly MSG_NOSIGNAL: number;
  readonly SO_NOSIGPIPE: number;
  /** Descriptors arrive close-on-exec. 0: that is set after the call. */
  readonly MSG_CMSG_CLOEXEC: number;

  readonly SOL_SOCKET: number;
  readonly SO_TYPE: number;
  /** Options that tell family and protocol; 0: there are none. */
  readonly SO_DOMAIN: number;
  readonly SO_PROTOCOL: number;
  readonly SCM_RIGHTS: number;

  readonly AF_INET6: number;
  /** A `sockaddr` begins with its length and the family, a byte each; otherwise with the family alone, two bytes. */
  readonly sockaddrHasLength: boolean;
  /** Room for the path in `sockaddr_un`. */
  readonly sunPathMax: number;
  /** Unix names that begin with NUL have nothing to do with the file system. */
  readonly abstractNames: boolean;

  /**
   * `struct msghdr` has name at 0, namelen at 8, iov at 16, iovlen at 24, control at 32 and controllen at 40 everywhere, whether the two
   * lengths have 32 or 64 bits (the upper half is 0). What differs is where the flags are.
   */
  readonly messageFlags: number;

  /** `struct cmsghdr`: the length is at 0. */
  readonly control: ControlLayout;
}

/** `struct cmsghdr` and the rules for where the next one begins, in bytes. */
export interface ControlLayout {
  readonly level: number;
  readonly type: number;
  /** Where the data begins: `CMSG_LEN(0)`. */
  readonly data: number;
  readonly alignment: number;
}

/** The same on all systems. */
export const AF_UNIX = 1;
export const AF_INET = 2;

export const F_GETFD = 1;
export const F_SETFD = 2;
export const F_GETFL = 3;
export const F_SETFL = 4;
export const FD_CLOEXEC = 1;

export const RTLD_NOW = 2;

export const POLLOUT = 4;

/** Offsets in `struct msghdr`, and a size that has room for all variants (56 bytes on Linux, 48 on macOS and FreeBSD). */
export const MSGHDR_NAME = 0;
export const MSGHDR_NAMELEN = 8;
export const MSGHDR_IOV = 16;
export const MSGHDR_IOVLEN = 24;
export const MSGHDR_CONTROL = 32;
export const MSGHDR_CONTROLLEN = 40;
export const MSGHDR_SIZE = 56;

/** `struct iovec { void *base; size_t len; }` */
export const IOVEC_SIZE = 16;

/** `struct sockaddr_storage`. */
export const SOCKADDR_MAX = 128;
/** `struct sockaddr_in`: after the first two bytes `be16 port; be32 addr; u8 zero[8]`. */
export const SOCKADDR_IN_SIZE = 16;
/** `struct sockaddr_in6`: after the first two bytes `be16 port; be32 flowinfo; u8 addr[16]; u32 scope`. */
export const SOCKADDR_IN6_SIZE = 28;
/** Where the path begins in `struct sockaddr_un`. */
export const SUN_PATH = 2;

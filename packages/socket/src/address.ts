/**
 * Socket addresses, in the shapes asyncio uses.
 *
 * Only types live here: turning an address into the kernel's bytes and back is the work of `native/`.
 */

/** An IPv4 address: `['127.0.0.1', 8888]`. The host is a literal; names are resolved before they get here. */
export type InetAddress = readonly [host: string, port: number];

/** An IPv6 address: `['::1', 8888, 0, 0]`. `scopeId` is the index of the network interface for link-local addresses. */
export type Inet6Address = readonly [host: string, port: number, flowinfo: number, scopeId: number];

/**
 * The address of a Unix-domain socket.
 *
 * A path, `''` for a socket without a name, or an abstract name (Linux) that begins with NUL: `'\0name'`.
 * Names that are not UTF-8 come as, and may be given as, bytes.
 */
export type UnixAddress = string | Uint8Array;

/** What the kernel tells about a socket: `getsockname()`, `getpeername()`, `accept()`. */
export type Address = InetAddress | Inet6Address | UnixAddress;

/**
 * What a caller may give where an address is wanted.
 *
 * On an IPv6 socket `flowinfo` and `scopeId` may be left out (0). A `file:` URL stands for a Unix path.
 */
export type AddressLike = Address | readonly [host: string, port: number, flowinfo: number] | URL;

/** Anything that names a descriptor: the number itself, or an object that holds one. */
export type FileDescriptorLike = number | { fileno(): number } | { readonly fd: number };

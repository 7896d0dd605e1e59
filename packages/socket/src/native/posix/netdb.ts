/**
 * Numbers of `<netdb.h>`, by operating system: flags of getaddrinfo and getnameinfo, error codes, and the layout of `struct addrinfo`.
 */
export interface Netdb {
  readonly constants: {
    readonly AI_PASSIVE: number;
    readonly AI_CANONNAME: number;
    readonly AI_NUMERICHOST: number;
    readonly AI_V4MAPPED: number;
    readonly AI_ALL: number;
    readonly AI_ADDRCONFIG: number;
    readonly AI_NUMERICSERV: number;
    readonly NI_NUMERICHOST: number;
    readonly NI_NUMERICSERV: number;
    readonly NI_NOFQDN: number;
    readonly NI_NAMEREQD: number;
    readonly NI_DGRAM: number;
    readonly EAI_BADFLAGS: number;
    readonly EAI_NONAME: number;
    readonly EAI_AGAIN: number;
    readonly EAI_FAIL: number;
    readonly EAI_NODATA: number;
    readonly EAI_FAMILY: number;
    readonly EAI_SOCKTYPE: number;
    readonly EAI_SERVICE: number;
    readonly EAI_ADDRFAMILY: number;
    readonly EAI_MEMORY: number;
    readonly EAI_SYSTEM: number;
    readonly EAI_OVERFLOW: number;
  };
  /**
   * `struct addrinfo { int flags, family, socktype, protocol; socklen_t addrlen; ... }` is 48 bytes everywhere, with `next` at 40. The two
   * pointers before it change places.
   */
  readonly addr: number;
  readonly canonname: number;
}

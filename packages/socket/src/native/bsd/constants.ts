import type { SocketConstants } from '../linux/constants.js';

/** What macOS and FreeBSD have in common. */
const shared = {
  // Address families.
  AF_UNSPEC: 0,
  AF_UNIX: 1,
  AF_INET: 2,

  // Kinds.
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_RDM: 4,
  SOCK_SEQPACKET: 5,

  // Protocols: of socket() and levels of options.
  IPPROTO_IP: 0,
  IPPROTO_ICMP: 1,
  IPPROTO_IGMP: 2,
  IPPROTO_TCP: 6,
  IPPROTO_UDP: 17,
  IPPROTO_IPV6: 41,
  IPPROTO_ESP: 50,
  IPPROTO_AH: 51,
  IPPROTO_ICMPV6: 58,
  IPPROTO_SCTP: 132,
  IPPROTO_RAW: 255,

  // Options of every socket.
  SOL_SOCKET: 0xffff,
  SO_DEBUG: 1,
  SO_REUSEADDR: 4,
  SO_TYPE: 0x1008,
  SO_ERROR: 0x1007,
  SO_DONTROUTE: 16,
  SO_BROADCAST: 32,
  SO_SNDBUF: 0x1001,
  SO_RCVBUF: 0x1002,
  SO_KEEPALIVE: 8,
  SO_OOBINLINE: 256,
  SO_LINGER: 128,
  SO_REUSEPORT: 512,
  SO_RCVLOWAT: 0x1004,
  SO_SNDLOWAT: 0x1003,
  SO_RCVTIMEO: 0x1006,
  SO_SNDTIMEO: 0x1005,
  SO_TIMESTAMP: 1024,
  SO_ACCEPTCONN: 2,

  // Ancillary data.
  SCM_RIGHTS: 1,
  SCM_TIMESTAMP: 2,

  // Options of IPv4.
  IP_TOS: 3,
  IP_TTL: 4,
  IP_HDRINCL: 2,
  IP_OPTIONS: 1,
  IP_RECVOPTS: 5,
  IP_RETOPTS: 8,
  IP_MULTICAST_IF: 9,
  IP_MULTICAST_TTL: 10,
  IP_MULTICAST_LOOP: 11,
  IP_ADD_MEMBERSHIP: 12,
  IP_DROP_MEMBERSHIP: 13,
  IP_BLOCK_SOURCE: 72,
  IP_UNBLOCK_SOURCE: 73,
  IP_ADD_SOURCE_MEMBERSHIP: 70,
  IP_DROP_SOURCE_MEMBERSHIP: 71,
  IP_DEFAULT_MULTICAST_TTL: 1,
  IP_DEFAULT_MULTICAST_LOOP: 1,
  IP_MAX_MEMBERSHIPS: 4095,

  // Options of IPv6.
  IPV6_UNICAST_HOPS: 4,
  IPV6_MULTICAST_IF: 9,
  IPV6_MULTICAST_HOPS: 10,
  IPV6_MULTICAST_LOOP: 11,
  IPV6_JOIN_GROUP: 12,
  IPV6_LEAVE_GROUP: 13,
  IPV6_CHECKSUM: 26,
  IPV6_V6ONLY: 27,
  IPV6_PKTINFO: 46,
  IPV6_RECVHOPLIMIT: 37,
  IPV6_HOPLIMIT: 47,
  IPV6_RECVHOPOPTS: 39,
  IPV6_HOPOPTS: 49,
  IPV6_RECVRTHDR: 38,
  IPV6_RTHDR: 51,
  IPV6_RECVDSTOPTS: 40,
  IPV6_DSTOPTS: 50,
  IPV6_RECVPATHMTU: 43,
  IPV6_PATHMTU: 44,
  IPV6_DONTFRAG: 62,
  IPV6_NEXTHOP: 48,
  IPV6_RTHDR_TYPE_0: 0,

  // Options of TCP.
  TCP_NODELAY: 1,
  TCP_MAXSEG: 2,

  // How to shut down.
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,

  // Flags of sending and receiving.
  MSG_OOB: 0x1,
  MSG_PEEK: 0x2,
  MSG_DONTROUTE: 0x4,
  MSG_CTRUNC: 0x20,
  MSG_TRUNC: 0x10,
  MSG_DONTWAIT: 0x80,
  MSG_EOR: 0x8,
  MSG_WAITALL: 0x40,

  // Addresses, in host order.
  INADDR_ANY: 0,
  INADDR_LOOPBACK: 0x7f000001,
  INADDR_BROADCAST: 0xffffffff,
  INADDR_NONE: 0xffffffff,
  INADDR_UNSPEC_GROUP: 0xe0000000,
  INADDR_ALLHOSTS_GROUP: 0xe0000001,
  INADDR_MAX_LOCAL_GROUP: 0xe00000ff,

  // The rest.
  SOMAXCONN: 128,
  IPPORT_RESERVED: 1024,
  IPPORT_USERRESERVED: 5000,
};

/** Public constants of macOS, x64 and arm64. Those that it does not have are left out. */
export const darwinConstants: Partial<SocketConstants> = {
  ...shared,

  // Address families.
  AF_INET6: 30,
  AF_VSOCK: 40,

  // Options of IPv4.
  IP_PKTINFO: 26,
  IP_RECVTTL: 24,
  IP_RECVTOS: 27,

  // Options of IPv6.
  IPV6_RECVPKTINFO: 61,
  IPV6_RTHDRDSTOPTS: 57,
  IPV6_RECVTCLASS: 35,
  IPV6_TCLASS: 36,

  // Options of TCP.
  TCP_KEEPIDLE: 16, // called TCP_KEEPALIVE
  TCP_KEEPINTVL: 257,
  TCP_KEEPCNT: 258,
  TCP_FASTOPEN: 261,
  TCP_NOTSENT_LOWAT: 513,

  // Flags of sending and receiving.
  MSG_NOSIGNAL: 0x80000,
};

/** Public constants of FreeBSD, x64 and arm64. Those that it does not have are left out. */
export const freebsdConstants: Partial<SocketConstants> = {
  ...shared,

  // Address families.
  AF_INET6: 28,

  // Protocols: of socket() and levels of options.
  IPPROTO_UDPLITE: 136,

  // Options of every socket.
  SO_PROTOCOL: 0x1016,
  SO_DOMAIN: 0x1019,

  // Options of IPv4.
  IP_RECVTTL: 65,
  IP_RECVTOS: 68,
  IP_RECVORIGDSTADDR: 27,
  IP_ORIGDSTADDR: 27,
  IP_MINTTL: 66,

  // Options of IPv6.
  IPV6_RECVPKTINFO: 36,
  IPV6_RTHDRDSTOPTS: 35,
  IPV6_RECVTCLASS: 57,
  IPV6_TCLASS: 61,

  // Options of TCP.
  TCP_KEEPIDLE: 256,
  TCP_KEEPINTVL: 512,
  TCP_KEEPCNT: 1024,
  TCP_INFO: 32,
  TCP_CONGESTION: 64,
  TCP_MD5SIG: 16,
  TCP_FASTOPEN: 1025,

  // Flags of sending and receiving.
  MSG_NOSIGNAL: 0x20000,
  MSG_WAITFORONE: 0x80000,
  MSG_CMSG_CLOEXEC: 0x40000,
};

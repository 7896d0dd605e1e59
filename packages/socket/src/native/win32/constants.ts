import type { SocketConstants } from '../linux/constants.js';

/** Public constants of Windows sockets, by the names of the manual; what Windows does not have is missing, as in Python's `socket`. */
export const win32Constants: Partial<SocketConstants> = {
  // Address families. (Windows has AF_UNIX since 2018, without half of it; asyncio does not use it there, nor do we.)
  AF_UNSPEC: 0,
  AF_INET: 2,
  AF_INET6: 23,

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
  SO_RCVLOWAT: 0x1004,
  SO_SNDLOWAT: 0x1003,
  SO_RCVTIMEO: 0x1006,
  SO_SNDTIMEO: 0x1005,
  SO_ACCEPTCONN: 2,

  // Options of IPv4.
  IP_TOS: 3,
  IP_TTL: 4,
  IP_HDRINCL: 2,
  IP_OPTIONS: 1,
  IP_PKTINFO: 19,
  IP_MULTICAST_IF: 9,
  IP_MULTICAST_TTL: 10,
  IP_MULTICAST_LOOP: 11,
  IP_ADD_MEMBERSHIP: 12,
  IP_DROP_MEMBERSHIP: 13,
  IP_ADD_SOURCE_MEMBERSHIP: 15,
  IP_DROP_SOURCE_MEMBERSHIP: 16,
  IP_BLOCK_SOURCE: 17,
  IP_UNBLOCK_SOURCE: 18,
  IP_RECVTOS: 40,

  // Options of IPv6.
  IPV6_UNICAST_HOPS: 4,
  IPV6_MULTICAST_IF: 9,
  IPV6_MULTICAST_HOPS: 10,
  IPV6_MULTICAST_LOOP: 11,
  IPV6_JOIN_GROUP: 12,
  IPV6_LEAVE_GROUP: 13,
  IPV6_DONTFRAG: 14,
  IPV6_PKTINFO: 19,
  IPV6_HOPLIMIT: 21,
  IPV6_CHECKSUM: 26,
  IPV6_V6ONLY: 27,
  IPV6_RTHDR: 32,
  IPV6_RECVRTHDR: 38,
  IPV6_TCLASS: 39,
  IPV6_RECVTCLASS: 40,

  // Options of TCP.
  TCP_NODELAY: 1,
  TCP_KEEPIDLE: 3,
  TCP_MAXSEG: 4,
  TCP_FASTOPEN: 15,
  TCP_KEEPCNT: 16,
  TCP_KEEPINTVL: 17,

  // Flags of sending and receiving.
  MSG_OOB: 1,
  MSG_PEEK: 2,
  MSG_DONTROUTE: 4,
  MSG_WAITALL: 8,
  MSG_TRUNC: 0x100,
  MSG_CTRUNC: 0x200,

  // How to shut down.
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,

  // Addresses, in host order.
  INADDR_ANY: 0,
  INADDR_LOOPBACK: 0x7f000001,
  INADDR_BROADCAST: 0xffffffff,
  INADDR_NONE: 0xffffffff,
  INADDR_UNSPEC_GROUP: 0xe0000000,
  INADDR_ALLHOSTS_GROUP: 0xe0000001,
  INADDR_MAX_LOCAL_GROUP: 0xe00000ff,

  // The rest.
  SOMAXCONN: 0x7fffffff,
  IPPORT_RESERVED: 1024,
  IPPORT_USERRESERVED: 5000,
};

/**
 * Sockets, addresses and descriptors as system calls see them, and the ports through which a loop's backend does I/O.
 *
 * @packageDocumentation
 */
export type { Address, AddressLike, FileDescriptorLike, Inet6Address, InetAddress, UnixAddress } from './address.js';
export { type AncillaryMessage, CMSG_LEN, CMSG_SPACE, recvFds, sendFds } from './ancillary.js';
export { fileDescriptor } from './arguments.js';
export * from './all-constants.js';
export { ipVersion } from './native/ip.js';
export { setDescriptorDebug } from './ownership.js';
export type {
  AcceptIo,
  Acceptor,
  Channel,
  ChildStatus,
  ConnectIo,
  ConnectLoop,
  DatagramChannel,
  DatagramIo,
  DatagramSink,
  ExitWatch,
  NamedPipeIo,
  OwnedDescriptor,
  PipeIo,
  PipeKind,
  ProcessIo,
  StreamChannel,
  StreamIo,
  StreamSink,
  WatchIo,
} from './ports.js';
export { ChildExit } from './readiness/child-exit.js';
export { connectByWatching } from './readiness/connect.js';
export { DatagramInbox, type InboxChannel } from './readiness/datagram-inbox.js';
export {
  type CallNames,
  gatherNow,
  PIPE_CALLS,
  sendFileNow,
  sendNow,
  SOCKET_CALLS,
} from './readiness/stream-sending.js';
export { ListenerAcceptor } from './readiness/listener-acceptor.js';
export {
  checkRange,
  type FileLike,
  FileSource,
  FileTransfer,
  type ReadableFile,
  type SendfileOptions,
  sockAccept,
  sockConnect,
  type SockLoop,
  sockRecv,
  sockRecvfrom,
  sockRecvfromInto,
  sockRecvInto,
  sockSendall,
  sockSendfile,
  sockSendto,
} from './sock/index.js';
export { acceptedFrom, connectError, type DescriptorKeeper, Socket, socketpair, type SocketOptions } from './socket.js';
export { PipeHandle } from './pipe-handle.js';
export { addReader, addWriter, removeReader, removeWriter, type WatchingLoop } from './watch.js';
export { ensureResolved, type HostAndPort, type ResolvingLoop } from './dns/ensure-resolved.js';
export {
  type AddrInfo,
  type AddrInfoOptions,
  getaddrinfo,
  type LookupHost,
  type LookupPort,
} from './dns/getaddrinfo.js';
export { getnameinfo } from './dns/getnameinfo.js';
export type { LookupLoop } from './dns/resolving.js';

/**
 * Transports and protocols: what asyncio puts between a socket and the code that speaks over it.
 *
 * @packageDocumentation
 */
export { createConnection, type ConnectionOptions } from './create-connection.js';
export { connectAcceptedSocket, type AcceptedSocketOptions } from './connect-accepted-socket.js';
export { connectReadPipe, connectWritePipe } from './connect-pipe.js';
export { createPipeConnection, DuplexPipeTransport, requireNamedPipes } from './create-pipe-connection.js';
export { createDatagramEndpoint, type DatagramOptions } from './create-datagram-endpoint.js';
export { checkUnixSocket, createUnixConnection, type UnixConnectionOptions } from './create-unix-connection.js';
export { checkOptions, endpointArguments, type EndpointArguments } from './endpoint-arguments.js';
export { FlowControlledTransport } from './flow-control.js';
export type { PipeLike, PipeOpener } from './pipe-descriptor.js';
export { checkFactory, type ProtocolFactory } from './protocol-factory.js';
export {
  BaseProtocol,
  BufferedProtocol,
  checkProtocol,
  DatagramProtocol,
  Protocol,
  type BaseProtocolCallbacks,
  type BufferedProtocolCallbacks,
  type DatagramProtocolCallbacks,
  type ProtocolCallbacks,
  type StreamProtocol,
} from './protocol.js';
export { type ReadPipeProtocol, ReadPipeTransport } from './read-pipe-transport.js';
export { sendfile } from './sendfile.js';
export { streamInfos, type StreamLookUp } from './stream-infos.js';
export { requireUnixSockets, setReusePort } from './platform.js';
export { checkStreamSocket, discardSocket } from './stream-socket.js';
export { StreamTransport, type StreamTransportOptions, type TransportOwner } from './stream-transport.js';
export { openTls, type OpenTlsOptions } from './tls/open-tls.js';
export type { CheckServerIdentity, SniCallback, Ssl, TlsOptions } from './tls/options.js';
export type { TlsInfo } from './tls/session.js';
export { startTls, type StartTlsOptions } from './tls/start-tls.js';
export {
  SERVER_TLS_OPTIONS,
  serverTls,
  type ClientTlsOptions,
  type ServerTlsOptions,
  type TlsPlan,
  type TlsTimeouts,
} from './tls/tls-plan.js';
export { TlsTransport } from './tls/tls-transport.js';
export { TransportSocket } from './transport-socket.js';
export {
  BaseTransport,
  DatagramTransport,
  ReadTransport,
  Transport,
  WriteTransport,
  type ExtraInfo,
  type WriteBufferLimits,
} from './transport.js';
export { checkUnixPath, removeStaleSocket, SocketFile, type UnixPath } from './unix-path.js';
export { type WritePipeProtocol, WritePipeTransport } from './write-pipe-transport.js';

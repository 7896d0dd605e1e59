/**
 * asyncio's streams for TypeScript: openConnection, startServer, StreamReader and StreamWriter.
 *
 * @packageDocumentation
 */
export { EOFError, IncompleteReadError, LimitOverrunError } from './errors.js';
export { FlowControlMixin } from './flow-control-mixin.js';
export type { LimitOption } from './limit-option.js';
export {
  openConnection,
  type OpenConnectionOptions,
  openUnixConnection,
  type OpenUnixConnectionOptions,
  type StreamPair,
} from './open-connection.js';
export { type MethodOf, operationInLoop, outcomeOf } from './running-loop.js';
export type { Separator } from './separators.js';
export { startServer, type StartServerOptions, startUnixServer, type StartUnixServerOptions } from './start-server.js';
export { type PausableTransport, StreamReader, type StreamReaderOptions } from './stream-reader.js';
export { type ClientConnectedCallback, StreamReaderProtocol } from './stream-reader-protocol.js';
export { type StreamTlsOptions, StreamWriter, type WriterProtocol } from './stream-writer.js';

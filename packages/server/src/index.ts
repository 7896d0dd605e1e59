/**
 * Servers: listening sockets that give every connection a protocol.
 *
 * @packageDocumentation
 */
export { AbstractServer } from './abstract-server.js';
export { createServer, type Hosts, type ServerOptions } from './create-server.js';
export { Server, type ServingLoop } from './server.js';
export { PipeServer, startServingPipe } from './pipe-server.js';
export { createUnixServer, type UnixServerOptions } from './create-unix-server.js';

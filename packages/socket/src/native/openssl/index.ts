/** OpenSSL as Node brings it: connections over memory, without Node's sockets. */
export { BROKEN, CLOSE_NOTIFY, Ssl, type Verify, WANT_READ, WANT_WRITE } from './ssl.js';
export { PIPE_SIZE, type Pipe } from './pipe.js';
export {
  isSecureContext,
  nativeContext,
  nodeTls,
  opensslProblem,
  type NativeContext,
  type PeerCertificate,
  type SecureContext,
  type SecureContextOptions,
  type TLSSocket,
} from './secure-context.js';
export { liveCount, tlsThread, type TlsThread } from './thread.js';

export { type SendfileOptions, sockSendfile } from './sendfile.js';
export type { FileLike, ReadableFile } from './sendfile-source.js';
export { sockAccept } from './sock-accept.js';
export { sockConnect } from './sock-connect.js';
export { sockRecv, sockRecvInto } from './sock-recv.js';
export { sockRecvfrom, sockRecvfromInto } from './sock-recvfrom.js';
export { sockSendall } from './sock-sendall.js';
export { sockSendto } from './sock-sendto.js';
export type { SockLoop } from './wait-ready.js';

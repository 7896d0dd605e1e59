export { sockAccept } from './sock-accept.js';
export { sockConnect } from './sock-connect.js';
export { sockRecv, sockRecvInto } from './sock-recv.js';
export { sockSendall } from './sock-sendall.js';
export type { SockLoop } from './wait-ready.js';

// The echo server on Node's own sockets.
import { createServer } from 'node:net';
import { serveControl } from '../control.mjs';

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy());
});
server.listen(0, '127.0.0.1', 1024, () => serveControl(server.address().port));

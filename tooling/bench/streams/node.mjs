// The echo by `for await` over Node's own sockets.
import { once } from 'node:events';
import { createServer } from 'node:net';
import { serveControl } from '../control.mjs';

async function echo(socket) {
  try {
    for await (const data of socket) if (!socket.write(data)) await once(socket, 'drain');
    socket.end();
  } catch {
    socket.destroy();
  }
}

const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => void echo(socket));
server.listen(0, '127.0.0.1', 1024, () => serveControl(server.address().port));

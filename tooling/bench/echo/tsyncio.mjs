// The echo server on tsyncio's transports, as the packages ship (dist).
import { TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import { createServer } from '@tsyncio/server';
import { serveControl } from '../control.mjs';

class Echo {
  connectionMade(transport) {
    this.transport = transport;
  }

  dataReceived(data) {
    this.transport.write(data);
  }
}

const loop = new TaskLoop({ backend: new SelectorIo() });
await loop.runUntilComplete(async () => {
  const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0, { backlog: 1024 });
  serveControl(server.sockets[0].getsockname()[1]);
  await server.serveForever();
});

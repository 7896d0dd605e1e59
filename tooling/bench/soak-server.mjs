// The server of the soak: an echo on tsyncio's transports, as the packages ship (dist), that tells what it holds. Needs --expose-gc.
import { readdirSync } from 'node:fs';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import { createServer } from '@tsyncio/server';

let open = 0;
let lost = 0;

class Echo {
  connectionMade(transport) {
    this.transport = transport;
    open++;
  }

  dataReceived(data) {
    this.transport.write(data);
  }

  connectionLost() {
    open--;
    lost++;
  }
}

const loop = new TaskLoop({ backend: new SelectorIo() });
await loop.runUntilComplete(async () => {
  const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0, { backlog: 4096 });
  process.stdin.on('data', () => setImmediate(tell));
  process.stdin.on('end', () => process.exit());
  console.log(JSON.stringify({ port: server.sockets[0].getsockname()[1] }));
  await server.serveForever();
});

function tell() {
  const { userCPUTime, systemCPUTime } = process.resourceUsage(); // before the collections
  globalThis.gc();
  globalThis.gc();
  const { rss, heapUsed, external } = process.memoryUsage();
  const fds = readdirSync('/proc/self/fd').length;
  console.log(JSON.stringify({ rss, heapUsed, external, fds, open, lost, cpu: (userCPUTime + systemCPUTime) / 1e6 }));
}

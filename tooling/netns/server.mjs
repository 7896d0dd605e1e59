// server.mjs address options: an echo that tells, for each line of its input, how many connections and descriptors it has and how connections ended.
import { readdirSync } from 'node:fs';
import { getRunningLoop, Protocol, run } from 'tsyncio';
import { setOptions } from './options.mjs';

const [address, options] = process.argv.slice(2);
let open = 0;
const ends = [];

class Echo extends Protocol {
  connectionMade(transport) {
    this.transport = transport;
    setOptions(transport, options);
    open++;
  }
  dataReceived(data) {
    this.transport.write(data);
  }
  pauseWriting() {
    this.transport.pauseReading();
  }
  resumeWriting() {
    this.transport.resumeReading();
  }
  connectionLost(error) {
    open--;
    ends.push(error === null ? 'ended' : error.code);
  }
}

await run(async () => {
  const server = await getRunningLoop().createServer(() => new Echo(), address, 0);
  process.stdin.on('data', () => {
    console.log(JSON.stringify({ open, ends, fds: readdirSync('/proc/self/fd').length }));
  });
  process.stdin.on('end', () => process.exit());
  console.log(JSON.stringify({ port: server.sockets[0].getsockname()[1] }));
  await server.serveForever();
});

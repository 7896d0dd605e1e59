// An echo server of the benchmark, run by Node for Windows: bench-server.cjs tsyncio|selector|node tcp|udp FILE. Writes its port to the file.
'use strict';

const { renameSync, writeFileSync } = require('node:fs');

const [who, kind, file] = process.argv.slice(2);
const tell = (port) => {
  writeFileSync(`${file}.new`, String(port));
  renameSync(`${file}.new`, file);
};

const ours = {
  async tcp(loop) {
    const server = await loop.createServer(
      () => ({
        connectionMade(transport) {
          this.transport = transport;
        },
        dataReceived(data) {
          this.transport.write(data);
        },
      }),
      '127.0.0.1',
      0,
      { backlog: 1024 },
    );
    tell(server.sockets[0].getsockname()[1]);
    await server.serveForever();
  },
  async udp(loop) {
    const [transport] = await loop.createDatagramEndpoint(
      () => ({
        connectionMade(made) {
          this.transport = made;
        },
        datagramReceived(data, peer) {
          this.transport.sendto(data, peer);
        },
      }),
      { localAddr: ['127.0.0.1', 0] },
    );
    tell(transport.getExtraInfo('sockname')[1]);
    await loop.createFuture();
  },
};

const nodes = {
  tcp() {
    const server = require('node:net').createServer({ noDelay: true }, (socket) => {
      socket.on('data', (data) => socket.write(data));
      socket.on('error', () => undefined);
    });
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, () => tell(server.address().port));
  },
  udp() {
    const socket = require('node:dgram').createSocket('udp4');
    socket.on('message', (data, { port, address }) => socket.send(data, port, address));
    socket.bind(0, '127.0.0.1', () => tell(socket.address().port));
  },
};

if (who === 'node') nodes[kind]();
else {
  const { ProactorEventLoop, run, SelectorEventLoop } = require('tsyncio');
  const Loop = who === 'tsyncio' ? ProactorEventLoop : SelectorEventLoop;
  const loop = new Loop();
  void run(() => ours[kind](loop), { loopFactory: () => loop });
}

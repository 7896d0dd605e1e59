// The servers of the echo benchmarks on Node's own sockets: node.mjs name arguments...
import { createSocket } from 'node:dgram';
import { constants, createReadStream, openSync, readFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { serveControl } from '../control.mjs';

const BACKLOG = 1024;

function echo(socket) {
  socket.on('data', (data) => socket.write(data));
  socket.on('error', () => socket.destroy());
}

function listen(server) {
  server.listen(0, '127.0.0.1', BACKLOG, () => serveControl(server.address().port));
}

const programs = {
  tcp: () => listen(createServer({ noDelay: true }, echo)),
  tls: (certificate, key) => {
    const options = { cert: readFileSync(certificate), key: readFileSync(key), noDelay: true };
    const server = createTlsServer(options, echo);
    server.on('tlsClientError', () => {});
    listen(server);
  },
  unix: (path) => createServer(echo).listen({ path, backlog: BACKLOG }, () => serveControl(path)),
  udp: () => {
    const socket = createSocket('udp4');
    socket.on('message', (data, { address, port }) => socket.send(data, port, address));
    socket.bind(0, '127.0.0.1', () => serveControl(`udp:${socket.address().port}`));
  },
  pipe: (path) => {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    new Socket({ fd, readable: true, writable: false }).on('data', () => {});
    serveControl(path);
  },
  /** The whole file for each byte that arrives. */
  sendfile: (path) =>
    listen(
      createServer({ noDelay: true }, (socket) => {
        socket.on('data', () => createReadStream(path).pipe(socket, { end: false }));
        socket.on('error', () => socket.destroy());
      }),
    ),
};

const [name, ...rest] = process.argv.slice(2);
if (name in programs) programs[name](...rest);
else console.log('null');

// What Node has to compare with: the echo of its sockets, and a file through its streams. node.mjs name arguments...
import { createReadStream } from 'node:fs';
import { createServer } from 'node:net';
import { serveControl } from '../control.mjs';

const [name, path] = process.argv.slice(2);

const programs = {
  sock: (socket) => socket.on('data', (data) => socket.write(data)),
  /** The whole file for each byte that arrives. */
  sendfile: (socket) => socket.on('data', () => createReadStream(path).pipe(socket, { end: false })),
};
const serve = programs[name];
if (serve === undefined) console.log('null');
else {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    serve(socket);
  });
  server.listen(0, '127.0.0.1', 1024, () => serveControl(server.address().port));
}

// The streams echo of tsyncio, as the packages ship (dist): tsyncio.mjs async|generators
import { TaskLoop } from '@tsyncio/futures-tasks';
import { startServer } from '@tsyncio/streams';
import { newBackend } from '../backends.mjs';
import { serveControl } from '../control.mjs';

const SIZE = 1024 * 1024;

async function echo(reader, writer) {
  for (;;) {
    const data = await reader.read(SIZE);
    if (data.length === 0) break;
    writer.write(data);
    await writer.drain();
  }
  writer.close();
}

function* echoByGenerator(reader, writer) {
  for (;;) {
    const data = yield* reader.read(SIZE);
    if (data.length === 0) break;
    writer.write(data);
    yield* writer.drain();
  }
  writer.close();
}

const backend = await newBackend();
if (backend === null) {
  console.log('null');
} else {
  const loop = new TaskLoop({ backend });
  await loop.runUntilComplete(async () => {
    const serve = process.argv[2] === 'generators' ? echoByGenerator : echo;
    const server = await startServer(serve, '127.0.0.1', 0, { backlog: 1024 });
    serveControl(server.sockets[0].getsockname()[1]);
    await server.serveForever();
  });
}

// Servers on tsyncio's descriptors: readers, and asyncio's raw socket operations.
import { open } from 'node:fs/promises';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { SelectorIo } from '@tsyncio/selector-io';
import * as sockets from '@tsyncio/socket';
import { serveControl } from '../control.mjs';

const { AF_INET, IPPROTO_TCP, SOCK_STREAM, Socket, TCP_NODELAY } = sockets;
const { addReader, removeReader, sockAccept, sockRecv, sockSendall, sockSendfile } = sockets;
const RECEIVE = 64 * 1024;

/** Serves every connection in a task of its own: `coroutineFor(loop, socket)`. */
async function serving(coroutineFor) {
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const listener = new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: true });
  listener.bind(['127.0.0.1', 0]);
  listener.listen(1024);
  serveControl(listener.getsockname()[1]);
  await loop.runUntilComplete(async () => {
    for (;;) {
      const [socket] = await sockAccept(loop, listener);
      socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
      loop.createTask(coroutineFor(loop, socket));
    }
  });
}

/** Echo with `addReader`, `recvInto` and `send`; for small messages, which the kernel takes at once. */
export function serveReaders() {
  const buffer = Buffer.alloc(RECEIVE);
  return serving((loop, socket) => async () => {
    addReader(loop, socket, () => {
      const n = socket.recvInto(buffer);
      if (n > 0) socket.send(buffer.subarray(0, n));
      else {
        removeReader(loop, socket);
        socket.close();
      }
    });
  });
}

/** Echo with `sockRecv` and `sockSendall`, in tasks of either kind. */
export function serveSock(kind) {
  return serving(kind === 'generator' ? echoGenerator : (loop, socket) => () => echoAsync(loop, socket));
}

async function echoAsync(loop, socket) {
  for (;;) {
    const data = await sockRecv(loop, socket, RECEIVE);
    if (data.length === 0) break;
    await sockSendall(loop, socket, data);
  }
  socket.close();
}

function* echoGenerator(loop, socket) {
  for (;;) {
    const data = yield* sockRecv(loop, socket, RECEIVE);
    if (data.length === 0) break;
    yield* sockSendall(loop, socket, data);
  }
  socket.close();
}

/** The whole file for each byte that arrives. */
export async function serveSendfile(path) {
  if (sockSendfile === undefined) {
    console.log('null');
    return;
  }
  const file = await open(path);
  await serving((loop, socket) => async () => {
    while ((await sockRecv(loop, socket, 1)).length > 0) await sockSendfile(loop, socket, file);
    socket.close();
  });
}

// Open files for other processes: whoever may talk to the socket gets a descriptor, not a path. Over Unix sockets a descriptor travels along
// with data, and the receiver holds the very same open file.
//
//   npm start -- descriptors --socket /tmp/files.sock --folder docs
//   python3 -c '...'   # socket.recv_fds; see tooling/smoke/clients/descriptors.py
import { constants, open, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { AF_UNIX, SOCK_STREAM, Socket, TimeoutError, getRunningLoop, isOSError, run, sendFds, waitFor } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';

const { socket: place, folder } = options({ socket: '/tmp/files.sock', folder: '.' });

/** Reads one name, answers it with an open file or an error, and ends. */
async function serve(client: Socket): Promise<void> {
  const loop = getRunningLoop();
  try {
    // A client that says nothing does not keep us: `waitFor` cancels the wait.
    const name = (await waitFor(loop.sockRecv(client, 256), 5)).toString().trim();
    const file = await openFile(name);
    if (typeof file === 'string') return await loop.sockSendall(client, Buffer.from(`error ${file}\n`));
    sendFds(client, [Buffer.from('ok\n')], [file.fd]);
    await file.close(); // the receiver has its own
  } catch (error) {
    // A client that goes away is its own business.
    if (!isOSError(error) && !(error instanceof TimeoutError)) throw error;
  } finally {
    client.close();
  }
}

/** The file, or why not. */
async function openFile(name: string): Promise<FileHandle | string> {
  if (!/^[\w-][\w.-]*$/.test(name)) return 'EINVAL'; // no way up, no hidden files
  try {
    return await open(path.join(folder, name), constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}

await run(async () => {
  const loop = getRunningLoop();
  using listener = new Socket(AF_UNIX, SOCK_STREAM);
  listener.setblocking(false);
  listener.bind(place);
  listener.listen();
  announce('Opening files', [listener]);
  const accepting = loop.createTask(async () => {
    for (;;) {
      const [client] = await loop.sockAccept(listener);
      void loop.createTask(() => serve(client));
    }
  });
  await interrupted(loop);
  accepting.cancel();
});

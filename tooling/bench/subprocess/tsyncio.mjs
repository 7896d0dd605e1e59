import process from 'node:process';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { subprocessExec } from '@tsyncio/subprocess';
import { newBackend } from '../backends.mjs';
import { main } from './measure.mjs';

const backend = await newBackend();
if (backend === null || typeof backend.watchExit !== 'function') {
  console.log('null');
  process.exit();
}
const loop = new TaskLoop({ backend });
// Another user id, even if it is ours, is what posix_spawn cannot do.
const spawner = process.env.BENCH_SPAWNER === 'node' ? { uid: process.getuid() } : {};
const nothing = { ...spawner, stdin: null, stdout: null, stderr: null };

async function spawn(pipes) {
  const ended = loop.createFuture();
  await subprocessExec(
    loop,
    () => ({ connectionLost: () => ended.setResult() }),
    'true',
    [],
    pipes ? spawner : nothing,
  );
  await ended;
}

async function cat(bytes, piece) {
  const ended = loop.createFuture();
  let resumed = null;
  let received = 0;
  const protocol = {
    pipeDataReceived: (fd, data) => void (received += data.length),
    pauseWriting: () => void (resumed = loop.createFuture()),
    resumeWriting() {
      resumed.setResult();
      resumed = null;
    },
    connectionLost: () => ended.setResult(),
  };
  const [transport] = await subprocessExec(loop, () => protocol, 'cat', [], { ...spawner, stderr: null });
  const stdin = transport.getPipeTransport(0);
  for (let sent = 0; sent < bytes; sent += piece.length) {
    stdin.write(piece);
    if (resumed !== null) await resumed;
  }
  stdin.close();
  await ended;
  if (received < bytes) throw new Error(`got ${received} of ${bytes} bytes`);
}

await loop.runUntilComplete(() => main({ spawn, cat }));
loop.close();

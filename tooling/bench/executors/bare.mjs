// worker_threads and child_process themselves: two workers that take turns.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { main } from './measure.mjs';

const file = fileURLToPath(import.meta.url);

if (!isMainThread) {
  parentPort.on('message', ([id, value, move]) => parentPort.postMessage([id, value], move ? [value.buffer] : []));
} else if (process.send !== undefined) {
  process.on('message', ([id, value]) => process.send([id, value]));
} else {
  await main(async (kind, memory) => {
    const waiting = new Map();
    let lastId = 0;
    const send = [0, 1].map(() => {
      const worker = kind === 'thread' ? new Worker(file) : fork(file, { serialization: 'advanced' });
      worker.on('message', ([id, value]) => {
        waiting.get(id)(value);
        waiting.delete(id);
      });
      const move = memory === 2;
      return kind === 'thread'
        ? (id, value) => worker.postMessage([id, value, move], move ? [value.buffer] : [])
        : (id, value) => worker.send([id, value]);
    });
    return (value) =>
      new Promise((resolve) => {
        const id = ++lastId;
        waiting.set(id, resolve);
        send[id % 2](id, value);
      });
  });
  process.exit();
}

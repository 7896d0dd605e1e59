import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import { connectLoop } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { BURST, callNowAndThen, collect, countBurst, print, runInTurn } from './measure.mjs';

if (isMainThread) {
  const { DefaultSelector, SelectorIo, addReader } = await import('@tsyncio/selector-io');
  const { socketpair } = await import('@tsyncio/socket');
  const [name, seconds] = [process.argv[2], Number(process.argv[3])];
  const loop = new TaskLoop({ backend: new SelectorIo(new DefaultSelector()) });
  const [a] = socketpair();
  addReader(loop, a, () => undefined);
  const done = (times) => {
    print(times);
    process.exit();
  };
  const port = loop.threadsafe.open({
    wake: collect(done),
    burst: countBurst(done),
    run: async (value) => value,
    done,
  });
  new Worker(fileURLToPath(import.meta.url), { workerData: { name, seconds, port }, transferList: [port] });
  await loop.runForever();
} else {
  const { name, seconds, port } = workerData;
  const connection = connectLoop(port);
  if (name === 'wake') await callNowAndThen((sent) => connection.call('wake', sent), seconds);
  else if (name === 'burst') for (let i = 0; i < BURST; i++) connection.call('burst');
  else connection.call('done', await runInTurn((value) => connection.run('run', value).promise(), seconds));
}

import { fileURLToPath } from 'node:url';
import { isMainThread, MessageChannel, Worker, workerData } from 'node:worker_threads';
import { BURST, callNowAndThen, collect, countBurst, print, runInTurn } from './measure.mjs';

if (isMainThread) {
  const [name, seconds] = [process.argv[2], Number(process.argv[3])];
  const done = (times) => {
    print(times);
    process.exit();
  };
  const { port1, port2 } = new MessageChannel();
  const onMessage = { wake: collect(done), burst: countBurst(done), run: (value) => port1.postMessage(value) }[name];
  port1.on('message', (message) => (Array.isArray(message) ? done(message) : onMessage(message)));
  new Worker(fileURLToPath(import.meta.url), { workerData: { name, seconds, port: port2 }, transferList: [port2] });
} else {
  const { name, seconds, port } = workerData;
  let answer;
  port.on('message', (value) => answer(value));
  const run = (value) =>
    new Promise((resolve) => {
      answer = resolve;
      port.postMessage(value);
    });
  if (name === 'wake') await callNowAndThen((sent) => port.postMessage(sent), seconds);
  else if (name === 'burst') for (let i = 0; i < BURST; i++) port.postMessage(1);
  else port.postMessage(await runInTurn(run, seconds));
}

// The programs of the descriptor benchmarks on tsyncio, as its packages ship (dist): tsyncio.mjs name arguments...
import { measureReady, measurePingPong, measureScaling } from './tsyncio-watching.mjs';
import { serveReaders, serveSendfile, serveSock } from './tsyncio-serving.mjs';

const programs = {
  ready: ([descriptors, seconds]) => measureReady(Number(descriptors), Number(seconds)),
  'ping-pong': ([pairs, seconds]) => measurePingPong(Number(pairs), Number(seconds)),
  scaling: ([selector, descriptors, seconds]) => measureScaling(selector, Number(descriptors), Number(seconds)),
  readers: serveReaders,
  sock: ([kind]) => serveSock(kind),
  sendfile: ([path]) => serveSendfile(path),
};

const [name, ...rest] = process.argv.slice(2);
await programs[name](rest);

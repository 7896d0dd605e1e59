import { existsSync } from 'node:fs';

/** What a user downloads, compressed with brotli, in kB. A growth beyond it is a decision, not an accident. */
const limits = {
  core: 20,
  'futures-tasks': 32, // with task groups, timeouts, eager tasks and call graphs
  executors: 10,
  policy: 10,
  socket: 58, // with the resolver, OpenSSL, io_uring, posix_spawn, completion ports and the tables of four systems
  'selector-io': 20,
  'proactor-io': 16, // io_uring and completion ports
  'transports-protocols': 30,
  server: 15,
  streams: 12,
  subprocess: 15,
  tsyncio: 15,
};

export default Object.entries(limits)
  .filter(([name]) => existsSync(`packages/${name}/dist/index.js`))
  .map(([name, limit]) => ({ name, path: `packages/${name}/dist/*.js`, limit: `${limit} kB`, brotli: true }));

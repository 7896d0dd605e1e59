import { existsSync } from 'node:fs';

/** What a user downloads, compressed with brotli, in kB. A growth beyond it is a decision, not an accident. */
const limits = {
  core: 20,
  'futures-tasks': 25,
  policy: 10,
  socket: 45, // with the resolver, OpenSSL and the tables of three systems
  'selector-io': 20,
  'transports-protocols': 30,
  server: 15,
  tsyncio: 15,
};

export default Object.entries(limits)
  .filter(([name]) => existsSync(`packages/${name}/dist/index.js`))
  .map(([name, limit]) => ({ name, path: `packages/${name}/dist/*.js`, limit: `${limit} kB`, brotli: true }));

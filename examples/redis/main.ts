// A server that speaks Redis' protocol: strings, counters, expiry.
//
//   npm start -- redis --port 6379
//   redis-cli set greeting hello EX 10
//   redis-benchmark -t set,get -P 16
import { getRunningLoop, run } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';
import { Database } from './database.js';
import { RedisProtocol } from './redis-protocol.js';

const { host, port } = options({ host: '127.0.0.1', port: '6379' });

await run(async () => {
  const loop = getRunningLoop();
  const database = new Database(loop);
  const server = await loop.createServer(() => new RedisProtocol(database), host, Number(port), { backlog: 1024 });
  announce('Ready', server.sockets);
  await interrupted(loop);
  server.close();
});

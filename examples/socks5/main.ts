// A SOCKS5 proxy (RFC 1928) on streams: CONNECT, without authentication.
//
//   npm start -- socks5 --port 1080
//   curl --socks5-hostname 127.0.0.1:1080 http://example.org/
import { getRunningLoop, run, startServer } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';
import { proxy } from './proxy.js';

const { host, port } = options({ host: '127.0.0.1', port: '1080' });

await run(async () => {
  const server = await startServer(proxy, host, Number(port));
  announce('SOCKS5', server.sockets);
  await interrupted(getRunningLoop());
  server.close();
});

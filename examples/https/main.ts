// HTTP over TLS, the protocol agreed upon by ALPN.
//
//   openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem
//   npm start -- https --cert cert.pem --key key.pem --port 8443
//   curl --cacert cert.pem https://localhost:8443/
import { readFileSync } from 'node:fs';
import { getRunningLoop, run } from 'tsyncio';
import { HttpProtocol, type HttpOptions } from '../http/http-protocol.js';
import { route } from '../http/routes.js';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';

const { host, port, cert, key } = options({ host: '127.0.0.1', port: '8443', cert: 'cert.pem', key: 'key.pem' });

// The very protocol of the example `http`: it does not know what its transport runs over.
const http: HttpOptions = { handler: route, requestTimeout: 30, idleTimeout: 60, mostBody: 10_000_000 };

await run(async () => {
  const loop = getRunningLoop();
  const connections = new Set<HttpProtocol>();
  const server = await loop.createServer(() => new HttpProtocol(loop, http, connections), host, Number(port), {
    // Whatever `tls.createSecureContext` of Node takes, and a few more.
    ssl: { cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] },
    sslHandshakeTimeout: 10,
  });
  announce('Serving HTTPS', server.sockets);
  await interrupted(loop);
  server.close();
  for (const connection of [...connections]) connection.stop();
  await server.waitClosed();
});

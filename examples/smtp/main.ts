// A server that takes mail, and goes over to TLS when the client asks for it (STARTTLS, RFC 3207). It prints what it gets.
//
//   openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout key.pem -out cert.pem
//   npm start -- smtp --cert cert.pem --key key.pem --port 2525
//   curl --ssl-reqd --cacert cert.pem smtp://localhost:2525 --mail-from a@example.org --mail-rcpt b@example.org -T README.md
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { getRunningLoop, run, startServer } from 'tsyncio';
import { announce } from '../support/announce.js';
import { interrupted } from '../support/interrupted.js';
import { options } from '../support/options.js';
import { SmtpSession } from './smtp-session.js';

const { host, port, cert, key } = options({ host: '127.0.0.1', port: '2525', cert: 'cert.pem', key: 'key.pem' });
const secureContext = createSecureContext({ cert: readFileSync(cert), key: readFileSync(key) }); // once, for all clients

await run(async () => {
  const server = await startServer(
    (reader, writer) =>
      new SmtpSession(reader, writer, { secureContext }, ({ from, to, data, secure }) =>
        console.log(`${from} to ${to.join(' ')}, ${data.length} bytes, ${secure ? 'over TLS' : 'in clear'}`),
      ).serve(),
    host,
    Number(port),
  );
  announce('SMTP', server.sockets);
  await interrupted(getRunningLoop());
  server.close();
});

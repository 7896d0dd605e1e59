import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import tls from 'node:tls';

import { ValueError } from '@tsyncio/core';
import { type Future, type TaskLoop } from '@tsyncio/futures-tasks';
import { createServer, createUnixServer } from '@tsyncio/server';
import { AF_UNIX } from '@tsyncio/socket';
import { leakAudit, quiet } from '@tsyncio/test-support';
import { createConnection, createUnixConnection, type Transport } from '@tsyncio/transports-protocols';

import { addressOf, eachBackend, Echo, inLoop, iterations, received } from './support/world.js';
import { certificates, identity, pem } from '@tsyncio/test-support/loops/certificates';
import { until } from '@tsyncio/test-support/loops/until';

leakAudit();

const file = (name: string): string => path.join(certificates, name);
const serverSsl = identity('server');
const clientSsl = { ca: pem('ca.crt') };

function has(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const testOpenssl = has('openssl', 'version') ? test : test.skip;
const testCurl = has('curl', '--version') ? test : test.skip;
const testPython = has('python3', '-c', 'import asyncio, ssl') ? test : test.skip;

/** Collects what it receives; `ended` is done when the connection is lost. */
class Client {
  transport!: Transport;
  text = '';
  readonly ended: Future<Error | null>;
  constructor(
    private readonly loop: { createFuture<T>(): Future<T> },
    private readonly question = '',
  ) {
    this.ended = loop.createFuture<Error | null>();
  }
  connectionMade(transport: Transport): void {
    this.transport = transport;
    if (this.question !== '') transport.write(Buffer.from(this.question));
  }
  dataReceived(data: Buffer): void {
    this.text += data.toString('latin1');
  }
  connectionLost(error: Error | null): void {
    this.ended.setResult(error);
  }
}

/** Runs a command that ends by itself. @returns Its output. */
async function output(command: string, args: readonly string[], input = ''): Promise<string> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  child.stderr.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  await once(child, 'close');
  await quiet();
  return text;
}

/** Starts a command that listens, and waits until it says where. */
async function listening(command: string, args: readonly string[], said: RegExp): Promise<[ChildProcess, number]> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  const port = await new Promise<number>((resolve) => {
    child.stdout.setEncoding('latin1').on('data', (piece: string) => {
      text += piece;
      const match = said.exec(text);
      if (match !== null) resolve(Number(match[1]));
    });
  });
  return [child, port];
}

async function killed(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'close');
  await quiet();
}

const connectTo = (loop: TaskLoop<never>, port: number, client: Client, options: object = {}) =>
  createConnection(loop, () => client, '127.0.0.1', port, { ssl: clientSsl, serverHostname: 'localhost', ...options });

eachBackend(({ inLoop, dial }) => {
  test(
    'SERVER-11 UNIX-14 ssl must be a context; a timeout needs it',
    inLoop(async ({ loop }) => {
      const factory = () => new Echo();
      for (const ssl of [true, false, 'yes', 1]) {
        await expect(createServer(loop, factory, '127.0.0.1', 0, { ssl: ssl as never })).rejects.toBeInstanceOf(
          TypeError,
        );
        await expect(createUnixServer(loop, factory, '/tmp/never', { ssl: ssl as never })).rejects.toBeInstanceOf(
          TypeError,
        );
      }
      for (const options of [
        { sslHandshakeTimeout: 1 },
        { sslShutdownTimeout: 1 },
        { ssl: serverSsl, sslHandshakeTimeout: 0 },
      ]) {
        await expect(createServer(loop, factory, '127.0.0.1', 0, options)).rejects.toBeInstanceOf(ValueError);
        await expect(createUnixServer(loop, factory, '/tmp/never', options)).rejects.toBeInstanceOf(ValueError);
      }
      const bad = { cert: 'no certificate', key: serverSsl.key };
      await expect(createServer(loop, factory, '127.0.0.1', 0, { ssl: bad })).rejects.toMatchObject({
        code: 'ERR_OSSL_PEM_NO_START_LINE',
      });
    }),
  );

  test(
    'TLS-03 SERVER-22 the factory at accept, made after the handshake; counted from accept to lost',
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const factory = () => {
        events.push('factory');
        return new Echo(events);
      };
      const server = await createServer(loop, factory, '127.0.0.1', 0, { ssl: serverSsl });
      const silent = dial(addressOf(server));
      await until(() => events.length === 1);
      await iterations(5);
      expect(events).toEqual(['factory']);
      const client = new Client(loop, 'hello');
      await connectTo(loop as never, addressOf(server)[1], client);
      await until(() => client.text === 'hello');
      expect(events).toEqual(['factory', 'factory', 'made', 'data 5']);
      server.close();
      let isOver = false;
      const waiting = loop.createTask(async () => {
        await server.waitClosed();
        isOver = true;
        events.push('closed');
      });
      client.transport.close();
      await client.ended;
      await iterations(5);
      expect(isOver).toBe(false); // the silent one is in its handshake
      silent.close();
      await waiting;
      expect(events).toEqual(['factory', 'factory', 'made', 'data 5', 'lost null', 'closed']);
    }),
  );

  test(
    'TLS-06 a client that rejects the certificate: nobody is told, but in debug mode',
    inLoop(async ({ loop, reports }) => {
      const events: string[] = [];
      const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0, { ssl: serverSsl });
      const refuse = () =>
        expect(
          connectTo(loop as never, addressOf(server)[1], new Client(loop), { serverHostname: 'wrong.test' }),
        ).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      await refuse();
      await iterations(10);
      expect([events, reports]).toEqual([[], []]);
      loop.setDebug(true);
      await refuse();
      await until(() => reports.length > 0);
      loop.setDebug(false);
      expect(reports.splice(0)).toMatchObject([
        { message: expect.stringContaining('incoming connection'), exception: { code: 'ECONNRESET' } },
      ]);
      expect(events).toEqual([]);
      server.close();
    }),
  );

  test(
    'UNIX-07 over a Unix socket the certificate is verified by the name given, and the extra information is that of TCP',
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const name = `\0tsyncio-tls-${process.pid}-${Math.random()}`;
      const server = await createUnixServer(loop, () => new Echo(events), name, { ssl: serverSsl });
      const connect = (client: Client, serverHostname: string) =>
        createUnixConnection(loop, () => client, name, { ssl: clientSsl, serverHostname });
      const wrong = new Client(loop, 'never');
      await expect(connect(wrong, 'wrong.test')).rejects.toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      expect(wrong.transport).toBeUndefined();
      const client = new Client(loop, 'hello');
      const [transport] = await connect(client, 'localhost');
      await until(() => client.text === 'hello');
      expect(transport.getExtraInfo('peercert')).toMatchObject({ subject: { CN: 'localhost' } });
      expect(transport.getExtraInfo('cipher')).toEqual([expect.any(String), 'TLSv1.3', expect.any(Number)]);
      expect(transport.getExtraInfo('sslObject')).toMatchObject({ version: 'TLSv1.3' });
      expect(transport.getExtraInfo('sslcontext')).toBe(clientSsl);
      expect(transport.getExtraInfo('compression', 'default')).toBe(null);
      expect([transport.getExtraInfo('peername'), transport.getExtraInfo('sockname')]).toEqual([name, '']);
      expect(transport.getExtraInfo('socket')!.family).toBe(AF_UNIX);
      transport.close();
      expect(await client.ended).toBe(null);
      server.close();
      await server.waitClosed();
      expect(events).toEqual(['made', 'data 5', 'lost null']);
    }),
  );

  test(
    'TLS-09 a client that stays silent is dropped',
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0, {
        ssl: serverSsl,
        sslHandshakeTimeout: 0.03,
      });
      const silent = dial(addressOf(server));
      await until(() => received(silent) === null);
      silent.close();
      expect(events).toEqual([]);
      server.close();
      await server.waitClosed();
    }),
  );

  test(
    'closing and aborting the clients of a server',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0, { ssl: serverSsl });
      for (const how of ['closeClients', 'abortClients'] as const) {
        const client = new Client(loop, 'hello');
        await connectTo(loop as never, addressOf(server)[1], client);
        await until(() => client.text === 'hello');
        server[how]();
        expect(await client.ended).toBe(null);
      }
      server.close();
      await server.waitClosed();
    }),
  );
});

test.each(['TLSv1.2', 'TLSv1.3'] as const)('Node as client of ours, and as server: %s', (version) =>
  inLoop(async ({ loop }) => {
    const limits = { minVersion: version, maxVersion: version };
    const size = 1_000_000;
    const ours = await createServer(loop, () => new Echo(), '127.0.0.1', 0, { ssl: serverSsl });
    const socket = tls.connect({
      port: addressOf(ours)[1],
      host: '127.0.0.1',
      servername: 'localhost',
      ...clientSsl,
      ...limits,
    });
    let got = 0;
    socket.on('data', (data) => (got += data.length));
    socket.write(Buffer.alloc(size, 'n'));
    await until(() => got === size);
    expect([socket.authorized, socket.getProtocol()]).toEqual([true, version]);
    const closed = once(socket, 'close');
    socket.end();
    await closed;
    ours.close();
    await ours.waitClosed();

    const theirs = tls.createServer({ ...serverSsl, ...limits }, (connection) => connection.pipe(connection));
    theirs.listen(0, '127.0.0.1');
    await once(theirs, 'listening');
    const client = new Client(loop, 'x'.repeat(size));
    await connectTo(loop as never, (theirs.address() as { port: number }).port, client);
    await until(() => client.text.length === size);
    expect(client.transport.getExtraInfo('sslObject')).toMatchObject({ version });
    client.transport.close();
    expect(await client.ended).toBe(null);
    theirs.close();
    await once(theirs, 'close');
    await quiet();
  })(),
);

test(
  'a session that Node resumes, with tickets of ours',
  inLoop(async ({ loop }) => {
    const resumed: unknown[] = [];
    class Asked extends Echo {
      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        resumed.push(transport.getExtraInfo('sslObject')!.sessionReused);
      }
    }
    const ssl = { ...serverSsl, ca: clientSsl.ca, requestCert: true };
    const server = await createServer(loop, () => new Asked(), '127.0.0.1', 0, { ssl });
    let session: Buffer | undefined;
    for (let i = 0; i < 2; i++) {
      const own = { cert: pem('client.crt'), key: pem('client.key') };
      const socket = tls.connect({
        port: addressOf(server)[1],
        host: '127.0.0.1',
        servername: 'localhost',
        ...clientSsl,
        ...own,
        session,
      });
      socket.on('session', (ticket) => (session = ticket));
      let text = '';
      socket.on('data', (data) => (text += String(data)));
      socket.write('hello');
      await until(() => text === 'hello' && session !== undefined);
      const closed = once(socket, 'close');
      socket.end();
      await closed;
    }
    expect(resumed).toEqual([false, true]);
    server.close();
    await server.waitClosed();
    await quiet();
  }),
);

/** Connects twice, the second time with the session of the first. @returns Whether each was a resumed one. */
async function twice(loop: TaskLoop<never>, port: number): Promise<boolean[]> {
  const reused: boolean[] = [];
  let session: Buffer | undefined;
  for (let i = 0; i < 2; i++) {
    const client = new Client(loop, 'hello');
    await connectTo(loop, port, client, { ssl: { ...clientSsl, session } });
    await until(() => client.text === 'hello');
    const info = client.transport.getExtraInfo('sslObject')!;
    reused.push(info.sessionReused);
    client.transport.close();
    await client.ended;
    session = info.session ?? undefined; // also after the end
  }
  return reused;
}

test(
  'a session that we resume: of a server of ours, and of one of Node',
  inLoop(async ({ loop }) => {
    const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0, { ssl: serverSsl });
    expect(await twice(loop as never, addressOf(server)[1])).toEqual([false, true]);
    server.close();
    await server.waitClosed();

    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const theirs = tls.createServer({ ...serverSsl, maxVersion: version }, (connection) => {
        connection.pipe(connection);
      });
      theirs.listen(0, '127.0.0.1');
      await once(theirs, 'listening');
      expect(await twice(loop as never, (theirs.address() as { port: number }).port)).toEqual([false, true]);
      theirs.close();
      await once(theirs, 'close');
    }
    await quiet();
  }),
);

test(
  'a secure context that Node uses as well',
  inLoop(async ({ loop }) => {
    const context = tls.createSecureContext({ ...serverSsl, ...clientSsl });
    const engines: unknown[] = [];
    class Asked extends Echo {
      override connectionMade(transport: Transport): void {
        super.connectionMade(transport);
        engines.push(transport.getExtraInfo('sslObject')!.engine);
      }
    }
    const server = await createServer(loop, () => new Asked(), '127.0.0.1', 0, { ssl: context });
    const first = new Client(loop, 'one');
    await connectTo(loop as never, addressOf(server)[1], first, { ssl: context });
    await until(() => first.text === 'one');
    // From here on, Node's callbacks are on the context.
    const socket = tls.connect({
      port: addressOf(server)[1],
      host: '127.0.0.1',
      servername: 'localhost',
      secureContext: context,
    });
    let text = '';
    socket.on('data', (data) => (text += String(data)));
    socket.write('two');
    await until(() => text === 'two');
    first.transport.write(Buffer.from(' more'));
    await until(() => first.text === 'one more');
    const last = new Client(loop, 'three');
    await connectTo(loop as never, addressOf(server)[1], last, { ssl: context });
    await until(() => last.text === 'three');
    expect(engines).toEqual(['openssl', 'node', 'node']);
    const closed = once(socket, 'close');
    socket.end();
    await closed;
    for (const each of [first, last]) {
      each.transport.close();
      await each.ended;
    }
    server.close();
    await server.waitClosed();
    await quiet();
  }),
);

testOpenssl(
  'openssl s_client against our server',
  inLoop(async ({ loop }) => {
    const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0, {
      ssl: { ...serverSsl, ALPNProtocols: ['http/1.1'] },
    });
    const address = `127.0.0.1:${addressOf(server)[1]}`;
    const common = [
      's_client',
      '-connect',
      address,
      '-CAfile',
      file('ca.crt'),
      '-verify_return_error',
      '-verify_hostname',
      'localhost',
      '-alpn',
      'h2,http/1.1',
      '-servername',
      'localhost',
    ];
    for (const version of ['-tls1_2', '-tls1_3']) {
      const child = spawn('openssl', [...common, version], { stdio: ['pipe', 'pipe', 'ignore'] });
      let text = '';
      child.stdout.setEncoding('latin1').on('data', (piece: string) => (text += piece));
      child.stdin.write('hello from openssl\n');
      await until(() => text.includes('hello from openssl'));
      expect(text).toContain('ALPN protocol: http/1.1');
      expect(text).toContain('Verify return code: 0 (ok)');
      child.stdin.end('Q\n');
      await once(child, 'close');
      await quiet();
    }
    server.close();
    await server.waitClosed();
  }),
  20_000,
);

testOpenssl(
  'openssl s_client cannot renegotiate',
  inLoop(async ({ loop }) => {
    const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0, {
      ssl: { ...serverSsl, maxVersion: 'TLSv1.2' },
    });
    const child = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${addressOf(server)[1]}`, '-tls1_2'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('latin1').on('data', (piece: string) => (text += piece));
    await until(() => text.includes('Verify return code'));
    child.stdin.write('R\n');
    await once(child, 'close');
    expect(text).toMatch(/no renegotiation/i);
    await quiet();
    server.close();
    await server.waitClosed();
  }),
  20_000,
);

testOpenssl(
  'our client against openssl s_server',
  inLoop(async ({ loop }) => {
    for (const version of ['-tls1_2', '-tls1_3']) {
      const args = [
        's_server',
        '-accept',
        '127.0.0.1:0',
        '-cert',
        file('server.crt'),
        '-key',
        file('server.key'),
        '-rev',
        version,
        '-Verify',
        '1',
        '-CAfile',
        file('ca.crt'),
        '-verify_return_error',
      ];
      const [child, port] = await listening('openssl', args, /ACCEPT .*:(\d+)/);
      const client = new Client(loop, 'desserts\n');
      const ssl = { ...clientSsl, cert: pem('client.crt'), key: pem('client.key') };
      await connectTo(loop as never, port, client, { ssl });
      await until(() => client.text === 'stressed\n');
      client.transport.close();
      await client.ended;
      await killed(child);
    }
  }),
  20_000,
);

testCurl(
  'curl over https',
  inLoop(async ({ loop }) => {
    class Http extends Echo {
      override dataReceived(): void {
        const body = 'x'.repeat(300_000);
        this.transport.write(
          Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`),
        );
        this.transport.close();
      }
    }
    const server = await createServer(loop, () => new Http(), '127.0.0.1', 0, { ssl: serverSsl });
    const port = addressOf(server)[1];
    const args = [
      '-sS',
      '--cacert',
      file('ca.crt'),
      '--resolve',
      `localhost:${port}:127.0.0.1`,
      `https://localhost:${port}/`,
    ];
    expect(await output('curl', args)).toBe('x'.repeat(300_000));
    server.close();
    await server.waitClosed();
  }),
  20_000,
);

const PYTHON = `
import asyncio, ssl, sys
role, port, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
async def client():
    context = ssl.create_default_context(cafile=folder + '/ca.crt')
    reader, writer = await asyncio.open_connection('127.0.0.1', port, ssl=context, server_hostname='localhost')
    writer.write(b'p' * 500000)
    got = await reader.readexactly(500000)
    print(got == b'p' * 500000, writer.get_extra_info('peercert')['subject'][-1][0][1])
    writer.close()
async def server():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder + '/server.crt', folder + '/server.key')
    async def handle(reader, writer):
        while True:
            data = await reader.read(65536)
            if not data: break
            writer.write(data)
            await writer.drain()
        writer.close()
    server = await asyncio.start_server(handle, '127.0.0.1', 0, ssl=context)
    print('port', server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(client() if role == 'client' else server())
`;

testPython(
  "Python's asyncio as client and as server",
  inLoop(async ({ loop }) => {
    const ours = await createServer(loop, () => new Echo(), '127.0.0.1', 0, { ssl: serverSsl });
    expect(await output('python3', ['-c', PYTHON, 'client', String(addressOf(ours)[1]), certificates])).toBe(
      'True localhost\n',
    );
    ours.close();
    await ours.waitClosed();
    const [child, port] = await listening('python3', ['-c', PYTHON, 'server', '0', certificates], /port (\d+)/);
    const client = new Client(loop, 'y'.repeat(500_000));
    await connectTo(loop as never, port, client);
    await until(() => client.text.length === 500_000);
    client.transport.close();
    expect(await client.ended).toBe(null);
    await killed(child);
  }),
  20_000,
);

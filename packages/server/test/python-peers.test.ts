import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';

import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { createServer } from '@tsyncio/server';
import type { Address } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { ca, certificates } from '@tsyncio/test-support/loops/certificates';
import { serverSsl } from '@tsyncio/test-support/loops/tls-pair';
import {
  createConnection,
  createDatagramEndpoint,
  type DatagramTransport,
  startTls,
  type Transport,
} from '@tsyncio/transports-protocols';

import { addressOf, inLoop } from './support/world.js';

leakAudit();

const hasPython = ((): boolean => {
  try {
    execFileSync('python3', ['-c', 'import asyncio, ssl'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const testPython = hasPython ? test : test.skip;
const fixture = (name: string): string => path.join(certificates, name);

/** Sizes of datagrams: an empty one too. */
const SIZES = [0, 1, 512, 9000, 60_000];

const UDP_CLIENT = `
import asyncio, sys
sizes = ${JSON.stringify(SIZES)}
class Client(asyncio.DatagramProtocol):
    def __init__(self): self.answers = asyncio.Queue()
    def datagram_received(self, data, address): self.answers.put_nowait(data)
async def main(port):
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(Client, remote_addr=('127.0.0.1', port))
    good = 0
    for size in sizes[1:]:
        question = bytes(i % 251 for i in range(size))
        transport.sendto(question)
        good += await protocol.answers.get() == question
    print(good, flush=True)
    transport.close()
asyncio.run(main(int(sys.argv[1])))
`;

testPython(
  'UDP: a client of Python asyncio gets back what it sends',
  inLoop(async ({ loop }) => {
    const lost = loop.createFuture<unknown>();
    const echo = {
      transport: null as DatagramTransport | null,
      connectionMade(transport: DatagramTransport) {
        this.transport = transport;
      },
      datagramReceived(data: Buffer, peer: Address | null) {
        this.transport!.sendto(data, peer);
      },
      connectionLost: (error: unknown) => lost.setResult(error),
    };
    const [transport] = await createDatagramEndpoint(loop, () => echo, { localAddr: ['127.0.0.1', 0] });
    const [, port] = transport.getExtraInfo('sockname') as [string, number];
    const python = spawn('python3', ['-c', UDP_CLIENT, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(await text(python.stdout)).toBe(`${SIZES.length - 1}\n`);
    if (python.exitCode === null) await once(python, 'close');
    transport.close();
    expect(await lost).toBeNull();
  }),
  30_000,
);

const UDP_SERVER = `
import asyncio, sys
class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, address): self.transport.sendto(data, address)
async def main():
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, local_addr=('127.0.0.1', 0))
    print(transport.get_extra_info('sockname')[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
`;

testPython(
  'UDP: a server of Python asyncio answers our client',
  inLoop(async ({ loop }) => {
    const python = spawn('python3', ['-c', UDP_SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(python.stdout, 'data')) as [Buffer];
    let answer: Future<Buffer>;
    const [transport] = await createDatagramEndpoint(
      loop,
      () => ({ datagramReceived: (data: Buffer) => answer.setResult(data) }),
      { remoteAddr: ['127.0.0.1', Number(line.toString())] },
    );
    // asyncio 3.8 sends no empty datagrams.
    for (const size of SIZES.slice(1)) {
      answer = loop.createFuture<Buffer>();
      const question = Buffer.alloc(size, 'question');
      transport.sendto(question);
      expect((await answer).equals(question)).toBe(true);
    }
    transport.close();
    python.stdin.end();
    await once(python, 'close');
  }),
  30_000,
);

/** As PostgreSQL does it: a request of eight bytes in clear, one byte as answer, and TLS from then on. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

const POSTGRES_CLIENT = `
import asyncio, ssl, sys
class Client(asyncio.Protocol):
    def __init__(self): self.data = asyncio.Queue()
    def data_received(self, data): self.data.put_nowait(data)
async def main(port):
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(Client, '127.0.0.1', port)
    transport.write(bytes(${JSON.stringify([...SSL_REQUEST])}))
    print((await protocol.data.get()).decode(), flush=True)
    context = ssl.create_default_context(cafile=${JSON.stringify(fixture('ca.crt'))})
    secure = await loop.start_tls(transport, protocol, context, server_hostname='localhost')
    secure.write(b'select 1')
    print((await protocol.data.get()).decode(), flush=True)
    secure.close()
asyncio.run(main(int(sys.argv[1])))
`;

/** A server's side: answers the request, and what comes in TLS. */
class PostgresServer {
  transport!: Transport;
  readonly lost: Future<unknown>;
  private asked = 0;
  /** The transport of TLS, once there is one: data may come before whoever waits for it goes on. */
  private secure: Future<Transport> | null = null;

  constructor(private readonly loop: TaskLoop<SelectorIo>) {
    this.lost = loop.createFuture<unknown>();
  }

  connectionMade(transport: Transport): void {
    this.transport = transport;
  }

  async dataReceived(data: Buffer): Promise<void> {
    if (this.secure !== null) {
      (await this.secure).write(Buffer.concat([Buffer.from('answer to '), data]));
      return;
    }
    this.asked += data.length;
    if (this.asked < SSL_REQUEST.length) return;
    this.secure = this.loop.createFuture<Transport>();
    this.transport.pauseReading(); // what comes now is of TLS
    this.transport.write(Buffer.from('S'));
    this.secure.setResult(await startTls(this.loop, this.transport, this, serverSsl, { serverSide: true }));
  }

  connectionLost(error: unknown): void {
    this.lost.setResult(error);
  }
}

testPython(
  'STARTTLS as PostgreSQL does it: a client of Python asyncio, our server',
  inLoop(async ({ loop }) => {
    const protocol = new PostgresServer(loop);
    const server = await createServer(loop, () => protocol, '127.0.0.1', 0);
    const port = String(addressOf(server)[1]);
    const python = spawn('python3', ['-c', POSTGRES_CLIENT, port], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(await text(python.stdout)).toBe('S\nanswer to select 1\n');
    if (python.exitCode === null) await once(python, 'close');
    await protocol.lost;
    server.close();
    await server.waitClosed();
  }),
  30_000,
);

const POSTGRES_SERVER = `
import asyncio, ssl, sys
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(${JSON.stringify(fixture('server.crt'))}, ${JSON.stringify(fixture('server.key'))})
class Server(asyncio.Protocol):
    secure = None # a task, because data may come before it goes on
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        loop = asyncio.get_running_loop()
        if self.secure is None:
            self.transport.pause_reading()
            self.transport.write(b'S')
            self.secure = loop.create_task(loop.start_tls(self.transport, self, context, server_side=True))
        else:
            self.secure.add_done_callback(lambda secure: secure.result().write(b'answer to ' + data))
async def main():
    server = await asyncio.get_running_loop().create_server(Server, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
`;

testPython(
  'STARTTLS as PostgreSQL does it: our client, a server of Python asyncio',
  inLoop(async ({ loop }) => {
    const python = spawn('python3', ['-c', POSTGRES_SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(python.stdout, 'data')) as [Buffer];
    let data = loop.createFuture<string>();
    const lost = loop.createFuture<unknown>();
    const protocol = {
      dataReceived: (bytes: Buffer) => data.setResult(String(bytes)),
      connectionLost: (error: unknown) => lost.setResult(error),
    };
    const [plain] = await createConnection(loop, () => protocol, '127.0.0.1', Number(line.toString()));
    plain.write(SSL_REQUEST);
    expect(await data).toBe('S');
    data = loop.createFuture<string>();
    const secure = await startTls(loop, plain, protocol, { ca }, { serverHostname: 'localhost' });
    secure.write(Buffer.from('select 2'));
    expect(await data).toBe('answer to select 2');
    secure.close();
    await lost;
    python.stdin.end();
    await once(python, 'close');
  }),
  30_000,
);

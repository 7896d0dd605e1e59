import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';

import { gather, type Future } from '@tsyncio/futures-tasks';
import { createServer, createUnixServer } from '@tsyncio/server';
import { leakAudit, quiet } from '@tsyncio/test-support';
import { certificates } from '@tsyncio/test-support/loops/certificates';
import { createConnection, createUnixConnection, type Transport } from '@tsyncio/transports-protocols';

import { addressOf, Echo, inLoop } from './support/world.js';

leakAudit();

function has(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const testPython = has('python3', '-c', 'import asyncio') ? test : test.skip;
const testSocat = has('socat', '-V') ? test : test.skip;
const testOpenssl = has('socat', '-V') && has('openssl', 'version') ? test : test.skip;

const tlsFile = (name: string): string => path.join(certificates, name);

const SIZES = [1, 2, 1000, 65_536, 65_537, 3_000_000];

/** Bytes that differ from place to place. */
function pattern(length: number, seed: number): Buffer {
  const data = Buffer.alloc(length);
  for (let i = 0; i < length; i++) data[i] = (i * 31 + (i >> 8) + seed) & 255;
  return data;
}

/** A client of ours that sends, ends its direction, and waits for the end of the answer. */
class Asking {
  readonly pieces: Buffer[] = [];
  readonly answer;
  constructor(
    loop: { createFuture<T>(): Future<T> },
    private readonly question: Buffer,
  ) {
    this.answer = loop.createFuture<Buffer>();
  }
  connectionMade(transport: Transport): void {
    transport.write(this.question);
    transport.writeEof();
  }
  dataReceived(data: Buffer): void {
    this.pieces.push(data);
  }
  connectionLost(error: Error | null): void {
    if (error === null) this.answer.setResult(Buffer.concat(this.pieces));
    else this.answer.setException(error);
  }
}

/** Echoes, and ends when the peer does. */
class HalfCloser extends Echo {
  eofReceived(): boolean {
    this.transport.close(); // sends what is left first
    return true;
  }
}

test(
  'clients of node:net get back what they send',
  inLoop(async ({ loop }) => {
    const server = await createServer(loop, () => new HalfCloser(), '127.0.0.1', 0);
    const [host, port] = addressOf(server);
    const ask = async (size: number, seed: number): Promise<void> => {
      const question = pattern(size, seed);
      const socket = net.connect(port, host);
      socket.end(question);
      const pieces: Buffer[] = [];
      socket.on('data', (data) => pieces.push(data));
      await once(socket, 'close');
      expect(Buffer.concat(pieces).equals(question)).toBe(true);
    };
    await Promise.all(SIZES.flatMap((size) => [1, 2, 3].map((seed) => ask(size, seed))));
    server.close();
    await server.waitClosed();
  }),
);

test(
  'a server of node:net answers our clients, and its reset is an error of ours',
  inLoop(async ({ loop }) => {
    const server = net.createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    const answers = await gather(
      ...SIZES.map((size) => async () => {
        const question = pattern(size, size);
        const [, asking] = await createConnection(loop, () => new Asking(loop, question), '127.0.0.1', port);
        return (await asking.answer).equals(question);
      }),
    );
    expect(answers).toEqual(SIZES.map(() => true));

    // Not before data has come: a reset that overtakes the connect is an error of the connect.
    server.once('connection', (socket) => socket.once('data', () => socket.resetAndDestroy()));
    const [, reset] = await createConnection(loop, () => new Asking(loop, Buffer.from('x')), '127.0.0.1', port);
    await expect(reset.answer).rejects.toMatchObject({ name: 'ConnectionResetError' });
    server.close();
    await quiet();
  }),
);

const PYTHON_CLIENTS = `
import asyncio, sys
async def ask(port, size):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    question = bytes((i * 31 + size) & 255 for i in range(size))
    writer.write(question)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer == question
async def main(port):
    print(await asyncio.gather(*(ask(port, size) for size in (1, 1000, 65536, 300000) for _ in range(5))))
asyncio.run(main(int(sys.argv[1])))
`;

testPython(
  'clients of Python asyncio get back what they send',
  inLoop(async ({ loop }) => {
    const server = await createServer(loop, () => new HalfCloser(), '127.0.0.1', 0);
    const python = spawn('python3', ['-c', PYTHON_CLIENTS, String(addressOf(server)[1])], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = await text(python.stdout);
    if (python.exitCode === null) await once(python, 'close');
    expect(JSON.parse(output.toLowerCase())).toEqual(new Array(20).fill(true));
    server.close();
    await server.waitClosed();
  }),
  30_000,
);

const PYTHON_SERVER = `
import asyncio, sys
class Echo(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(data)
    def eof_received(self):
        self.transport.close()
        return True
async def main():
    server = await asyncio.get_running_loop().create_server(Echo, '127.0.0.1', 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
asyncio.run(main())
`;

testPython(
  'a server of Python asyncio answers our clients',
  inLoop(async ({ loop }) => {
    const python = spawn('python3', ['-c', PYTHON_SERVER], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [line] = (await once(python.stdout, 'data')) as [Buffer];
    const answers = await gather(
      ...SIZES.map((size) => async () => {
        const question = pattern(size, size);
        const factory = (): Asking => new Asking(loop, question);
        const [, asking] = await createConnection(loop, factory, '127.0.0.1', Number(line.toString()));
        return (await asking.answer).equals(question);
      }),
    );
    expect(answers).toEqual(SIZES.map(() => true));
    python.stdin.end();
    await once(python, 'close');
  }),
  30_000,
);

/** What socat gives back for a question, until the end. */
async function socat(question: Buffer, ...args: string[]): Promise<Buffer> {
  const child = spawn('socat', ['-t', '10', '-', ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  const closed = once(child, 'close');
  child.stdin.on('error', () => undefined);
  child.stdin.end(question);
  const answer = await buffer(child.stdout);
  await closed;
  await quiet();
  return answer;
}

testSocat(
  'socat as client over TCP and a Unix socket, and as server (skipped without socat)',
  inLoop(async ({ loop }) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-socat-'));
    const at = path.join(folder, 's');
    const question = pattern(1_000_000, 5);
    const tcp = await createServer(loop, () => new HalfCloser(), '127.0.0.1', 0);
    const unix = await createUnixServer(loop, () => new HalfCloser(), at);
    const [host, port] = addressOf(tcp);
    expect((await socat(question, `TCP:${host}:${port}`)).equals(question)).toBe(true);
    expect((await socat(question, `UNIX-CONNECT:${at}`)).equals(question)).toBe(true);
    for (const server of [tcp, unix]) {
      server.close();
      await server.waitClosed();
    }

    const theirs = path.join(folder, 't');
    const child = spawn('socat', ['-d', '-d', '-t', '10', `UNIX-LISTEN:${theirs}`, 'EXEC:cat'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await once(child.stderr, 'data'); // it listens
    while (!existsSync(theirs)) await quiet();
    const [, asking] = await createUnixConnection(loop, () => new Asking(loop, question), theirs);
    expect((await asking.answer).equals(question)).toBe(true);
    if (child.exitCode === null) await once(child, 'close');
    await quiet();
    rmSync(folder, { recursive: true });
  }),
  30_000,
);

testOpenssl(
  'socat as client over TLS (skipped without socat)',
  inLoop(async ({ loop }) => {
    const ssl = { cert: readFileSync(tlsFile('server.crt'), 'utf8'), key: readFileSync(tlsFile('server.key'), 'utf8') };
    const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0, { ssl });
    const question = pattern(100_000, 7);
    const target = `OPENSSL:127.0.0.1:${addressOf(server)[1]},cafile=${tlsFile('ca.crt')},commonname=localhost`;
    const child = spawn('socat', ['-t', '10', '-', target], { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.write(question); // no end: TLS has none for one direction
    const pieces: Buffer[] = [];
    for await (const piece of child.stdout as AsyncIterable<Buffer>) {
      pieces.push(piece);
      if (pieces.reduce((sum, { length }) => sum + length, 0) >= question.length) break;
    }
    expect(Buffer.concat(pieces).equals(question)).toBe(true);
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
    await quiet();
    server.abortClients();
    server.close();
    await server.waitClosed();
  }),
  30_000,
);

test(
  'our server and a hundred of our clients on one loop',
  inLoop(async ({ loop }) => {
    const server = await createServer(loop, () => new HalfCloser(), '127.0.0.1', 0);
    const [host, port] = addressOf(server);
    const answers = await gather(
      ...Array.from({ length: 100 }, (_, i) => async () => {
        const question = pattern(1 + i * 997, i);
        const [, asking] = await createConnection(loop, () => new Asking(loop, question), host, port);
        return (await asking.answer).equals(question);
      }),
    );
    expect(answers).toEqual(new Array(100).fill(true));
    server.close();
    await server.waitClosed();
  }),
);

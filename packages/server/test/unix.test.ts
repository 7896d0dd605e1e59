import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import { CancelledError } from '@tsyncio/core';
import type { Future, TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { createUnixServer, type Server } from '@tsyncio/server';
import { AF_INET, AF_UNIX, SOCK_DGRAM, SOCK_STREAM, Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { createUnixConnection, type ProtocolCallbacks, type Transport } from '@tsyncio/transports-protocols';

import { type Backend, eachBackend, Echo, inLoop, iterations, received, type World } from './support/world.js';
import { failure } from '@tsyncio/test-support/loops/failure';

const audit = leakAudit();
const factory = (): Echo => new Echo();

/** A test in a loop, with a folder for socket files. */
const withFolder =
  (inLoop: Backend['inLoop']) =>
  (body: (world: World & { path: (name: string) => string }) => Promise<void>): (() => Promise<void>) =>
    inLoop(async (world) => {
      const folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
      try {
        await body({ ...world, path: (name) => join(folder, name) });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

/** A client that waits for so many bytes. */
class Asking implements ProtocolCallbacks {
  transport!: Transport;
  readonly events: string[] = [];
  readonly answer: Future<string>;
  readonly lost: Future<void>;
  private text = '';

  constructor(
    loop: TaskLoop<SelectorIo>,
    private readonly bytes: number,
  ) {
    this.answer = loop.createFuture<string>();
    this.lost = loop.createFuture<void>();
  }
  connectionMade(transport: Transport): void {
    this.transport = transport;
    this.events.push('made');
  }
  dataReceived(data: Buffer): void {
    this.text += data.toString();
    if (this.text.length === this.bytes) this.answer.setResult(this.text);
  }
  connectionLost(error: Error | null): void {
    this.events.push(`lost ${error === null ? 'null' : error.name}`);
    this.lost.setResult(undefined);
  }
}

/** Sends 'hello' to a path and gets it back. */
async function greet(loop: TaskLoop<SelectorIo>, path: string | Uint8Array | URL): Promise<Asking> {
  const [transport, client] = await createUnixConnection(loop, () => new Asking(loop, 5), path);
  transport.write(Buffer.from('hello'));
  expect(await client.answer).toBe('hello');
  return client;
}

async function over(server: Server, ...clients: Asking[]): Promise<void> {
  server.close();
  for (const client of clients) {
    client.transport.close();
    await client.lost;
  }
  await server.waitClosed();
}

eachBackend(({ inLoop, pair, dial }) => {
  const inFolder = withFolder(inLoop);
  describe('connecting and serving', () => {
    test(
      'UNIX-01 UNIX-08 echo over a path, and what each side calls the other',
      inFolder(async ({ loop, path }) => {
        let theirs!: Transport;
        const echo = new Echo();
        echo.connectionMade = (transport) => {
          theirs = transport;
          Echo.prototype.connectionMade.call(echo, transport);
        };
        const server = await createUnixServer(loop, () => echo, path('s'));
        expect([server.sockets.length, server.isServing()]).toEqual([1, true]);
        const client = await greet(loop, path('s'));
        expect([client.transport.getExtraInfo('peername'), client.transport.getExtraInfo('sockname')]).toEqual([
          path('s'),
          '',
        ]);
        expect([theirs.getExtraInfo('peername'), theirs.getExtraInfo('sockname')]).toEqual(['', path('s')]);
        expect(client.events).toEqual(['made']);
        await over(server, client);
        expect(client.events).toEqual(['made', 'lost null']);
      }),
    );

    test(
      'UNIX-02 paths are strings, bytes and URLs; a leading NUL is an abstract name',
      inFolder(async ({ loop, path }) => {
        const abstract = `\0tsyncio-${process.pid}-${Math.random()}`;
        for (const [serving, connecting] of [
          [path('a'), Buffer.from(path('a'))],
          [Buffer.from(path('b')), pathToFileURL(path('b'))],
          [pathToFileURL(path('c')), path('c')],
          [abstract, Buffer.from(abstract)],
          [new Uint8Array(Buffer.from(`${abstract}2`)), `${abstract}2`],
        ] as const) {
          const server = await createUnixServer(loop, factory, serving);
          await over(server, await greet(loop, connecting));
        }
      }),
    );

    test(
      'UNIX-03 a missing path is ENOENT, one without listener ECONNREFUSED',
      inFolder(async ({ loop, path }) => {
        const missing = await failure(createUnixConnection(loop, factory, path('none')));
        expect(missing).toMatchObject({ name: 'FileNotFoundError', code: 'ENOENT', address: path('none') });
        using idle = new Socket(AF_UNIX, SOCK_STREAM);
        idle.bind(path('idle'));
        writeFileSync(path('file'), '');
        for (const name of ['idle', 'file']) {
          const error = await failure(createUnixConnection(loop, factory, path(name)));
          expect(error).toMatchObject({ name: 'ConnectionRefusedError', code: 'ECONNREFUSED' });
        }
      }),
    );

    test(
      'UNIX-03 cancelled while the factory is still to be called, the socket is closed',
      inFolder(async ({ loop, path }) => {
        const server = await createUnixServer(loop, factory, path('s'));
        const protocol = new Asking(loop, 1);
        const task = loop.createTask(() => createUnixConnection(loop, () => protocol, path('s')));
        await iterations(1);
        task.cancel();
        expect(await failure(task)).toBeInstanceOf(CancelledError);
        await protocol.lost;
        await over(server);
      }),
    );

    test(
      'UNIX-04 UNIX-13 UNIX-14 path or sock, one of them',
      inFolder(async ({ loop, path }) => {
        const [a, b] = socketpair();
        for (const create of [createUnixConnection, createUnixServer] as const) {
          expect(await failure(create(loop, factory, null))).toMatchObject({ name: 'ValueError' });
          expect(await failure(create(loop, factory, path('s'), { sock: a }))).toMatchObject({ name: 'ValueError' });
          expect(await failure(create(loop, factory, 5 as never))).toBeInstanceOf(TypeError);
          expect(await failure(create(loop, 5 as never, path('s')))).toBeInstanceOf(TypeError);
          expect(await failure(create(loop, factory, path('s'), { mode: 1 } as never))).toBeInstanceOf(TypeError);
          expect(await failure(create(loop, factory, ''))).toMatchObject({ name: 'ValueError' });
        }
        expect(existsSync(path('s'))).toBe(false);
        a.close();
        b.close();
      }),
    );

    test(
      'UNIX-05 UNIX-14 sock must be a Unix stream socket, and stays open when it is not',
      inFolder(async ({ loop }) => {
        for (const sock of [new Socket(AF_INET, SOCK_STREAM), new Socket(AF_UNIX, SOCK_DGRAM)]) {
          for (const create of [createUnixConnection, createUnixServer] as const) {
            expect(await failure(create(loop, factory, null, { sock }))).toMatchObject({ name: 'ValueError' });
            expect(await failure(create(loop, factory, null, { sock: {} as never }))).toBeInstanceOf(TypeError);
          }
          expect(sock.closed).toBe(false);
          sock.close();
        }
      }),
    );

    test(
      'UNIX-05 UNIX-17 a connected socket is taken over, not connected again',
      inFolder(async ({ loop }) => {
        const [ours, peer] = pair();
        ours.setblocking(true);
        const [transport, client] = await createUnixConnection(loop, () => new Asking(loop, 2), null, { sock: ours });
        expect(ours.getblocking()).toBe(false);
        peer.send(Buffer.from('hi'));
        expect(await client.answer).toBe('hi');
        transport.close();
        await client.lost;
        peer.close();
      }),
    );

    test(
      'a bound socket is taken over and listened on',
      inFolder(async ({ loop, path }) => {
        const sock = new Socket(AF_UNIX, SOCK_STREAM);
        sock.bind(path('s'));
        const server = await createUnixServer(loop, factory, null, { sock, backlog: 5 });
        expect(server.sockets[0]!.fileno()).toBe(sock.fileno());
        await over(server, await greet(loop, path('s')));
        expect(sock.closed).toBe(true);
      }),
    );
  });

  describe('the socket file', () => {
    test(
      'UNIX-09 one that is there is removed, even under a live server',
      inFolder(async ({ loop, path }) => {
        const first = await createUnixServer(loop, () => new Echo(), path('s'));
        const { ino } = statSync(path('s'));
        const second = await createUnixServer(loop, factory, path('s'));
        expect(statSync(path('s')).ino === ino && first.isServing() && !second.isServing()).toBe(false);
        await over(second, await greet(loop, path('s')));
        await over(first);
      }),
    );

    test(
      'UNIX-10 anything else in the way is EADDRINUSE with the address in its text',
      inFolder(async ({ loop, path }) => {
        writeFileSync(path('file'), 'text');
        const error = await failure(createUnixServer(loop, factory, path('file')));
        expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: path('file') });
        expect(error.message).toContain(path('file'));
        expect(existsSync(path('file'))).toBe(true);
        const name = `\0tsyncio-${process.pid}-${Math.random()}`;
        const server = await createUnixServer(loop, factory, name);
        expect(await failure(createUnixServer(loop, factory, name))).toMatchObject({ code: 'EADDRINUSE' });
        await over(server);
      }),
    );

    test(
      'UNIX-11 what cannot be looked at is logged, and binding tried',
      inFolder(async ({ loop, path }) => {
        symlinkSync(path('loop'), path('loop'));
        expect(await failure(createUnixServer(loop, factory, path('loop')))).toMatchObject({ code: 'EADDRINUSE' });
        expect(audit.takeRecords().map(({ level, message }) => [level, message.includes('stale UNIX socket')])).toEqual(
          [['error', true]],
        );
      }),
    );

    test(
      'UNIX-12 a missing folder is ENOENT, a path that is too long ENAMETOOLONG, a folder without rights EACCES',
      inFolder(async ({ loop, path }) => {
        expect(await failure(createUnixServer(loop, factory, path('no/s')))).toMatchObject({ code: 'ENOENT' });
        for (const create of [createUnixConnection, createUnixServer] as const) {
          const error = await failure(create(loop, factory, path('x'.repeat(200))));
          expect(error).toMatchObject({ name: 'OSError', code: 'ENAMETOOLONG' });
        }
        if (process.getuid?.() !== 0) {
          chmodSync(path('.'), 0o500);
          expect(await failure(createUnixServer(loop, factory, path('s')))).toMatchObject({ code: 'EACCES' });
          chmodSync(path('.'), 0o700);
        }
      }),
    );

    test(
      'UNIX-15 UNIX-16 it stays when the server closes; connecting is refused then',
      inFolder(async ({ loop, path }) => {
        await using server = await createUnixServer(loop, factory, path('s'), { startServing: false });
        expect(await failure(createUnixConnection(loop, factory, path('s')))).toMatchObject({ code: 'ECONNREFUSED' });
        expect(server.isServing()).toBe(false);
        await server.startServing();
        const client = await greet(loop, path('s'));
        await over(server, client);
        expect(existsSync(path('s'))).toBe(true);
        expect(await failure(createUnixConnection(loop, factory, path('s')))).toMatchObject({ code: 'ECONNREFUSED' });
      }),
    );

    test(
      'cleanupSocket: the file goes when the server closes, but not one that has taken its place',
      inFolder(async ({ loop, path }) => {
        const server = await createUnixServer(loop, factory, path('s'), { cleanupSocket: true });
        const client = await greet(loop, path('s'));
        server.close();
        expect(existsSync(path('s'))).toBe(false);
        await over(server, client);
        const first = await createUnixServer(loop, factory, Buffer.from(path('s')), { cleanupSocket: true });
        const second = await createUnixServer(loop, factory, pathToFileURL(path('s')), { cleanupSocket: true });
        first.close();
        expect(existsSync(path('s'))).toBe(true);
        rmSync(path('s'));
        second.close(); // nothing to remove, and nothing is said
        const abstract = await createUnixServer(loop, factory, `\0${path('s')}`, { cleanupSocket: true });
        abstract.close();
        for (const options of [{ cleanupSocket: true, sock: new Socket(AF_UNIX) }, { cleanupSocket: 1 as never }]) {
          const error = await failure(
            createUnixServer(loop, factory, options.sock === undefined ? path('t') : null, options),
          );
          expect(error.message).toContain('cleanupSocket');
          options.sock?.close();
        }
        expect(existsSync(path('t'))).toBe(false);
      }),
    );

    test(
      'UNIX-16 serveForever ends with its task, and closes the server',
      inFolder(async ({ loop, path }) => {
        const server = await createUnixServer(loop, factory, path('s'), { startServing: false });
        const task = loop.createTask(() => server.serveForever());
        await iterations(2);
        const client = await greet(loop, path('s'));
        task.cancel();
        expect(await failure(task)).toBeInstanceOf(CancelledError);
        expect(server.isServing()).toBe(false);
        await over(server, client);
      }),
    );
  });

  describe('clients of a server', () => {
    test(
      'closeClients sends what is buffered and closes them; the server goes on',
      inFolder(async ({ loop, path }) => {
        const data = Buffer.alloc(3_000_000, 'x');
        const server = await createUnixServer(
          loop,
          () => ({ connectionMade: (transport: Transport) => transport.write(data) }),
          path('s'),
        );
        const clients: Asking[] = [];
        for (let i = 0; i < 3; i++) {
          clients.push((await createUnixConnection(loop, () => new Asking(loop, data.length), path('s')))[1]);
        }
        await iterations(3);
        server.closeClients();
        server.closeClients();
        for (const client of clients) {
          expect((await client.answer).length).toBe(data.length);
          await client.lost;
          expect(client.events).toEqual(['made', 'lost null']);
        }
        expect(server.isServing()).toBe(true);
        await over(server);
        server.closeClients();
        server.abortClients();
      }),
    );

    test(
      'abortClients closes them at once',
      inFolder(async ({ loop, path }) => {
        const server = await createUnixServer(
          loop,
          () => ({ connectionMade: (transport: Transport) => transport.write(Buffer.alloc(3_000_000)) }),
          path('s'),
        );
        const [, client] = await createUnixConnection(loop, () => new Asking(loop, 3_000_000), path('s'));
        client.transport.pauseReading();
        await iterations(2);
        server.abortClients();
        server.close();
        await server.waitClosed();
        client.transport.resumeReading();
        await client.lost;
        expect(client.answer.done()).toBe(false);
      }),
    );
  });

  test(
    'a client that is used by hand',
    inFolder(async ({ loop, path }) => {
      const server = await createUnixServer(loop, factory, path('s'));
      const client = dial(path('s'));
      client.send(Buffer.from('by hand'));
      while (received(client) !== 'by hand') await iterations(1);
      client.close();
      await over(server);
    }),
  );
});

describe('peers', () => {
  const inFolder = withFolder(inLoop);
  const has = (command: string, ...args: string[]): boolean => {
    try {
      execFileSync(command, args, { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  const testPython = has('python3', '-c', 'import asyncio') ? test : test.skip;
  const testCurl = has('curl', '--version') ? test : test.skip;

  testPython(
    "UNIX-01 a client of Python's asyncio (skipped without python3)",
    inFolder(async ({ loop, path }) => {
      const server = await createUnixServer(loop, factory, path('s'));
      const program = `
import asyncio, sys
async def main():
    reader, writer = await asyncio.open_unix_connection(sys.argv[1])
    writer.write(b'x' * 1000000)
    writer.write_eof()
    print(len(await reader.readexactly(1000000)))
asyncio.run(main())`;
      const { stdout } = await promisify(execFile)('python3', ['-c', program, path('s')]);
      expect(stdout.trim()).toBe('1000000');
      await over(server);
    }),
  );

  testPython(
    "UNIX-01 a server of Python's asyncio (skipped without python3)",
    inFolder(async ({ loop, path }) => {
      const program = `
import asyncio, sys
async def serve(reader, writer):
    writer.write(await reader.readexactly(5))
    writer.close()
async def main():
    server = await asyncio.start_unix_server(serve, sys.argv[1])
    print('ready', flush=True)
    await server.serve_forever()
asyncio.run(main())`;
      const python = spawn('python3', ['-c', program, path('s')], { stdio: ['ignore', 'pipe', 'inherit'] });
      try {
        await once(python.stdout, 'data');
        const client = await greet(loop, path('s'));
        await client.lost;
        expect(client.events).toEqual(['made', 'lost null']);
      } finally {
        python.kill('SIGKILL');
        await once(python, 'exit');
      }
    }),
  );

  testCurl(
    'UNIX-08 curl --unix-socket (skipped without curl)',
    inFolder(async ({ loop, path }) => {
      const answer = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello');
      let transport!: Transport;
      const server = await createUnixServer(
        loop,
        () => ({
          connectionMade: (made: Transport) => (transport = made),
          dataReceived: () => {
            transport.write(answer);
            transport.close();
          },
        }),
        path('s'),
      );
      const { stdout } = await promisify(execFile)('curl', ['-s', '--unix-socket', path('s'), 'http://localhost/']);
      expect(stdout).toBe('hello');
      await over(server);
    }),
  );
});

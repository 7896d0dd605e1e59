import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CancelledError, ConnectionRefusedError, FileNotFoundError, RuntimeError, ValueError } from '@tsyncio/core';
import { currentTask, gather, sleep, TaskLoop, waitFor, type Operation } from '@tsyncio/futures-tasks';
import { createServer, Server } from '@tsyncio/server';
import type { InetAddress } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { createConnection } from '@tsyncio/transports-protocols';
import {
  openConnection,
  openUnixConnection,
  startServer,
  startUnixServer,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  type StreamPair,
} from '@tsyncio/streams';

import { bytes, defaultBackend, drain, eachBackend, iterations, outcome, rejection } from './support/world.js';

const { takeRecords } = leakAudit();

/** Echoes lines until the end, then closes. */
async function echo(reader: StreamReader, writer: StreamWriter): Promise<void> {
  for await (const line of reader) {
    writer.write(line);
    await writer.drain();
  }
  writer.close();
}

const addressOf = (server: Server): InetAddress => server.sockets[0]!.getsockname() as InetAddress;

async function bye(...writers: StreamWriter[]): Promise<void> {
  for (const writer of writers) writer.close();
  for (const writer of writers) await writer.waitClosed();
}

eachBackend(({ inLoop, listen, dial, pair }) => {
  test(
    'STREAM-01 STREAM-04 STREAM-06 a client and a server talk by lines',
    inLoop(async ({ loop }) => {
      const calls: unknown[][] = [];
      const server = await startServer(
        (...args) => {
          calls.push(args);
          return echo(...args);
        },
        { sock: listen() },
      );
      expect(server).toBeInstanceOf(Server);
      expect(server.isServing()).toBe(true);
      // Over a socket that is connected: a backend in memory has no names.
      const [reader, writer] = await openConnection({ sock: dial(addressOf(server)) });
      writer.write(bytes('one\ntwo\n'));
      expect(await outcome(reader.readline())).toBe('one\n');
      writer.writelines([bytes('thr'), bytes('ee')]);
      writer.writeEof();
      expect(await outcome(reader.read())).toBe('two\nthree');
      await bye(writer);
      expect(calls).toHaveLength(1);
      expect(calls[0]!.map((each) => (each as object).constructor)).toEqual([StreamReader, StreamWriter]);
      server.close();
      await server.waitClosed();
      expect(loop.isRunning()).toBe(true);
    }),
  );

  test(
    'STREAM-03 STREAM-08 the limit is that of every reader; one that is none drops the connections',
    inLoop(async () => {
      const [ours, peer] = pair();
      for (const limit of [0, -1]) {
        expect(await rejection(openConnection({ sock: ours, limit }))).toEqual(new ValueError('Limit cannot be <= 0'));
      }
      const [reader, writer] = await openConnection({ sock: ours, limit: 5 });
      expect(reader.limit).toBe(5);
      peer.close();
      await bye(writer);

      let limit = 0;
      const accepted = async (each: StreamReader, its: StreamWriter): Promise<void> => {
        limit = each.limit;
        its.close();
      };
      const good = await startServer(accepted, { sock: listen(), limit: 9 });
      const [end, client] = await openConnection({ sock: dial(addressOf(good)) });
      expect(await outcome(end.read())).toBe('');
      expect(limit).toBe(9);
      await bye(client);
      good.close();
      const bad = await startServer(accepted, { sock: listen(), limit: 0 });
      const [nothing, dropped] = await openConnection({ sock: dial(addressOf(bad)) });
      expect(await outcome(nothing.read())).toBe('');
      await bye(dropped);
      bad.close();
    }),
  );

  test(
    'STREAM-07 clients are served concurrently, each by a task of its own',
    inLoop(async ({ loop }) => {
      const gate = loop.createFuture<void>();
      const tasks = new Set<unknown>();
      const serve = async (_reader: StreamReader, writer: StreamWriter): Promise<void> => {
        tasks.add(currentTask());
        if (tasks.size === 2) gate.setResult();
        await gate;
        writer.close();
      };
      const server = await startServer(serve, { sock: listen() });
      const ask = async (): Promise<string | Error> => {
        const [reader, writer] = await openConnection({ sock: dial(addressOf(server)) });
        const answer = await outcome(reader.read());
        await bye(writer);
        return answer;
      };
      expect(await gather(ask(), ask())).toEqual(['', '']);
      expect(tasks.size).toBe(2);
      server.close();
    }),
  );

  test(
    'STREAM-07 any kind of function: plain, wrapped, generator',
    inLoop(async ({ loop }) => {
      const plain = (_reader: StreamReader, writer: StreamWriter): string => {
        writer.write(bytes('plain\n'));
        writer.close();
        return 'ignored';
      };
      const wrapped = (_reader: StreamReader, writer: StreamWriter): Promise<void> =>
        (async () => {
          expect(currentTask()).not.toBeNull();
          await waitFor(sleep(0), 10);
          plain(_reader, writer);
        })();
      function* generator(reader: StreamReader, writer: StreamWriter): Generator<unknown, void, unknown> {
        const line: Buffer = yield* reader.readline();
        expect(line.toString()).toBe('ask\n');
        plain(reader, writer);
      }
      const inTask = (_reader: StreamReader, writer: StreamWriter): unknown =>
        loop.createTask(async () => plain(_reader, writer));
      for (const callback of [plain, wrapped, generator, inTask]) {
        const server = await startServer(callback, { sock: listen() });
        const [reader, writer] = await openConnection({ sock: dial(addressOf(server)) });
        // Closed with something unread, a connection is reset.
        if (callback === generator) writer.write(bytes('ask\n'));
        expect(await outcome(reader.readline())).toBe('plain\n');
        await bye(writer);
        server.close();
        await server.waitClosed();
      }
    }),
  );

  test(
    'STREAM-09 a callback that fails is reported, and its connection closed (as since Python 3.12)',
    inLoop(async ({ reports }) => {
      const error = new Error('handler');
      let its!: StreamWriter;
      const server = await startServer(
        async (reader, writer) => {
          its = writer;
          await reader.readline();
          throw error;
        },
        { sock: listen() },
      );
      const [reader, writer] = await openConnection({ sock: dial(addressOf(server)) });
      writer.write(bytes('go\n'));
      expect(await outcome(reader.read())).toBe('');
      await bye(writer);
      const [report, ...others] = reports.splice(0);
      expect([report!.message, others]).toEqual(['Unhandled exception in client_connected_cb', []]);
      expect(report!.exception).toBe(error);
      expect(report!['transport']).toBe(its.transport);
      server.close();
    }),
  );

  test(
    'a callback that is cancelled closes its connection, without a report',
    inLoop(async () => {
      const server = await startServer(
        async () => {
          currentTask()!.cancel();
          await sleep(10);
        },
        { sock: listen() },
      );
      const [reader, writer] = await openConnection({ sock: dial(addressOf(server)) });
      expect(await outcome(reader.read())).toBe('');
      await bye(writer);
      server.close();
    }),
  );

  test(
    'STREAM-10 STREAM-11 a plain callback that throws, or returns, leaves the connection open',
    inLoop(async ({ reports }) => {
      const error = new Error('plain');
      const kept: StreamPair[] = [];
      const server = await startServer(
        (reader, writer) => {
          kept.push([reader, writer]);
          if (kept.length === 1) throw error;
        },
        { sock: listen() },
      );
      const clients: StreamPair[] = [];
      for (let i = 0; i < 2; i++) {
        clients.push(await openConnection({ sock: dial(addressOf(server)) }));
        while (kept.length <= i) await sleep(0.001);
      }
      const [report, ...others] = reports.splice(0);
      expect(others).toEqual([]);
      expect(report!.exception).toBe(error);
      expect(report!['transport']).toBe(kept[0]![1].transport);
      server.close();
      await iterations(5);
      for (let i = 0; i < 2; i++) {
        const [reader, writer] = clients[i]!;
        writer.write(bytes('still?\n'));
        expect(await outcome(kept[i]![0].readline())).toBe('still?\n');
        kept[i]![1].write(bytes('yes\n'));
        expect(await outcome(reader.readline())).toBe('yes\n');
      }
      await bye(...[...clients, ...kept].map(([, writer]) => writer));
      await server.waitClosed();
    }),
  );

  test(
    'STREAM-20 STREAM-22 a reader that is not read from stops its peer, and loses nothing',
    inLoop(async () => {
      const [ours, peer] = pair();
      const [reader, writer] = await openConnection({ sock: ours, limit: 1000 });
      const sent = Buffer.alloc(3_000_000, 'abcdefg');
      let at = 0;
      const send = (): void => {
        try {
          while (at < sent.length) at += peer.send(sent.subarray(at, at + 65_536));
        } catch (error) {
          expect(error).toMatchObject({ code: 'EAGAIN' });
        }
      };
      for (let i = 0; i < 20; i++) {
        send();
        await sleep(0);
      }
      expect(String(reader)).toMatch(/ paused>$/);
      expect(at).toBeLessThan(sent.length);
      const first = await reader.readexactly(10);
      const pieces = [first];
      for (let got = 10; got < sent.length;) {
        send();
        const piece = await reader.read(100_000);
        got += piece.length;
        pieces.push(piece);
      }
      expect(Buffer.concat(pieces).equals(sent)).toBe(true);
      await bye(writer);
      peer.close();
    }),
  );
});

const { inLoop, listen, dial, pair } = defaultBackend;

describe('over real networks', () => {
  test(
    'STREAM-01 STREAM-04 by host and port, with the options of the methods of the loop',
    inLoop(async () => {
      const server = await startServer(echo, '127.0.0.1', 0, { backlog: 5, startServing: false });
      expect(server.isServing()).toBe(false);
      const [host, port] = addressOf(server);
      expect(await rejection(openConnection(host, port))).toBeInstanceOf(ConnectionRefusedError);
      await server.startServing();
      const [reader, writer] = await openConnection('localhost', port, { family: 2, localAddr: ['127.0.0.2', 0] });
      expect(writer.getExtraInfo('sockname')).toMatchObject(['127.0.0.2', expect.any(Number)]);
      expect(writer.getExtraInfo('peername')).toEqual(['127.0.0.1', port]);
      writer.write(bytes('hello\n'));
      expect(await outcome(reader.readline())).toBe('hello\n');
      await bye(writer);
      server.close();
      await server.waitClosed();
    }),
  );

  test(
    'STREAM-01 STREAM-03 errors come out unchanged; a limit that is none before anything is tried',
    inLoop(async () => {
      expect(await rejection((openConnection as () => Operation<unknown>)())).toBeInstanceOf(ValueError);
      expect(await rejection(openConnection(null, null))).toBeInstanceOf(ValueError);
      expect(await rejection(openConnection('127.0.0.1', 1))).toBeInstanceOf(ConnectionRefusedError);
      expect(await rejection(openConnection('127.0.0.1', 1, { limit: 0 }))).toBeInstanceOf(ValueError);
      const unknown = { loop: null } as object;
      expect(await rejection(openConnection('127.0.0.1', 1, unknown))).toBeInstanceOf(TypeError);
      expect(await rejection(startServer(echo, '127.0.0.1', 0, unknown))).toBeInstanceOf(TypeError);
      expect(await rejection(startServer(echo, null, null))).toBeInstanceOf(ValueError);
      expect(await rejection(startServer(null as never, '127.0.0.1', 0))).toBeInstanceOf(TypeError);
    }),
  );

  test(
    'STREAM-02 STREAM-05 over a Unix socket',
    inLoop(async () => {
      const folder = mkdtempSync(join(tmpdir(), 'streams-'));
      try {
        const path = join(folder, 'socket');
        expect(await rejection(openUnixConnection(path))).toBeInstanceOf(FileNotFoundError);
        expect(await rejection(openUnixConnection(null))).toBeInstanceOf(ValueError);
        expect(await rejection(startUnixServer(echo, null))).toBeInstanceOf(ValueError);
        expect(await rejection(openUnixConnection(path, { limit: -1 }))).toBeInstanceOf(ValueError);
        const server = await startUnixServer(echo, path, { limit: 50 });
        const [reader, writer] = await openUnixConnection(path, { limit: 60 });
        expect(reader.limit).toBe(60);
        writer.write(bytes('hello\n'));
        expect(await outcome(reader.readline())).toBe('hello\n');
        await bye(writer);
        server.close();
        await server.waitClosed();
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );

  test(
    'a connection that is not waited for, and one that is cancelled',
    inLoop(async ({ loop }) => {
      using listener = listen();
      const opening = loop.createTask(() => openConnection({ sock: dial(listener.getsockname() as InetAddress) }));
      await sleep(0);
      opening.cancel();
      expect(await rejection(opening)).toBeInstanceOf(CancelledError);
      await iterations(3);
    }),
  );

  test(
    'the methods of a loop are asked, if its class has them',
    inLoop(async ({ loop }) => {
      const calls: string[] = [];
      const own = loop as unknown as Record<string, unknown>;
      own['createConnection'] = async (...args: [never, never]) => {
        calls.push('createConnection');
        return createConnection(loop, ...args);
      };
      own['createServer'] = (...args: [never, never, never]) => {
        calls.push('createServer');
        return createServer(loop, ...(args as unknown as [never, never]));
      };
      const server = await startServer(echo, { sock: listen() });
      const [reader, writer] = await openConnection({ sock: dial(addressOf(server)) });
      writer.writeEof();
      expect(await outcome(reader.read())).toBe('');
      expect(calls).toEqual(['createServer', 'createConnection']);
      await bye(writer);
      server.close();
    }),
  );

  test('without a loop, and with one that has no sockets', async () => {
    for (const start of [() => openConnection('127.0.0.1', 1), () => startServer(echo, '127.0.0.1', 0)]) {
      expect(await rejection(start())).toBeInstanceOf(RuntimeError);
    }
    const loop = new TaskLoop();
    await loop.runUntilComplete(async () => {
      const error = await rejection(openConnection('127.0.0.1', 1));
      expect([error.name, error.message]).toEqual(['TypeError', expect.stringMatching(/has no sockets/)]);
      for (const start of [
        () => startServer(echo, '127.0.0.1', 0),
        () => openUnixConnection('/tmp/x'),
        () => startUnixServer(echo, '/tmp/x'),
      ]) {
        expect(await rejection(start())).toBeInstanceOf(TypeError);
      }
    });
    loop.close();
  });

  test(
    'STREAM-08 in debug mode a limit that is none is reported',
    inLoop(async ({ loop, reports }) => {
      const server = await startServer(echo, { sock: listen(), limit: -5 });
      loop.setDebug(true);
      const client = dial(addressOf(server));
      while (reports.length === 0) await sleep(0.001);
      loop.setDebug(false);
      expect(reports.splice(0).map(({ exception }) => exception)).toEqual([new ValueError('Limit cannot be <= 0')]);
      await iterations(2);
      expect(drain(client)).toBeNull();
      client.close();
      server.close();
      takeRecords();
    }),
  );

  test(
    'a transport of another protocol goes on with a stream, and pairs need no server',
    inLoop(async () => {
      const [ours, theirs] = pair();
      const [[reader, writer], [other, answer]] = await gather(
        () => openConnection({ sock: ours }),
        () => openConnection({ sock: theirs }),
      );
      writer.write(bytes('ping\n'));
      expect(await outcome(other.readline())).toBe('ping\n');
      answer.write(bytes('pong\n'));
      expect(await outcome(reader.readline())).toBe('pong\n');
      expect(writer.transport.getProtocol()).toBeInstanceOf(StreamReaderProtocol);
      await bye(writer, answer);
    }),
  );
});

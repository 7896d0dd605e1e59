import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

import { isOSError, NotImplementedError } from '@tsyncio/core';
import { gather, sleep } from '@tsyncio/futures-tasks';
import type { InetAddress } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { connectAcceptedSocket } from '@tsyncio/transports-protocols';
import {
  FlowControlMixin,
  openConnection,
  startServer,
  StreamReader,
  StreamReaderProtocol,
  StreamWriter,
  type StreamPair,
} from '@tsyncio/streams';

import { ca } from '@tsyncio/test-support/loops/certificates';
import { clientOptions, serverSsl } from '@tsyncio/test-support/loops/tls-pair';
import { bytes, defaultBackend, eachBackend, outcome, rejection, type World } from './support/world.js';

leakAudit();

const has = (command: string, ...args: string[]): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

async function bye(...writers: StreamWriter[]): Promise<void> {
  for (const writer of writers) writer.close();
  await gather(...writers.map((writer) => writer.waitClosed()));
}

eachBackend(({ inLoop, pair }) => {
  /** A stream in clear from the side that connects, and from the one that accepts. */
  const plainPair = async ({ loop }: World): Promise<[client: StreamPair, server: StreamPair]> => {
    const [ours, theirs] = pair();
    const accepted = loop.createFuture<StreamPair>();
    const factory = (): StreamReaderProtocol =>
      new StreamReaderProtocol(new StreamReader(), (...both) => accepted.setResult(both), loop);
    const [client] = await gather(openConnection({ sock: ours }), connectAcceptedSocket(loop, factory, theirs));
    return [client, await accepted];
  };

  test(
    'STREAM-12 STREAM-51 STREAM-59 the same over TLS',
    inLoop(async ({ loop }) => {
      const [ours, theirs] = pair();
      const accepted = loop.createFuture<StreamPair>();
      const factory = (): StreamReaderProtocol =>
        new StreamReaderProtocol(new StreamReader({ limit: 100 }), (...both) => accepted.setResult(both), loop);
      const [[reader, writer]] = await gather(
        openConnection({ sock: ours, ...clientOptions }),
        connectAcceptedSocket(loop, factory, theirs, { ssl: serverSsl }),
      );
      const [its, answer] = await accepted;
      writer.write(bytes('question\n'));
      expect(await outcome(its.readline())).toBe('question\n');
      const big = Buffer.alloc(500_000, 'answer ');
      const send = async (): Promise<void> => {
        answer.write(big);
        await answer.drain();
        answer.close();
      };
      const [got] = await gather(() => reader.read(), send);
      expect(got.equals(big)).toBe(true);
      expect([writer.canWriteEof(), reader.atEof()]).toEqual([false, true]);
      expect(() => writer.writeEof()).toThrow(NotImplementedError);
      expect(writer.getExtraInfo('sslObject')).not.toBeNull();
      // The end of the peer's direction is that of the connection.
      await gather(writer.waitClosed(), answer.waitClosed());
    }),
  );

  test(
    'startTls goes on over TLS with the same reader and writer',
    inLoop(async (world) => {
      const [[reader, writer], [its, answer]] = await plainPair(world);
      writer.write(bytes('STARTTLS\n'));
      expect(await outcome(its.readline())).toBe('STARTTLS\n');
      await gather(
        writer.startTls({ ca }, { serverHostname: 'localhost' }),
        answer.startTls(serverSsl, { sslHandshakeTimeout: 10 }),
      );
      expect(writer.getExtraInfo('sslObject')).not.toBeNull();
      expect(writer.transport.constructor.name).toBe('TlsTransport');
      writer.write(bytes('secret\n'));
      expect(await outcome(its.readline())).toBe('secret\n');
      answer.write(Buffer.alloc(400_000, 'x'));
      // Paused and resumed through the new transport.
      expect((await reader.readexactly(400_000)).length).toBe(400_000);
      expect(String(reader)).toContain('TlsTransport');
      // One direction alone cannot stay open: to say so would only be warned about.
      expect((answer.transport.getProtocol() as StreamReaderProtocol).eofReceived()).toBe(false);
      await bye(writer, answer);
    }),
  );

  test(
    'startTls: what the reader holds belongs to TLS, and is no plain text that passes for encrypted',
    inLoop(async (world) => {
      const [[, writer], [its, answer]] = await plainPair(world);
      // A client that does not wait for the answer: its hello comes with the command.
      writer.write(bytes('STARTTLS\n'));
      const starting = writer.startTls({ ca }, { serverHostname: 'localhost' });
      expect(await outcome(its.readline())).toBe('STARTTLS\n');
      while (!String(its).includes('bytes')) await sleep(0.001);
      await answer.startTls(serverSsl);
      await starting;
      writer.write(bytes('secret\n'));
      expect(await outcome(its.readline())).toBe('secret\n');
      await bye(writer, answer);

      // Whoever puts commands in front of the handshake breaks it.
      const [[, attacker], [victim, victims]] = await plainPair(world);
      attacker.write(bytes('STARTTLS\nMAIL FROM:<evil>\n'));
      expect(await outcome(victim.readline())).toBe('STARTTLS\n');
      const error = await rejection<Error & { code: string }>(victims.startTls(serverSsl));
      expect([isOSError(error), error.code]).toEqual([true, expect.stringMatching(/^ERR_SSL_/)]);
      expect(await rejection(victim.readline())).toBe(error);
      expect(await rejection(victims.waitClosed())).toBe(error);
      await bye(attacker);
    }),
  );

  test(
    'startTls: a wrong argument changes nothing',
    inLoop(async (world) => {
      const [[reader, writer], [its, answer]] = await plainPair(world);
      answer.write(bytes('plain '));
      while (!String(reader).includes('bytes')) await sleep(0.001);
      expect(await rejection(writer.startTls('cert' as never))).toBeInstanceOf(TypeError);
      for (const wrong of [{ serverHostname: 7 }, { unknown: 1 }]) {
        expect(await rejection(writer.startTls({ ca }, wrong as object))).toBeInstanceOf(TypeError);
      }
      answer.write(bytes('text\n'));
      expect(await outcome(reader.readline())).toBe('plain text\n');
      writer.close();
      await writer.waitClosed();
      expect(await outcome(its.read())).toBe('');
      await bye(answer);
    }),
  );

  test(
    'startTls: one that is cancelled ends the stream',
    inLoop(async (world) => {
      const [[reader, writer], [, answer]] = await plainPair(world);
      const task = world.loop.createTask(() => writer.startTls({ ca }));
      await sleep(0.001);
      task.cancel();
      expect(await rejection(task)).toMatchObject({ name: 'CancelledError' });
      expect(await outcome(reader.read())).toBe('');
      await writer.waitClosed();
      await bye(answer);
    }),
  );
});

const { inLoop } = defaultBackend;

test(
  'startTls needs the protocol of a stream',
  inLoop(async ({ loop }) => {
    const protocol = new FlowControlMixin(loop);
    const writer = new StreamWriter({} as never, protocol, null, loop);
    expect(await rejection(writer.startTls({ ca }))).toBeInstanceOf(TypeError);
  }),
);

/** As much of SMTP as it takes to go over to TLS. */
async function smtp(reader: StreamReader, writer: StreamWriter): Promise<void> {
  const say = (line: string): void => writer.write(bytes(`${line}\r\n`));
  say('220 localhost ESMTP');
  for await (const line of reader) {
    const command = line.toString().trim();
    if (command.startsWith('EHLO')) {
      say('250-localhost');
      say('250 STARTTLS');
    } else if (command === 'STARTTLS') {
      say('220 ready');
      await writer.startTls(serverSsl);
    } else if (command.startsWith('NOOP')) {
      say(`250 ${String(writer.getExtraInfo('cipher') !== null)}`);
    } else {
      say('221 bye');
      break;
    }
  }
  writer.close();
}

(has('openssl', 'version') ? test : test.skip)(
  'openssl s_client -starttls smtp against our server',
  inLoop(async () => {
    const server = await startServer(smtp, '127.0.0.1', 0);
    const [, port] = server.sockets[0]!.getsockname() as InetAddress;
    const options = ['-starttls', 'smtp', '-crlf', '-quiet', '-verify_quiet'];
    const openssl = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...options], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    openssl.stdin.write('NOOP\nBYE\n');
    const answer = await text(openssl.stdout);
    if (openssl.exitCode === null) await once(openssl, 'close');
    expect(answer).toContain('250 true\r\n221 bye\r\n');
    server.close();
    await server.waitClosed();
  }),
  30_000,
);

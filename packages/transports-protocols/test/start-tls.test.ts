import {
  ConnectionAbortedError,
  ConnectionResetError,
  isOSError,
  RuntimeError,
  TimeoutError,
  ValueError,
} from '@tsyncio/core';
import { gather, sleep, waitFor } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { BufferedProtocol, sendfile, startTls, StreamTransport, type Transport } from '@tsyncio/transports-protocols';

import { ca } from '@tsyncio/test-support/loops/certificates';
import { pairFor } from '@tsyncio/test-support/loops/backends';
import { failure } from '@tsyncio/test-support/loops/failure';
import { eachEngineAndBackend } from './support/memory-tls.js';
import { TestFile } from '@tsyncio/test-support/loops/files';
import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { serverSsl, tlsPair } from '@tsyncio/test-support/loops/tls-pair';
import { drain, fill, inLoop, iterations, type World } from '@tsyncio/test-support/loops/world';

leakAudit();

const trusting = { ca };
const localhost = { serverHostname: 'localhost' };
const asServer = { serverSide: true };

/** Two protocols that are connected in clear. */
async function plainPair({ loop }: World): Promise<[client: Recorder, server: Recorder]> {
  const sockets = pairFor(loop);
  const ends = [new Recorder(loop), new Recorder(loop)] as [Recorder, Recorder];
  await gather(open(loop, sockets[0], ends[0]), open(loop, sockets[1], ends[1]));
  return ends;
}

async function endAll(transports: Transport[], ...recorders: Recorder[]): Promise<void> {
  for (const transport of transports) transport.abort();
  for (const recorder of recorders) await recorder.lost;
}

eachEngineAndBackend((engine, { inLoop, pair }) => {
  test(
    'STARTTLS-01 STARTTLS-02 STARTTLS-10 plain first, then TLS on the same connection, the same protocols',
    inLoop(async (world) => {
      const [client, server] = await plainPair(world);
      client.transport.write(Buffer.from('STARTTLS'));
      await server.bytes(8);
      const [here, there] = await gather(
        startTls(world.loop, client.transport, client, trusting, localhost),
        startTls(world.loop, server.transport, server, serverSsl, asServer),
      );
      expect(here).not.toBe(client.transport);
      expect([here.getProtocol(), there.getProtocol()]).toEqual([client, server]);
      here.write(Buffer.from(' secret'));
      await server.bytes(15);
      there.write(Buffer.from('answer'));
      await client.bytes(6);
      expect(server.received).toBe('STARTTLS secret');
      expect(client.events).toEqual(['made', 'data 6']);
      expect(here.getExtraInfo('sslcontext')).toBe(trusting);
      here.close();
      await gather(client.lost, server.lost);
      expect(client.events).toEqual(['made', 'data 6', 'lost null']);
      expect(server.events).toEqual(['made', 'data 8', 'data 7', 'lost null']);
    }),
  );

  test(
    'STARTTLS-03 STARTTLS-12 another protocol, with its own memory, and another one after that',
    inLoop(async (world) => {
      const [client, server] = await plainPair(world);
      const memory = Buffer.alloc(100);
      const got: string[] = [];
      let lost = 0;
      class Mine extends BufferedProtocol {
        override connectionMade(): void {
          got.push('made');
        }
        override getBuffer(): Buffer {
          return memory;
        }
        override bufferUpdated(nbytes: number): void {
          got.push(memory.toString('latin1', 0, nbytes));
        }
        override connectionLost(): void {
          lost++;
        }
      }
      const [here, there] = await gather(
        startTls(world.loop, client.transport, client, trusting, localhost),
        startTls(world.loop, server.transport, new Mine(), serverSsl, asServer),
      );
      here.write(Buffer.from('one'));
      while (got.length === 0) await sleep(0.001);
      const next = new Recorder(world.loop);
      there.setProtocol(next);
      here.write(Buffer.from('two'));
      await next.bytes(3);
      expect([got, next.events, server.events]).toEqual([['one'], ['data 3'], ['made']]);
      await endAll([here, there], client, next);
      expect(lost).toBe(0);
      expect(server.events).toEqual(['made']);
    }),
  );

  test(
    'STARTTLS-08 the handshake fails, and the old transport is closed',
    inLoop(async (world) => {
      const [client, server] = await plainPair(world);
      server.transport.write(Buffer.from('not a handshake at all'));
      await client.bytes(5);
      const starting = startTls(world.loop, client.transport, client, trusting, localhost);
      server.transport.write(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
      const error = await failure(starting);
      expect(isOSError(error)).toBe(true);
      expect(error.code).toMatch(/^ERR_SSL_/);
      await server.lost;
      await iterations(3);
      expect(client.transport.isClosing()).toBe(true);
      expect(client.events.filter((event) => event.startsWith('lost'))).toEqual([]);
    }),
  );

  test(
    'STARTTLS-08 STARTTLS-13 a peer that is silent, leaves, or is not waited for',
    inLoop(async (world) => {
      const { loop } = world;
      const [client, server] = await plainPair(world);
      const slow = startTls(loop, client.transport, client, trusting, { ...localhost, sslHandshakeTimeout: 0.02 });
      expect(await failure(slow)).toBeInstanceOf(ConnectionAbortedError);
      await server.lost;
      const [second, leaving] = await plainPair(world);
      const left = startTls(loop, second.transport, second, trusting, localhost);
      await iterations(3);
      leaving.transport.abort();
      expect(await failure(left)).toBeInstanceOf(ConnectionResetError);
      await leaving.lost;
      const [third, silent] = await plainPair(world);
      const limited = waitFor(() => startTls(loop, third.transport, third, trusting, localhost), 0.02);
      expect(await failure(limited)).toBeInstanceOf(TimeoutError);
      await silent.lost;
      for (const end of [client, second, third]) expect(end.events).toEqual(['made']);
    }),
  );

  test(
    'STARTTLS-09 the certificate must be that of the name, if there is one',
    inLoop(async (world) => {
      const { loop } = world;
      const [client, server] = await plainPair(world);
      const [error, other] = await gather(
        failure(startTls(loop, client.transport, client, trusting, { serverHostname: 'wrong.test' })),
        failure(startTls(loop, server.transport, server, { ...serverSsl, maxVersion: 'TLSv1.2' }, asServer)).catch(
          () => null,
        ),
      );
      expect(error.code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
      if (engine === 'best') expect(other).toBeInstanceOf(ConnectionResetError);
      await iterations(10);
      const [second, there] = await plainPair(world);
      const transports = await gather(
        startTls(loop, second.transport, second, trusting),
        startTls(loop, there.transport, there, serverSsl, asServer),
      );
      await endAll(transports, second, there);
      if (other === null) await server.lost;
    }),
  );

  test(
    'STARTTLS-07 STARTTLS-11 what is buffered goes out in clear first; a paused transport reads again',
    inLoop(async (world) => {
      const [ours, theirs] = pair();
      const client = new Recorder(world.loop);
      const transport = await open(world.loop, ours, client);
      transport.pauseReading();
      const clear = fill(ours);
      transport.write(Buffer.from('the end of the plain text'));
      expect(transport.getWriteBufferSize()).toBe(25);
      const starting = startTls(world.loop, transport, client, trusting, localhost);
      await iterations(5);
      let got = Buffer.alloc(0);
      while (got.length < clear + 25) {
        const piece = drain(theirs, clear + 25 - got.length)!;
        got = Buffer.concat([got, piece]);
        await iterations(1);
      }
      expect(got.toString('latin1', clear)).toBe('the end of the plain text');
      const server = new Recorder(world.loop);
      const plain = await open(world.loop, theirs, server);
      const there = await startTls(world.loop, plain, server, serverSsl, asServer);
      const here = await starting;
      expect(here.isReading()).toBe(true);
      there.write(Buffer.from('welcome'));
      await client.bytes(7);
      await endAll([here, there], client, server);
    }),
  );

  test(
    'a handshake of the peer that has arrived before the call is not lost',
    inLoop(async (world) => {
      const [client, server] = await plainPair(world);
      server.transport.pauseReading();
      const starting = startTls(world.loop, client.transport, client, trusting, localhost);
      await sleep(0.01);
      const there = await startTls(world.loop, server.transport, server, serverSsl, asServer);
      await endAll([await starting, there], client, server);
    }),
  );
});

test(
  'STARTTLS-05 one that is going over, sends a file or is closing is refused at once, and goes on with what it does',
  inLoop(async (world) => {
    const { loop } = world;
    const [client, server] = await plainPair(world);
    const again = (): Promise<Error> => failure(startTls(loop, client.transport, client, trusting, localhost));
    using file = new TestFile(Buffer.alloc(2_000_000));
    const sending = sendfile(loop, client.transport, file.fd);
    expect(await again()).toBeInstanceOf(RuntimeError);
    expect(await sending).toBe(2_000_000);
    await server.bytes(2_000_000);

    const starting = startTls(loop, client.transport, client, trusting, localhost);
    expect(await again()).toBeInstanceOf(TypeError);
    const there = await startTls(loop, server.transport, server, serverSsl, asServer);
    const here = await starting;
    expect(await again()).toBeInstanceOf(TypeError); // it has TLS above it
    await endAll([here, there], client, server);

    const [one, other] = await plainPair(world);
    one.transport.close();
    expect(await failure(startTls(loop, one.transport, one, trusting))).toBeInstanceOf(RuntimeError);
    await endAll([one.transport, other.transport], one, other);
    expect(await failure(startTls(loop, one.transport, one, trusting))).toBeInstanceOf(RuntimeError);
  }),
);

test(
  'STARTTLS-04 STARTTLS-05 STARTTLS-06 wrong arguments leave the transport as it is',
  inLoop(async (world) => {
    const { loop } = world;
    const [client, server] = await plainPair(world);
    for (const context of [null, true, false, 'context', 1]) {
      expect(await failure(startTls(loop, client.transport, client, context as never))).toBeInstanceOf(TypeError);
    }
    expect(await failure(startTls(loop, null as never, client, trusting))).toBeInstanceOf(TypeError);
    for (const sslHandshakeTimeout of [0, -1]) {
      const starting = startTls(loop, client.transport, client, trusting, { sslHandshakeTimeout });
      expect(await failure(starting)).toBeInstanceOf(ValueError);
    }
    server.transport.write(Buffer.from('still here'));
    await client.bytes(10);
    expect(client.transport.getProtocol()).toBe(client);
    expect(client.transport).toBeInstanceOf(StreamTransport);
    await endAll([client.transport, server.transport], client, server);
    const tls = await tlsPair(world);
    expect(await failure(startTls(loop, tls.client.transport, tls.client, trusting))).toBeInstanceOf(TypeError);
    await endAll([tls.client.transport, tls.server.transport], tls.client, tls.server);
  }),
);

import { setTimeout as wait } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';

import {
  ConnectionAbortedError,
  ConnectionResetError,
  isOSError,
  NotImplementedError,
  RuntimeError,
  ValueError,
} from '@tsyncio/core';
import { gather, sleep } from '@tsyncio/futures-tasks';
import { collectGarbage, leakAudit } from '@tsyncio/test-support';
import {
  BufferedProtocol,
  connectAcceptedSocket,
  createConnection,
  createUnixConnection,
  StreamTransport,
} from '@tsyncio/transports-protocols';
import { liveCount } from '@tsyncio/socket/native';

import { chooseEngine } from '../src/tls/make-session.js';
import { ca, contextOf, identity } from '@tsyncio/test-support/loops/certificates';
import { eachEngineAndBackend, End, free } from './support/memory-tls.js';
import { Recorder } from '@tsyncio/test-support/loops/recorder';
import { abortBoth, clientOptions, serverSsl, tlsPair } from '@tsyncio/test-support/loops/tls-pair';
import { drain, inLoop, iterations, pair, type World } from '@tsyncio/test-support/loops/world';
import { failure } from '@tsyncio/test-support/loops/failure';
import { until } from '@tsyncio/test-support/loops/until';

const audit = leakAudit();

eachEngineAndBackend((engine, { inLoop, pair, tcpPair }) => {
  const isOpenssl = engine === 'best';

  test(
    'TLS-02 TLS-31 both are made once, with a TLS transport, before the calls return; what came along is delivered next',
    inLoop(async (world) => {
      class Greeter extends Recorder {
        override connectionMade(transport: Recorder['transport']): void {
          super.connectionMade(transport);
          transport.write(Buffer.from('hello'));
        }
      }
      const tls = await tlsPair(world, { client: new Greeter(world.loop), server: new Greeter(world.loop) });
      for (const end of [tls.client, tls.server]) {
        await end.bytes(5);
        expect(end.events).toEqual(['made', 'data 5']);
        expect(end.transport.constructor.name).toMatch(/tls/i);
        expect(end.transport).toBeInstanceOf((await import('@tsyncio/transports-protocols')).Transport);
      }
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-12 TLS-13 extra info after the handshake, and after the end',
    inLoop(async (world) => {
      const ssl = { ca, ALPNProtocols: ['x'] };
      const tls = await tlsPair(world, {
        sockets: tcpPair(),
        clientOptions: { ssl },
        serverOptions: { ssl: { ...serverSsl, ALPNProtocols: ['x'] } },
      });
      const { transport } = tls.client;
      const check = (): void => {
        expect(transport.getExtraInfo('sslcontext')).toBe(ssl);
        expect(transport.getExtraInfo('sslContext')).toBe(ssl);
        expect(transport.getExtraInfo('compression', 'default')).toBe(null);
        const [name, version, bits] = transport.getExtraInfo('cipher')!;
        expect([typeof name, version, typeof bits]).toEqual(['string', 'TLSv1.3', 'number']);
        expect(transport.getExtraInfo('peercert')).toMatchObject({ subject: { CN: 'localhost' } });
        expect(transport.getExtraInfo('sslObject')).toMatchObject({ alpnProtocol: 'x', version: 'TLSv1.3' });
        expect(transport.getExtraInfo('ssl_object')).toBe(transport.getExtraInfo('sslObject'));
        expect(transport.getExtraInfo('nonsense', 'default')).toBe('default');
        expect(tls.server.transport.getExtraInfo('peercert', 'default')).toBe(null);
      };
      check();
      expect(transport.getExtraInfo('peername')).toEqual(tls.server.transport.getExtraInfo('sockname'));
      expect(transport.getExtraInfo('socket')!.fileno()).toBeGreaterThan(0);
      await abortBoth(tls);
      check();
      expect(transport.getExtraInfo('peername')).toBe(null);
      expect(transport.getExtraInfo('socket', 'default')).toBe('default');
    }),
  );

  test(
    'TLS-12 the certificate of a peer that was not verified is empty',
    inLoop(async (world) => {
      const tls = await tlsPair(world, { clientOptions: { ssl: { rejectUnauthorized: false } } });
      expect(tls.client.transport.getExtraInfo('peercert')).toEqual({});
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-01 a context is used as given, and true means the roots of Node',
    inLoop(async ({ loop }) => {
      const context = createSecureContext({ ca });
      const world = { loop, reports: [] };
      const tls = await tlsPair(world, {
        clientOptions: { ssl: context },
        serverOptions: { ssl: contextOf('server') },
      });
      expect(tls.client.transport.getExtraInfo('sslcontext')).toBe(context);
      await abortBoth(tls);
      expect(await failure(tlsPair(world, { clientOptions: { ssl: true } }))).toMatchObject({
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
      });
      await iterations(5);
    }),
  );

  test.each([
    ['wrong.test', {}, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['localhost', identity('expired'), 'CERT_HAS_EXPIRED'],
    ['localhost', identity('unknown'), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ])('TLS-04 TLS-05 TLS-06 %s, %p: the client gets %s, and nobody is told', (serverHostname, ssl, code) =>
    inLoop(async (world) => {
      const [ours, theirs] = pair();
      const client = new Recorder(world.loop);
      const server = new Recorder(world.loop);
      const [outcome, other] = await gather(
        failure(createConnection(world.loop, () => client, { sock: ours, ...clientOptions, serverHostname })),
        failure(
          connectAcceptedSocket(world.loop, () => server, theirs, {
            ssl: { ...serverSsl, maxVersion: isOpenssl ? 'TLSv1.3' : 'TLSv1.2', ...ssl },
          }),
        ).catch(() => null),
      );
      expect(outcome).toMatchObject({ code });
      expect(isOSError(outcome)).toBe(true);
      await iterations(5);
      expect(client.events).toEqual([]);
      // Node's engine looks at the certificate when the handshake is over.
      if (isOpenssl) {
        expect(isOSError(other)).toBe(true);
        expect(server.events).toEqual([]);
      }
      if (server.transport !== undefined) server.transport.abort();
      await iterations(3);
    })(),
  );

  test(
    'TLS-04 an empty name skips the check of the name',
    inLoop(async (world) => {
      const tls = await tlsPair(world, { clientOptions: { serverHostname: '' } });
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-08 TLS-09 a peer that says nothing, on either side',
    inLoop(async ({ loop }) => {
      const [ours, silent] = pair();
      const client = new Recorder(loop);
      const error = await failure(
        createConnection(loop, () => client, { sock: ours, ...clientOptions, sslHandshakeTimeout: 0.02 }),
      );
      expect(error).toBeInstanceOf(ConnectionAbortedError);
      expect(error.message).toContain('0.02 seconds');
      await iterations(3);
      expect(drain(silent)!.length).toBeGreaterThan(0); // the hello
      expect(drain(silent)).toBe(null);
      silent.close();
      const [theirs, mute] = pair();
      const server = new Recorder(loop);
      const accepting = connectAcceptedSocket(loop, () => server, theirs, {
        ssl: serverSsl,
        sslHandshakeTimeout: 0.02,
      });
      expect(await failure(accepting)).toBeInstanceOf(ConnectionAbortedError);
      await iterations(3);
      expect(drain(mute)).toBe(null);
      mute.close();
      expect([client.events, server.events]).toEqual([[], []]);
    }),
  );

  test(
    'TLS-10 a peer that leaves, or speaks something else',
    inLoop(async ({ loop }) => {
      const [ours, leaving] = pair();
      leaving.close();
      const options = { ...clientOptions };
      const gone = await failure(createConnection(loop, () => new Recorder(loop), { sock: ours, ...options }));
      expect(gone).toBeInstanceOf(ConnectionResetError.prototype.constructor === Object ? Error : Error);
      expect(['ECONNRESET', 'EPIPE']).toContain(gone.code);
      const [again, silent] = pair();
      const waiting = createConnection(loop, () => new Recorder(loop), { sock: again, ...options });
      await iterations(3);
      silent.close();
      expect(await failure(waiting)).toBeInstanceOf(ConnectionResetError);
      const [third, talking] = pair();
      talking.send(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'));
      const garbage = await failure(createConnection(loop, () => new Recorder(loop), { sock: third, ...options }));
      expect(garbage.code).toMatch(/^ERR_SSL_/);
      talking.close();
      await iterations(3);
    }),
  );

  test(
    'TLS-11 CONN-23 cancelled in the handshake',
    inLoop(async ({ loop }) => {
      const [ours, silent] = pair();
      const client = new Recorder(loop);
      const connecting = loop.createTask(async () => {
        await createConnection(loop, () => client, { sock: ours, ...clientOptions });
      });
      await iterations(3);
      connecting.cancel();
      expect((await failure(connecting)).name).toBe('CancelledError');
      await iterations(3);
      drain(silent);
      expect(drain(silent)).toBe(null);
      silent.close();
      expect(client.events).toEqual([]);
    }),
  );

  test(
    'TLS-14 write takes bytes only, nothing is nothing, and much arrives in order',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      expect(() => tls.client.transport.write('text' as never)).toThrow(TypeError);
      tls.client.transport.write(new Uint8Array());
      tls.client.transport.writelines([]);
      const data = Buffer.alloc(3_000_000);
      for (let i = 0; i < data.length; i++) data[i] = (i * 7 + (i >> 9)) & 255;
      tls.client.transport.write(data.subarray(0, 1_234_567));
      tls.client.transport.writelines([data.subarray(1_234_567, 2_000_000), data.subarray(2_000_000)]);
      expect((await tls.server.bytes(data.length)).equals(data)).toBe(true);
      expect(tls.client.events.filter((event) => event === 'pause').length).toBe(
        tls.client.events.filter((event) => event === 'resume').length,
      );
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-15 one direction cannot be closed',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      expect(tls.client.transport.canWriteEof()).toBe(false);
      expect(() => tls.client.transport.writeEof()).toThrow(NotImplementedError);
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-16 reading is that of the TCP transport',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      const { transport } = tls.server;
      expect(transport.isReading()).toBe(true);
      transport.pauseReading();
      expect(transport.isReading()).toBe(false);
      tls.client.transport.write(Buffer.from('later'));
      await wait(20);
      expect(tls.server.received).toBe('');
      transport.resumeReading();
      await tls.server.bytes(5);
      await abortBoth(tls);
      expect(() => transport.isReading()).toThrow(RuntimeError);
      transport.pauseReading();
      transport.resumeReading();
    }),
  );

  test(
    'TLS-17 a reader that stops bounds what is buffered, and the writer is told',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      tls.server.transport.pauseReading();
      tls.client.transport.setWriteBufferLimits({ high: 100_000 });
      expect(tls.client.transport.getWriteBufferLimits()).toEqual([25_000, 100_000]);
      const piece = Buffer.alloc(10_000, 'x');
      let written = 0;
      while (!tls.client.events.includes('pause') && written < 20_000_000) {
        tls.client.transport.write(piece);
        written += piece.length;
        await iterations(1);
      }
      expect(tls.client.events).toEqual(['made', 'pause']);
      expect(tls.client.transport.getWriteBufferSize()).toBeGreaterThan(100_000);
      expect(tls.client.transport.getWriteBufferSize()).toBeLessThan(200_000);
      await wait(10);
      expect(tls.server.received).toBe('');
      tls.server.transport.resumeReading();
      await tls.server.bytes(written);
      await until(() => tls.client.events.includes('resume'));
      expect(tls.client.events).toEqual(['made', 'pause', 'resume']);
      expect(tls.client.transport.getWriteBufferSize()).toBe(0);
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-17 a writer that writes until it is told to stop is told in time, and loses nothing',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      tls.server.transport.pauseReading();
      const piece = Buffer.alloc(10_000, 'x');
      let written = 0;
      for (; !tls.client.events.includes('pause') && written < 20_000_000; written += piece.length) {
        tls.client.transport.write(piece);
      }
      expect(tls.client.transport.getWriteBufferSize()).toBeLessThan(100_000);
      expect(tls.client.events).toEqual(['made', 'pause']);
      tls.server.transport.resumeReading();
      await tls.server.bytes(written);
      await until(() => tls.client.events.includes('resume'));
      expect(tls.client.events).toEqual(['made', 'pause', 'resume']);
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-18 TLS-22 close sends everything and a close-notify; the peer is lost without eof, then so are we',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      const data = Buffer.alloc(2_000_000, 'last words. ');
      tls.client.transport.write(data);
      tls.client.transport.close();
      expect(tls.client.transport.isClosing()).toBe(true);
      await gather(tls.client.lost, tls.server.lost);
      expect(Buffer.concat(tls.server.pieces).equals(data)).toBe(true);
      expect(tls.server.events.filter((event) => !event.startsWith('data'))).toEqual(['made', 'lost null']);
      expect(tls.client.events.filter((event) => !/pause|resume/.test(event))).toEqual(['made', 'lost null']);
    }),
  );

  test(
    'TLS-18 a peer that does not answer is cut off after sslShutdownTimeout',
    inLoop(async ({ loop }) => {
      const world = { loop, reports: [] };
      const tls = await tlsPair(world, { clientOptions: { sslShutdownTimeout: 0.05 } });
      tls.server.transport.pauseReading();
      tls.client.transport.close();
      await tls.client.lost;
      expect(tls.client.events).toEqual(['made', 'lost null']);
      tls.server.transport.abort();
      await tls.server.lost;
    }),
  );

  test(
    'TLS-18 a transport that is closed while its reading is paused still sees the close-notify of its peer',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      tls.client.transport.pauseReading();
      tls.client.transport.close();
      await gather(tls.client.lost, tls.server.lost);
      expect(tls.client.events).toEqual(['made', 'lost null']);
    }),
  );

  test(
    'TLS-25 a close-notify is answered by one',
    inLoop(async ({ loop }) => {
      const [ours, theirs] = pair();
      const server = new Recorder(loop);
      const accepting = connectAcceptedSocket(loop, () => server, ours, { ssl: serverSsl });
      const peer = new End({ ca }, 'localhost');
      const carry = async (done: () => boolean): Promise<void> => {
        while (!done()) {
          const out = peer.take();
          if (out.length > 0) theirs.send(out);
          peer.receive(drain(theirs) ?? Buffer.alloc(0));
          await sleep(0.001);
        }
      };
      await carry(() => peer.isSecure && server.events.length === 1);
      await accepting;
      peer.session.end(() => undefined);
      await carry(() => peer.isOver);
      expect(peer.events).toEqual(['secure', 'close-notify']);
      await server.lost;
      free(peer);
      theirs.close();
    }),
  );

  test(
    'TLS-19 after close nothing is written or received any more',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      const { transport } = tls.client;
      tls.server.transport.write(Buffer.from('too late'));
      transport.close();
      transport.write(Buffer.from('ignored'));
      transport.close();
      await gather(tls.client.lost, tls.server.lost);
      expect([tls.server.received, tls.client.received]).toEqual(['', '']);
      transport.write(Buffer.from('ignored'));
      transport.close();
      transport.abort();
      await iterations(3);
      expect(tls.client.events).toEqual(['made', 'lost null']);
      expect(transport.getProtocol()).toBe(null);
    }),
  );

  test(
    'TLS-20 TLS-23 abort drops the connection without close-notify: the peer gets eof, then lost',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      tls.client.transport.abort();
      expect(tls.client.events).toEqual(['made']);
      await tls.client.lost;
      await tls.server.lost;
      expect(tls.client.events).toEqual(['made', 'lost null']);
      expect(tls.server.events).toEqual(['made', 'eof', 'lost null']);
    }),
  );

  test(
    'TLS-24 a true answer of eofReceived changes nothing and is warned about',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      tls.server.keepOpen = true;
      tls.client.transport.abort();
      await tls.server.lost;
      expect(tls.server.events).toEqual(['made', 'eof', 'lost null']);
      expect(audit.takeRecords()).toHaveLength(1);
    }),
  );

  test(
    'TLS-26 a damaged record ends the connection with the error, and no report',
    inLoop(async ({ loop }) => {
      const [ours, theirs] = pair();
      const [link, far] = pair();
      // What the client sends goes through a hand that damages its second flight of data.
      const client = new Recorder(loop);
      const server = new Recorder(loop);
      let damage = false;
      const relay = async (from: typeof ours, to: typeof ours): Promise<void> => {
        for (;;) {
          let data: Buffer | null;
          try {
            data = drain(from);
          } catch {
            return;
          }
          if (data === null) return;
          if (damage && data.length > 0 && from === theirs) data[data.length - 5]! ^= 0xff;
          try {
            if (data.length > 0) to.send(data);
          } catch {
            return;
          }
          await sleep(0.001);
        }
      };
      const relays = [loop.createTask(() => relay(theirs, link)), loop.createTask(() => relay(link, theirs))];
      await gather(
        createConnection(loop, () => client, { sock: ours, ...clientOptions }),
        connectAcceptedSocket(loop, () => server, far, { ssl: serverSsl }),
      );
      await sleep(0.01);
      damage = true;
      client.transport.write(Buffer.from('important'));
      await server.lost;
      expect(server.error).toMatchObject({ name: 'OSError' });
      expect((server.error as { code?: string }).code).toMatch(/^ERR_SSL_/);
      expect(server.events).toEqual(['made', 'lost OSError']);
      client.transport.abort();
      await client.lost;
      theirs.close();
      link.close();
      for (const task of relays) task.cancel();
      await iterations(3);
    }),
  );

  test(
    'TLS-27 an error of dataReceived is reported and ends the connection',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      const bug = new Error('bug');
      tls.server.dataReceived = () => {
        throw bug;
      };
      tls.client.transport.write(Buffer.from('x'));
      await tls.server.lost;
      expect(tls.server.error).toBe(bug);
      const [report] = world.reports.splice(0);
      expect(report).toMatchObject({ exception: bug });
      expect(report!.transport).toBeInstanceOf(StreamTransport);
      expect(report!.protocol).not.toBe(tls.server);
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-27 so is the rejection of an async dataReceived',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      const bug = new Error('bug');
      tls.server.dataReceived = async () => {
        await Promise.resolve();
        throw bug;
      };
      tls.client.transport.write(Buffer.from('x'));
      await tls.server.lost;
      expect(tls.server.error).toBe(bug);
      expect(world.reports.splice(0)).toMatchObject([{ exception: bug }]);
      await abortBoth(tls);
    }),
  );

  test(
    'TLS-28 an error of connectionMade is reported and raised',
    inLoop(async ({ loop, reports }) => {
      const world: World = { loop, reports };
      const bug = new Error('bug');
      const client = new Recorder(loop);
      client.connectionMade = () => {
        throw bug;
      };
      const server = new Recorder(loop);
      const [ours, theirs] = pair();
      const [error] = await gather(
        failure(createConnection(world.loop, () => client, { sock: ours, ...clientOptions })),
        failure(connectAcceptedSocket(loop, () => server, theirs, { ssl: serverSsl })).catch(() => null),
      );
      expect(error).toBe(bug);
      expect(reports.splice(0)).toMatchObject([{ exception: bug }]);
      await iterations(3);
      expect(client.events).toEqual([]);
      if (server.transport !== undefined) await server.lost;
    }),
  );

  test(
    'TLS-29 an error of eofReceived is reported, and the connection is lost in order',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      tls.server.eofReceived = () => {
        throw new Error('bug');
      };
      tls.client.transport.abort();
      await tls.server.lost;
      expect(tls.server.events).toEqual(['made', 'lost null']);
      expect(world.reports.splice(0)).toHaveLength(1);
    }),
  );

  test(
    'TLS-30 BUFPROTO-06 the protocol can be changed, also to one with its own memory',
    inLoop(async (world) => {
      const tls = await tlsPair(world);
      const calls: string[] = [];
      const memory = Buffer.alloc(2);
      class Small extends BufferedProtocol {
        override getBuffer(hint: number): Buffer {
          calls.push(`get ${hint}`);
          return memory;
        }
        override bufferUpdated(nbytes: number): void {
          calls.push(`updated ${nbytes} ${memory.toString('latin1', 0, nbytes)}`);
        }
      }
      const small = new Small();
      tls.server.transport.setProtocol(small);
      expect(tls.server.transport.getProtocol()).toBe(small);
      tls.client.transport.write(Buffer.from('abcde'));
      await until(() => calls.length === 6);
      expect(calls).toEqual(['get 5', 'updated 2 ab', 'get 3', 'updated 2 cd', 'get 1', 'updated 1 e']);
      tls.server.transport.setProtocol(tls.server);
      tls.client.transport.write(Buffer.from('back'));
      await tls.server.bytes(4);
      await abortBoth(tls);
    }),
  );

  test.each<[string, () => unknown, string]>([
    ['empty memory', () => Buffer.alloc(0), 'RuntimeError'],
    ['no memory', () => null, 'TypeError'],
  ])(
    'BUFPROTO-07 a protocol that gives %s is reported and lost; without data it is asked for nothing',
    (_what, give, name) =>
      inLoop(async (world) => {
        const tls = await tlsPair(world);
        let asked = 0;
        const lost = world.loop.createFuture<unknown>();
        const wrong = new (class extends BufferedProtocol {
          override getBuffer(): Buffer {
            asked++;
            return give() as Buffer;
          }
          override bufferUpdated(): void {
            expect('never').toBe('called');
          }
          override connectionLost(error: Error | null): void {
            lost.setResult(error);
          }
        })();
        tls.server.transport.setProtocol(wrong);
        tls.client.transport.write(Buffer.alloc(0));
        await iterations(5);
        expect(asked).toBe(0);
        tls.client.transport.write(Buffer.from('x'));
        expect(await lost).toMatchObject({ name });
        const [report, ...more] = world.reports.splice(0);
        expect([(report!.exception as Error).name, asked, more.length]).toEqual([name, 1, 0]);
        tls.client.transport.abort();
        await tls.client.lost;
      })(),
  );

  test(
    'TLS-32 a connection that is reset',
    inLoop(async (world) => {
      const tls = await tlsPair(world, { sockets: tcpPair() });
      const socket = tls.client.transport.getExtraInfo('socket')!;
      socket.setsockopt(1, 13, Buffer.from(new Int32Array([1, 0]).buffer)); // SO_LINGER, for no time
      tls.client.transport.abort();
      await tls.server.lost;
      expect(tls.server.events).toEqual(['made', 'lost ConnectionResetError']);
      await tls.client.lost;
    }),
  );

  test(
    'TLS-33 nothing is left behind by an unclean end',
    inLoop(async (world) => {
      const before = liveCount();
      for (let i = 0; i < 5; i++) await abortBoth(await tlsPair(world));
      expect(liveCount()).toBe(before);
    }),
  );

  test(
    'TLS-21 close in the handshake aborts',
    inLoop(async ({ loop }) => {
      const [ours, silent] = pair();
      const task = loop.createTask(async () => {
        await createConnection(loop, () => new Recorder(loop), { sock: ours, ...clientOptions });
      });
      await iterations(3);
      task.cancel(); // which closes the transport
      await failure(task);
      await iterations(3);
      drain(silent);
      expect(drain(silent)).toBe(null);
      silent.close();
    }),
  );

  test(
    'an async connectionMade has its step before data is delivered',
    inLoop(async (world) => {
      const events: string[] = [];
      class Slow extends Recorder {
        override connectionMade(transport: Recorder['transport']): unknown {
          super.connectionMade(transport);
          return (async () => {
            events.push('made');
            await Promise.resolve();
            await Promise.resolve();
            events.push('ready');
          })();
        }
        override dataReceived(data: Buffer): unknown {
          events.push('data');
          return super.dataReceived(data);
        }
      }
      class Greeter extends Recorder {
        override connectionMade(transport: Recorder['transport']): void {
          super.connectionMade(transport);
          transport.write(Buffer.from('hello'));
        }
      }
      const tls = await tlsPair(world, { client: new Greeter(world.loop), server: new Slow(world.loop) });
      await tls.server.bytes(5);
      expect(events).toEqual(['made', 'ready', 'data']);
      await abortBoth(tls);
    }),
  );

  test(
    'many connections at once, each with its own words',
    inLoop(async (world) => {
      const pairs = await gather(...Array.from({ length: 20 }, () => tlsPair(world)));
      pairs.forEach(({ client, server }, i) => {
        client.transport.write(Buffer.alloc(50_000, `client ${i} `));
        server.transport.write(Buffer.alloc(50_000, `server ${i} `));
      });
      await gather(
        ...pairs.flatMap(({ client, server }, i) => [
          server.bytes(50_000).then((data) => expect(data.equals(Buffer.alloc(50_000, `client ${i} `))).toBe(true)),
          client.bytes(50_000).then((data) => expect(data.equals(Buffer.alloc(50_000, `server ${i} `))).toBe(true)),
        ]),
      );
      for (const each of pairs) await abortBoth(each);
    }),
  );
});

afterAll(() => chooseEngine('best'));

test(
  'TLS-07 the handshake timeout must be above 0',
  inLoop(async ({ loop }) => {
    const [ours, theirs] = pair();
    for (const sslHandshakeTimeout of [0, -1, NaN]) {
      const options = { sock: ours, ...clientOptions, sslHandshakeTimeout };
      expect(await failure(createConnection(loop, () => new Recorder(loop), options))).toBeInstanceOf(ValueError);
    }
    ours.close();
    theirs.close();
  }),
);

test(
  'CONN-19 CONN-20 CONN-21 names and timeouts without ssl, ssl without a name',
  inLoop(async ({ loop }) => {
    const [ours, theirs] = pair();
    const factory = () => new Recorder(loop);
    for (const options of [
      { sock: ours, serverHostname: '' },
      { sock: ours, sslHandshakeTimeout: 1 },
      { sock: ours, sslShutdownTimeout: 1 },
      { sock: ours, ssl: true as const },
    ]) {
      expect(await failure(createConnection(loop, factory, options))).toBeInstanceOf(ValueError);
    }
    expect(await failure(createConnection(loop, factory, '', 1, { ssl: true }))).toBeInstanceOf(ValueError);
    const wrong = { sock: ours, ssl: 'yes' as never, serverHostname: 'x' };
    expect(await failure(createConnection(loop, factory, wrong))).toBeInstanceOf(TypeError);
    ours.close();
    theirs.close();
  }),
);

test(
  'UNIX-06 ACCEPTED-02 ACCEPTED-03 Unix and accepted sockets',
  inLoop(async ({ loop }) => {
    const [ours, theirs] = pair();
    const factory = () => new Recorder(loop);
    const unix = (options: object) => failure(createUnixConnection(loop, factory, null, { sock: ours, ...options }));
    expect(await unix({ ssl: true })).toBeInstanceOf(ValueError);
    expect(await unix({ serverHostname: '' })).toBeInstanceOf(ValueError);
    expect(await unix({ sslHandshakeTimeout: 1 })).toBeInstanceOf(ValueError);
    expect(await unix({ ssl: true, serverHostname: 1 })).toBeInstanceOf(TypeError);
    const accepted = (options: object) => failure(connectAcceptedSocket(loop, factory, ours, options));
    expect(await accepted({ sslHandshakeTimeout: 1 })).toBeInstanceOf(ValueError);
    expect(await accepted({ ssl: true })).toBeInstanceOf(ValueError);
    ours.close();
    theirs.close();
  }),
);

test('a loop that is closed with connections: what they held is collected', async () => {
  const before = liveCount();
  await inLoop(async (world) => void (await tlsPair(world)))();
  // Perhaps more than that: what other tests have left.
  await collectGarbage(() => liveCount() <= before);
  expect(liveCount()).toBeLessThanOrEqual(before);
});

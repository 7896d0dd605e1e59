import { leakAudit } from '@tsyncio/test-support';
import { AF_UNIX, IPPROTO_TCP, SHUT_RD, Socket, TCP_NODELAY } from '@tsyncio/socket';
import { StreamTransport } from '@tsyncio/transports-protocols';

import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { drain, fill, iterations } from '@tsyncio/test-support/loops/world';

const audit = leakAudit();

eachBackend(({ inLoop, inMemory, pair, tcpPair, reset }) => {
  test(
    'TRANSPORT-19 TRANSPORT-21 TRANSPORT-23 close stops reading at once; connectionLost comes once, in the next iteration',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      peer.send(Buffer.from('too late'));
      expect(transport.isClosing()).toBe(false);
      transport.close();
      transport.close();
      expect(transport.isClosing()).toBe(true);
      expect(protocol.events).toEqual(['made']);
      expect(ours.closed).toBe(false);
      await protocol.lost;
      await iterations(3);
      expect(protocol.events).toEqual(['made', 'lost null']);
      expect(ours.closed).toBe(true);
      peer.close();
    }),
  );

  test(
    'TRANSPORT-21 data that is queued already when close is called is not delivered',
    inLoop(async ({ loop }) => {
      const ends = [pair(), pair()];
      const protocols = ends.map(() => new Recorder(loop));
      for (const [i, [ours]] of ends.entries()) await open(loop, ours, protocols[i]!);
      // Both become readable in one iteration; whoever is first closes the other.
      for (const [i, protocol] of protocols.entries()) {
        protocol.dataReceived = () => {
          protocol.events.push('data');
          protocols[1 - i]!.transport.close();
        };
      }
      for (const [, peer] of ends) peer.send(Buffer.from('x'));
      await iterations(3);
      expect(protocols.flatMap((protocol) => protocol.events).filter((event) => event === 'data')).toHaveLength(1);
      for (const protocol of protocols) {
        protocol.transport.close();
        await protocol.lost;
      }
      for (const [, peer] of ends) peer.close();
    }),
  );

  test(
    'TRANSPORT-22 abort drops the buffer, also that of a close under way, and may be repeated',
    inLoop(async ({ loop }) => {
      for (const closing of [false, true]) {
        const [ours, peer] = pair();
        const protocol = new Recorder(loop);
        const transport = await open(loop, ours, protocol);
        const taken = fill(ours);
        transport.write(Buffer.from('dropped'));
        if (closing) transport.close();
        transport.abort();
        transport.abort();
        expect(transport.getWriteBufferSize()).toBe(0);
        expect(protocol.events).toEqual(['made']);
        await protocol.lost;
        await iterations(3);
        expect(protocol.events).toEqual(['made', 'lost null']);
        expect(drain(peer)).toHaveLength(taken);
        peer.close();
      }
    }),
  );

  test.each(['throws', 'rejects'] as const)(
    'TRANSPORT-24 connectionLost that %s is reported; the socket is closed and the owner told nevertheless',
    (way) =>
      inLoop(async ({ loop, reports }) => {
        for (const flushing of [false, true]) {
          const [ours, peer] = pair();
          const error = new Error('on purpose');
          const protocol = {
            connectionLost: () => {
              if (way === 'throws') throw error;
              return Promise.reject(error);
            },
          };
          const owned: string[] = [];
          const owner = { attach: () => owned.push('attach'), detach: () => owned.push('detach') };
          const transport = new StreamTransport(loop, ours, protocol, { owner });
          await iterations(2);
          if (flushing) {
            fill(ours);
            transport.write(Buffer.from('x'));
          }
          transport.close();
          drain(peer);
          await iterations(4);
          const message = 'protocol.connectionLost() failed';
          expect(reports.splice(0)).toEqual([{ message, exception: error, transport, protocol }]);
          expect(ours.closed).toBe(true);
          expect(owned).toEqual(['attach', 'detach']);
          peer.close();
        }
      })(),
  );

  test(
    'TRANSPORT-25 after the loss every method is harmless',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const socket = transport.getExtraInfo('socket')!;
      expect(socket.fileno()).toBe(ours.fileno());
      transport.close();
      await protocol.lost;
      await iterations(1);
      expect(transport.isReading()).toBe(false);
      expect(transport.getWriteBufferSize()).toBe(0);
      transport.pauseReading();
      transport.resumeReading();
      transport.write(Buffer.from('x'));
      transport.writeEof();
      transport.setWriteBufferLimits({ high: 0 });
      transport.close();
      transport.abort();
      transport[Symbol.dispose]();
      expect(transport.getProtocol()).toBeNull();
      expect(socket.fileno()).toBe(-1);
      expect(String(transport)).toBe('<StreamTransport closed fd=-1 read=idle write=<idle, bufsize=0>>');
      await iterations(2);
      expect(protocol.events).toEqual(['made', 'lost null']);
      peer.close();
    }),
  );

  test('a transport on a closed loop: its descriptor is closed, its methods still answer', async () => {
    let transport!: StreamTransport;
    const [ours, peer] = pair();
    await inLoop(async ({ loop }) => {
      transport = await open(loop, ours, new Recorder(loop));
    })();
    expect(ours.closed).toBe(true);
    expect(String(transport)).toBe('<StreamTransport closed fd=-1>');
    expect(transport.isClosing()).toBe(false);
    expect(() => transport.close()).toThrow(expect.objectContaining({ message: 'Event loop is closed' }));
    transport.close();
    peer.close();
  });

  test(
    'TRANSPORT-30 CONN-27 sockname and peername are what the kernel says, or null',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      expect(transport.getExtraInfo('sockname')).toEqual(peer.getpeername());
      expect(transport.getExtraInfo('peername')).toEqual(peer.getsockname());
      expect(transport.getExtraInfo('nonsense')).toBeNull();
      expect(transport.getExtraInfo('nonsense', 7)).toBe(7);
      transport.abort();
      await protocol.lost;
      expect(transport.getExtraInfo('peername')).toEqual(peer.getsockname());
      peer.close();

      const unconnected = new Socket(AF_UNIX);
      const lost = new StreamTransport(loop, unconnected, {});
      expect(lost.getExtraInfo('sockname')).toBe('');
      expect(lost.getExtraInfo('peername')).toBeNull();
      expect(lost.getExtraInfo('peername', 'fallback')).toBeNull();
      lost.abort();
      const given = new StreamTransport(loop, new Socket(AF_UNIX), {}, { peername: 'given' });
      expect(given.getExtraInfo('peername')).toBe('given');
      given.abort();
      await iterations(3);
    }),
  );

  test(
    'TRANSPORT-31 the text tells class, state, descriptor, polling and buffer',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const fd = ours.fileno();
      expect(String(transport)).toBe(`<StreamTransport fd=${fd} read=polling write=<idle, bufsize=0>>`);
      transport.pauseReading();
      fill(ours);
      transport.write(Buffer.from('abc'));
      expect(String(transport)).toBe(`<StreamTransport fd=${fd} read=idle write=<polling, bufsize=3>>`);
      transport.close();
      expect(String(transport)).toBe(`<StreamTransport closing fd=${fd} read=idle write=<polling, bufsize=3>>`);
      transport.abort();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'CONN-04 TCP_NODELAY is set on sockets that are known to be TCP, and on no other',
    inLoop(async ({ loop }) => {
      const [known, peer] = tcpPair();
      const unknown = known.dup();
      const plain = inMemory
        ? Object.defineProperty(unknown, 'proto', { value: 0 })
        : new Socket(unknown.family, unknown.type, 0, { fileno: unknown.detach() });
      known.setsockopt(IPPROTO_TCP, TCP_NODELAY, 0);
      const one = new StreamTransport(loop, plain, {});
      expect(plain.getsockopt(IPPROTO_TCP, TCP_NODELAY)).toBe(0);
      const two = new StreamTransport(loop, known, {});
      expect(known.getsockopt(IPPROTO_TCP, TCP_NODELAY)).toBe(1);
      one.abort();
      two.abort();
      await iterations(3);
      peer.close();
    }),
  );

  test(
    'a descriptor has one transport; a closed socket gets none; a wrong protocol neither',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      expect(() => new StreamTransport(loop, ours, {})).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
      expect(() => new StreamTransport(loop, peer, null as never)).toThrow(TypeError);
      expect(() => new StreamTransport(loop, peer, { connectionMade: 7 } as never)).toThrow(TypeError);
      expect(peer.closed).toBe(false);
      peer.close();
      await protocol.lost;
      expect(() => new StreamTransport(loop, peer, {})).toThrow(expect.objectContaining({ code: 'EBADF' }));
      expect(transport.isClosing()).toBe(true);
    }),
  );

  test(
    'a reset while closing is no news: connectionLost is called once',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      transport.write(Buffer.alloc(10_000_000));
      transport.close();
      reset(peer);
      await protocol.lost;
      await iterations(3);
      expect(protocol.events.filter((event) => event.startsWith('lost'))).toHaveLength(1);
    }),
  );

  test(
    'writeEof to a peer that has reset the connection ends it with the error',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      transport.pauseReading();
      reset(peer);
      transport.writeEof();
      await protocol.lost;
      expect(protocol.error).toMatchObject({ code: 'ENOTCONN', syscall: 'shutdown' });
    }),
  );

  test(
    'debug mode tells what happens',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      loop.setDebug(true);
      transport.pauseReading();
      transport.resumeReading();
      reset(peer);
      await protocol.lost;
      loop.setDebug(false);
      const messages = audit.takeRecords().map(({ level, message }) => `${level} ${message}`);
      expect(messages).toEqual([
        expect.stringMatching(/^debug <StreamTransport .*> pauses reading$/),
        expect.stringMatching(/^debug <StreamTransport .*> resumes reading$/),
        expect.stringMatching(/^debug <StreamTransport .*>: Fatal read error on socket transport: .*ECONNRESET/),
      ]);
    }),
  );

  test(
    'the view of the socket asks and sets, and closes nothing',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const view = transport.getExtraInfo('socket')!;
      expect(transport.getExtraInfo('socket')).toBe(view);
      expect([view.family, view.type, view.proto]).toEqual([ours.family, ours.type, ours.proto]);
      expect(view.getsockname()).toEqual(ours.getsockname());
      expect(view.getpeername()).toEqual(ours.getpeername());
      view.setsockopt(IPPROTO_TCP, TCP_NODELAY, false);
      expect(view.getsockopt(IPPROTO_TCP, TCP_NODELAY)).toBe(0);
      expect(view.getsockopt(IPPROTO_TCP, TCP_NODELAY, 4)).toHaveLength(4);
      view.setblocking(false);
      expect(() => view.setblocking(true)).toThrow(expect.objectContaining({ name: 'ValueError' }));
      using copy = view.dup();
      expect(copy.fileno()).not.toBe(view.fileno());
      expect('close' in view).toBe(false);
      expect(String(view)).toBe(`<TransportSocket fd=${view.fileno()} family=2 type=1 proto=6>`);
      view.shutdown(SHUT_RD);
      await protocol.lost;
      expect(() => view.getsockname()).toThrow(expect.objectContaining({ code: 'EBADF' }));
      peer.close();
    }),
  );
});

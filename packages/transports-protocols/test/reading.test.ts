import { leakAudit } from '@tsyncio/test-support';
import { sleep } from '@tsyncio/futures-tasks';
import { StreamTransport } from '@tsyncio/transports-protocols';

import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { drain, fill, iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

eachBackend(({ inLoop, inMemory, pair, tcpPair, reset }) => {
  test(
    'TRANSPORT-01 CONN-02 connectionMade, the begin of reading and the waiter come in this order',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      peer.send(Buffer.from('early'));
      const protocol = new Recorder(loop);
      const waiter = loop.createFuture<void>();
      const transport = new StreamTransport(loop, ours, protocol, { waiter });
      loop.callSoon(() => protocol.events.push('next callback'));
      expect(protocol.events).toEqual([]);
      await waiter;
      protocol.events.push('waiter');
      await protocol.bytes(5);
      expect(protocol.events).toEqual(['made', 'next callback', 'waiter', 'data 5']);
      expect(protocol.transport).toBe(transport);
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'TRANSPORT-02 each readiness event is one receive of at most 256 KiB, and other callbacks run in between',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const sent = fill(peer);
      expect(sent).toBeGreaterThan(60_000);
      const protocol = new Recorder(loop);
      await open(loop, ours, protocol);
      let turns = 0;
      const count = (): void => {
        turns++;
        if (protocol.error === undefined) loop.callSoon(count);
      };
      count();
      await protocol.bytes(sent);
      if (inMemory) expect(protocol.pieces.length).toBeGreaterThan(1);
      expect(Math.max(...protocol.pieces.map((piece) => piece.length))).toBeLessThanOrEqual(256 * 1024);
      expect(turns).toBeGreaterThanOrEqual(protocol.pieces.length);
      protocol.transport.abort();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'TRANSPORT-03 readiness without data is ignored: someone else was faster',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocols = [new Recorder(loop), new Recorder(loop)];
      await open(loop, ours.dup(), protocols[0]!);
      await open(loop, ours, protocols[1]!);
      peer.send(Buffer.from('x'));
      await iterations(3);
      expect(protocols.map(({ received }) => received).sort()).toEqual(['', 'x']);
      expect(protocols.map(({ error }) => error)).toEqual([undefined, undefined]);
      for (const protocol of protocols) {
        protocol.transport.close();
        await protocol.lost;
      }
      peer.close();
    }),
  );

  test(
    'data belongs to the receiver: nothing writes to it again',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      await open(loop, ours, protocol);
      const expected: string[] = [];
      for (let i = 0; i < 3000; i++) {
        const text = `message ${i} ${'.'.repeat(i % 60)}`;
        peer.send(Buffer.from(text));
        expected.push(text);
        await iterations(2);
      }
      expect(protocol.received).toBe(expected.join(''));
      protocol.transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'TRANSPORT-04 TRANSPORT-32 a reset by the peer ends the connection with that error, unreported',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const protocol = new Recorder(loop);
      await open(loop, ours, protocol);
      reset(peer);
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost ConnectionResetError']);
      expect(protocol.error).toMatchObject({ code: 'ECONNRESET', syscall: 'recv' });
    }),
  );

  test.each(['dataReceived', 'eofReceived'] as const)(
    'TRANSPORT-05 TRANSPORT-09 TRANSPORT-32 an error thrown by %s is reported and ends the connection with it',
    (callback) =>
      inLoop(async ({ loop, reports }) => {
        const [ours, peer] = pair();
        const protocol = new Recorder(loop);
        const error = new Error('on purpose');
        protocol[callback] = () => {
          throw error;
        };
        const transport = await open(loop, ours, protocol);
        if (callback === 'dataReceived') peer.send(Buffer.from('x'));
        else peer.shutdown(1);
        await protocol.lost;
        expect(protocol.error).toBe(error);
        const message = `Fatal error: protocol.${callback}() call failed.`;
        expect(reports.splice(0)).toEqual([{ message, exception: error, transport, protocol }]);
        peer.close();
      })(),
  );

  test.each(['dataReceived', 'eofReceived'] as const)(
    'a rejection of an async %s counts as a thrown error',
    (callback) =>
      inLoop(async ({ loop, reports }) => {
        const [ours, peer] = pair();
        const protocol = new Recorder(loop);
        const error = new Error('on purpose');
        protocol[callback] = async () => {
          await sleep(0);
          throw error;
        };
        const transport = await open(loop, ours, protocol);
        if (callback === 'dataReceived') peer.send(Buffer.from('x'));
        else peer.shutdown(1);
        await protocol.lost;
        expect(protocol.error).toBe(error);
        const message = `Fatal error: protocol.${callback}() call failed.`;
        expect(reports.splice(0)).toEqual([{ message, exception: error, transport, protocol }]);
        peer.close();
      })(),
  );

  test(
    'the step of an async dataReceived is over before the next callback runs',
    inLoop(async ({ loop }) => {
      const log: string[] = [];
      const ends = [pair(), pair()];
      const protocols = ends.map((_, i) => {
        const protocol = new Recorder(loop);
        protocol.dataReceived = async () => {
          log.push(`begin ${i}`);
          for (let n = 0; n < 5; n++) await Promise.resolve();
          log.push(`end ${i}`);
        };
        return protocol;
      });
      for (const [i, [ours]] of ends.entries()) await open(loop, ours, protocols[i]!);
      for (const [, peer] of ends) peer.send(Buffer.from('x'));
      await iterations(3);
      expect(log).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1']);
      for (const protocol of protocols) {
        protocol.transport.close();
        await protocol.lost;
      }
      for (const [, peer] of ends) peer.close();
    }),
  );

  test(
    'the step of an async dataReceived is over before resumeWriting, though both are due at once',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      protocol.dataReceived = async () => {
        protocol.events.push('begin');
        await Promise.resolve();
        protocol.events.push('end');
      };
      const transport = await open(loop, ours, protocol);
      transport.setWriteBufferLimits({ high: 0 });
      while (!protocol.events.includes('pause')) transport.write(Buffer.alloc(32 * 1024));
      drain(peer);
      peer.send(Buffer.from('x'));
      await iterations(3);
      expect(protocol.events).toEqual(['made', 'pause', 'begin', 'end', 'resume']);
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'what a callback returns counts only if it is a real promise',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      let begun = 0;
      // As a query builder: it begins its work when someone asks for it.
      const lazy = { then: () => void begun++ };
      protocol.dataReceived = () => lazy;
      protocol.keepOpen = lazy;
      const transport = await open(loop, ours, protocol);
      peer.send(Buffer.from('x'));
      await iterations(2);
      peer.shutdown(1);
      await iterations(2);
      expect(protocol.events).toEqual(['made', 'eof']); // a value that is true: kept open
      expect(begun).toBe(0);
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test.each([false, undefined, null, 0])(
    'TRANSPORT-06 PROTO-05 end of stream closes the transport when eofReceived gives %p',
    (keepOpen) =>
      inLoop(async ({ loop }) => {
        const [ours, peer] = pair();
        const protocol = new Recorder(loop);
        protocol.keepOpen = keepOpen;
        await open(loop, ours, protocol);
        peer.send(Buffer.from('last'));
        peer.close();
        await protocol.lost;
        await iterations(3);
        expect(protocol.events).toEqual(['made', 'data 4', 'eof', 'lost null']);
      })(),
  );

  test.each([
    ['a value', true],
    ['a promised value', Promise.resolve(1)],
  ])('TRANSPORT-07 TRANSPORT-08 half-open: %s of eofReceived keeps the sending direction', (_title, keepOpen) =>
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      protocol.keepOpen = keepOpen;
      const transport = await open(loop, ours, protocol);
      peer.shutdown(1);
      await iterations(4);
      expect(protocol.events).toEqual(['made', 'eof']);
      expect(transport.isClosing()).toBe(false);
      expect(transport.isReading()).toBe(true);
      transport.write(Buffer.from('answer'));
      expect(drain(peer)!.toString()).toBe('answer');

      transport.pauseReading();
      transport.resumeReading();
      await iterations(4);
      expect(protocol.events).toEqual(['made', 'eof', 'eof']);

      transport.close();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'eof', 'eof', 'lost null']);
      peer.close();
    })(),
  );

  test(
    'an async eofReceived that promises nothing closes the transport',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      protocol.eofReceived = async () => {
        await sleep(0);
      };
      await open(loop, ours, protocol);
      peer.close();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost null']);
    }),
  );

  test(
    'TRANSPORT-26 TRANSPORT-27 reading can be paused and resumed, and both repeated',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      expect(transport.isReading()).toBe(true);
      transport.pauseReading();
      transport.pauseReading();
      expect(transport.isReading()).toBe(false);
      peer.send(Buffer.from('later'));
      peer.close(); // not noticed either
      await iterations(4);
      expect(protocol.events).toEqual(['made']);
      transport.resumeReading();
      transport.resumeReading();
      expect(protocol.events).toEqual(['made']);
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'data 5', 'eof', 'lost null']);
      transport.pauseReading();
      transport.resumeReading();
      expect(transport.isReading()).toBe(false);
    }),
  );

  test(
    'TRANSPORT-28 a pause inside connectionMade is honoured',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      peer.send(Buffer.from('early'));
      const protocol = new Recorder(loop);
      protocol.connectionMade = (made) => {
        protocol.transport = made;
        made.pauseReading();
      };
      const transport = await open(loop, ours, protocol);
      await iterations(4);
      expect(protocol.events).toEqual([]);
      transport.resumeReading();
      expect((await protocol.bytes(5)).toString()).toBe('early');
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'pausing inside dataReceived keeps the rest in the kernel',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const sent = fill(peer);
      const protocol = new Recorder(loop);
      const receive = protocol.dataReceived.bind(protocol);
      protocol.dataReceived = (data) => {
        protocol.transport.pauseReading();
        return receive(data);
      };
      await open(loop, ours, protocol);
      await iterations(5);
      expect(protocol.pieces).toHaveLength(1);
      protocol.dataReceived = receive;
      protocol.transport.resumeReading();
      expect(await protocol.bytes(sent)).toHaveLength(sent);
      protocol.transport.abort();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'TRANSPORT-29 setProtocol counts from the next callback on, also for connectionLost, and changes the way of receiving',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const first = new Recorder(loop);
      const transport = await open(loop, ours, first);
      peer.send(Buffer.from('one'));
      await first.bytes(3);

      const memory = Buffer.alloc(16);
      const buffered = {
        events: [] as string[],
        getBuffer: () => memory,
        bufferUpdated: (n: number) => buffered.events.push(memory.toString('latin1', 0, n)),
      };
      transport.setProtocol(buffered);
      expect(transport.getProtocol()).toBe(buffered);
      peer.send(Buffer.from('two'));
      await iterations(3);
      expect(buffered.events).toEqual(['two']);

      const last = new Recorder(loop);
      transport.setProtocol(last);
      peer.send(Buffer.from('three'));
      await last.bytes(5);
      peer.close();
      await last.lost;
      expect(first.events).toEqual(['made', 'data 3']);
      expect(last.events).toEqual(['data 5', 'eof', 'lost null']);
      transport.setProtocol(first);
      expect(transport.getProtocol()).toBeNull();
    }),
  );

  test(
    'setProtocol refuses what is no protocol',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      for (const wrong of [null, undefined, 'x', () => protocol, Promise.resolve(protocol)]) {
        expect(() => transport.setProtocol(wrong as never)).toThrow(TypeError);
      }
      expect(transport.getProtocol()).toBe(protocol);
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'a plain object without any callback is a protocol',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const transport = await open(loop, ours, {});
      peer.send(Buffer.from('x'));
      await iterations(2);
      peer.shutdown(1);
      await iterations(3);
      expect(transport.isClosing()).toBe(true);
      expect(drain(peer)).toBeNull();
      peer.close();
    }),
  );
});

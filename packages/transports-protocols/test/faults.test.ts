import { leakAudit } from '@tsyncio/test-support';
import { memoryPair } from '@tsyncio/test-support/memory-io';

import { eachBackend, inMemory } from '@tsyncio/test-support/loops/backends';
import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { drain, fill, iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

eachBackend(({ inLoop, pair, tcpPair, reset }) => {
  test(
    'a reset in the middle of a write ends the connection once, and frees what waited',
    inLoop(async ({ loop }) => {
      const [ours, peer] = tcpPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      fill(ours);
      transport.write(Buffer.alloc(20_000_000)); // more than any kernel takes
      expect(transport.getWriteBufferSize()).toBeGreaterThan(0);
      reset(peer);
      await protocol.lost;
      await iterations(2);
      expect(protocol.events).toEqual(['made', 'pause', 'lost ConnectionResetError']);
      expect([transport.getWriteBufferSize(), ours.closed]).toEqual([0, true]);
    }),
  );

  test(
    'a peer that has ended its direction still gets everything, however slowly it reads',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      protocol.keepOpen = true;
      const transport = await open(loop, ours, protocol);
      peer.shutdown(1);
      await iterations(3);
      expect(protocol.events).toEqual(['made', 'eof']);
      const sent = Buffer.alloc(1_000_000, 'abcdefg');
      transport.write(sent);
      transport.close();
      const got: Buffer[] = [];
      for (let piece = drain(peer, 50_000); piece !== null; piece = drain(peer, 50_000)) {
        got.push(piece);
        await iterations(1);
      }
      expect(Buffer.concat(got).equals(sent)).toBe(true);
      await protocol.lost;
      expect(protocol.error).toBeNull();
      peer.close();
    }),
  );

  test(
    'a reader that takes a byte at a time holds no more of us than the high mark and one write',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      let isPaused = false;
      protocol.pauseWriting = () => void (isPaused = true);
      protocol.resumeWriting = () => void (isPaused = false);
      const transport = await open(loop, ours, protocol);
      let most = 0;
      for (let turn = 0; turn < 300; turn++) {
        for (let n = 0; n < 100 && !isPaused; n++) transport.write(Buffer.alloc(4096));
        most = Math.max(most, transport.getWriteBufferSize());
        peer.recv(1);
        await iterations(1);
      }
      expect(isPaused).toBe(true);
      expect(most).toBeLessThanOrEqual(65_536 + 4096);
      transport.abort();
      await protocol.lost;
      peer.close();
    }),
  );
});

describe('faults that a kernel does not make on request', () => {
  test.each(['EPIPE', 'ECONNRESET'])('%s from a write ends the connection, unreported', (code) =>
    inMemory(async ({ loop }) => {
      const [ours, peer] = memoryPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      ours.end.writeFailure = code;
      transport.write(Buffer.from('x'));
      await protocol.lost;
      expect(protocol.error).toMatchObject({ code, syscall: 'send' });
      expect(protocol.events.filter((event) => event.startsWith('lost'))).toHaveLength(1);
      peer.close();
    })(),
  );

  test.each([1, 7, 4096])('writes of which %d bytes are taken at a time lose nothing and keep their order', (atMost) =>
    inMemory(async ({ loop }) => {
      const [ours, peer] = memoryPair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      ours.end.atMost = atMost;
      const pieces = [Buffer.from('first '), Buffer.from('second '), Buffer.alloc(20, 'third')];
      transport.write(pieces[0]!);
      transport.writelines(pieces.slice(1));
      transport.writeEof();
      const got: Buffer[] = [];
      for (let piece = drain(peer); piece !== null; piece = drain(peer)) {
        got.push(piece);
        await iterations(1);
      }
      expect(Buffer.concat(got).toString()).toBe(Buffer.concat(pieces).toString());
      peer.close();
      await protocol.lost;
    })(),
  );

  test(
    'readiness that comes late delays everything and changes nothing',
    inMemory(async ({ loop }) => {
      const [ours, peer] = memoryPair();
      const protocol = new Recorder(loop);
      await open(loop, ours, protocol);
      ours.end.delay = 10;
      peer.send(Buffer.from('late'));
      await iterations(9);
      expect(protocol.received).toBe('');
      await protocol.bytes(4);
      peer.reset();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'data 4', 'lost ConnectionResetError']);
    }),
  );
});

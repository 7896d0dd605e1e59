import { leakAudit } from '@tsyncio/test-support';

import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { drain, fill, iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

eachBackend(({ inLoop, pair }) => {
  /** A transport whose kernel buffer is full; `release` empties it. */
  async function clogged(loop: Parameters<typeof open>[0], protocol = new Recorder(loop)) {
    const [ours, peer] = pair();
    const transport = await open(loop, ours, protocol);
    const taken = fill(ours);
    const release = async (): Promise<void> => {
      drain(peer, taken);
      await iterations(4);
    };
    const end = async (): Promise<void> => {
      transport.abort();
      await iterations(3);
      peer.close();
    };
    return { transport, protocol, peer, release, end };
  }

  test(
    'FLOW-01 FLOW-02 the default marks, and how one mark sets the other',
    inLoop(async ({ loop }) => {
      const { transport, end } = await clogged(loop);
      const limits = (given?: Parameters<typeof transport.setWriteBufferLimits>[0]): readonly number[] => {
        transport.setWriteBufferLimits(given);
        return transport.getWriteBufferLimits();
      };
      expect(transport.getWriteBufferLimits()).toEqual([16384, 65536]);
      expect(limits({ high: 1001 })).toEqual([250, 1001]);
      expect(limits({ low: 100 })).toEqual([100, 400]);
      expect(limits({ high: 7, low: 7 })).toEqual([7, 7]);
      expect(limits({ high: 0 })).toEqual([0, 0]);
      expect(limits({ high: null, low: undefined })).toEqual([16384, 65536]);
      limits({ high: 1 });
      expect(limits()).toEqual([16384, 65536]);
      await end();
    }),
  );

  test(
    'FLOW-03 impossible marks are refused and change nothing',
    inLoop(async ({ loop }) => {
      const { transport, end } = await clogged(loop);
      for (const wrong of [
        { high: 1, low: 2 },
        { high: -1 },
        { low: -1 },
        { high: 0, low: 1 },
        { high: NaN },
        { low: NaN },
      ]) {
        expect(() => transport.setWriteBufferLimits(wrong)).toThrow(expect.objectContaining({ name: 'ValueError' }));
      }
      for (const wrong of [{ high: '1' }, { low: {} }, 7, null]) {
        expect(() => transport.setWriteBufferLimits(wrong as never)).toThrow(TypeError);
      }
      expect(transport.getWriteBufferLimits()).toEqual([16384, 65536]);
      await end();
    }),
  );

  test(
    'FLOW-04 FLOW-05 the protocol is paused inside write above the high mark, once, and resumed at the low one',
    inLoop(async ({ loop }) => {
      const { transport, protocol, peer, release, end } = await clogged(loop);
      transport.setWriteBufferLimits({ high: 10, low: 5 });
      transport.write(Buffer.from('0123456789'));
      expect(protocol.events).toEqual(['made']);
      transport.write(Buffer.from('!'));
      expect(protocol.events).toEqual(['made', 'pause']);
      transport.write(Buffer.alloc(100, '?'));
      expect(protocol.events).toEqual(['made', 'pause']);
      await release();
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
      expect(drain(peer)!.toString()).toBe(`0123456789!${'?'.repeat(100)}`);
      transport.write(Buffer.from('at once'));
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
      await end();
    }),
  );

  test(
    'FLOW-06 with marks of 0 any buffered byte pauses',
    inLoop(async ({ loop }) => {
      const { transport, protocol, release, end } = await clogged(loop);
      transport.setWriteBufferLimits({ high: 0 });
      transport.write(Buffer.from('x'));
      expect(protocol.events).toEqual(['made', 'pause']);
      await release();
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
      await end();
    }),
  );

  test(
    'FLOW-07 new limits may pause at once, and never resume',
    inLoop(async ({ loop }) => {
      const { transport, protocol, release, end } = await clogged(loop);
      transport.write(Buffer.from('0123456789'));
      transport.setWriteBufferLimits({ high: 9 });
      expect(protocol.events).toEqual(['made', 'pause']);
      transport.setWriteBufferLimits({ high: 1000, low: 900 });
      expect(protocol.events).toEqual(['made', 'pause']);
      await release();
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
      await end();
    }),
  );

  test.each(['throws', 'rejects'] as const)(
    'FLOW-08 a callback of flow control that %s is reported, and writing goes on',
    (way) =>
      inLoop(async ({ loop, reports }) => {
        const protocol = new Recorder(loop);
        const error = new Error('on purpose');
        const fail = (): void => {
          if (way === 'throws') throw error;
          return Promise.reject(error) as never;
        };
        protocol.pauseWriting = fail;
        protocol.resumeWriting = fail;
        const { transport, peer, release, end } = await clogged(loop, protocol);
        transport.setWriteBufferLimits({ high: 0 });
        transport.write(Buffer.from('x'));
        await release();
        expect(reports.splice(0)).toEqual([
          { message: 'protocol.pauseWriting() failed', exception: error, transport, protocol },
          { message: 'protocol.resumeWriting() failed', exception: error, transport, protocol },
        ]);
        expect(drain(peer)!.toString()).toBe('x');
        expect(transport.isClosing()).toBe(false);
        await end();
      })(),
  );

  test(
    'FLOW-09 a closing flush resumes before connectionLost, an abort does not',
    inLoop(async ({ loop }) => {
      const flushed = await clogged(loop);
      flushed.transport.setWriteBufferLimits({ high: 0 });
      flushed.transport.write(Buffer.from('x'));
      flushed.transport.close();
      await flushed.release();
      expect(flushed.protocol.events).toEqual(['made', 'pause', 'resume', 'lost null']);

      const aborted = await clogged(loop);
      aborted.transport.setWriteBufferLimits({ high: 0 });
      aborted.transport.write(Buffer.from('x'));
      aborted.transport.abort();
      await aborted.release();
      expect(aborted.protocol.events).toEqual(['made', 'pause', 'lost null']);
      await flushed.end();
      await aborted.end();
    }),
  );

  test(
    'FLOW-10 data written inside resumeWriting is accepted and may pause again',
    inLoop(async ({ loop }) => {
      const protocol = new Recorder(loop);
      const big = Buffer.alloc(1_000_000, 'b');
      protocol.resumeWriting = () => {
        protocol.events.push('resume');
        if (protocol.events.length === 3) protocol.transport.write(big);
      };
      const { transport, peer, release, end } = await clogged(loop, protocol);
      transport.setWriteBufferLimits({ high: 0 });
      transport.write(Buffer.from('x'));
      await release();
      expect(protocol.events).toEqual(['made', 'pause', 'resume', 'pause']);
      let got = 0;
      while (got < big.length + 1) {
        got += drain(peer)!.length;
        await iterations(2);
      }
      expect(protocol.events).toEqual(['made', 'pause', 'resume', 'pause', 'resume']);
      await end();
    }),
  );

  test.each(['close', 'abort'] as const)('the protocol may %s inside pauseWriting and resumeWriting', (how) =>
    inLoop(async ({ loop }) => {
      for (const callback of ['pauseWriting', 'resumeWriting'] as const) {
        const protocol = new Recorder(loop);
        protocol[callback] = () => protocol.transport[how]();
        const { transport, release, end } = await clogged(loop, protocol);
        transport.setWriteBufferLimits({ high: 0 });
        transport.write(Buffer.from('x'));
        await release();
        expect(protocol.events.filter((event) => event === 'lost null')).toHaveLength(1);
        await end();
      }
    })(),
  );

  test(
    'a reader that stops bounds the memory of a writer that heeds pauseWriting',
    inLoop(async ({ loop }) => {
      const [ours, theirs] = pair();
      const reader = new Recorder(loop);
      const writer = new Recorder(loop);
      let isPaused = false;
      let written = 0;
      writer.pauseWriting = () => {
        isPaused = true;
      };
      writer.resumeWriting = () => {
        isPaused = false;
        loop.callSoon(pump);
      };
      const out = await open(loop, ours, writer);
      const back = await open(loop, theirs, reader);
      let most = 0;
      const pump = (): void => {
        while (!isPaused && written < 3_000_000) {
          out.write(Buffer.alloc(10_000));
          written += 10_000;
          most = Math.max(most, out.getWriteBufferSize());
        }
      };
      back.pauseReading();
      pump();
      await iterations(5);
      expect(written).toBeLessThan(1_000_000);
      back.resumeReading();
      await reader.bytes(3_000_000);
      expect(most).toBeLessThanOrEqual(65536 + 10_000);
      out.close();
      await writer.lost;
      await reader.lost;
    }),
  );
});

import { sleep } from '@tsyncio/futures-tasks';
import { BufferedProtocol } from '@tsyncio/transports-protocols';
import type { TaskLoop, Future } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';

import { open } from '@tsyncio/test-support/loops/recorder';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { iterations } from '@tsyncio/test-support/loops/world';

leakAudit();

eachBackend(({ inLoop, pair }) => {
  class Memory extends BufferedProtocol {
    readonly events: string[] = [];
    error: Error | null | undefined = undefined;
    readonly lost: Future<void>;
    constructor(
      loop: TaskLoop<never>,
      readonly memory: Uint8Array,
    ) {
      super();
      this.lost = loop.createFuture<void>();
    }
    override getBuffer(sizeHint: number): Uint8Array {
      this.events.push(`get ${sizeHint}`);
      return this.memory;
    }
    override bufferUpdated(nbytes: number): unknown {
      this.events.push(`got ${Buffer.from(this.memory.subarray(0, nbytes)).toString()}`);
      return undefined;
    }
    override eofReceived(): unknown {
      this.events.push('eof');
      return undefined;
    }
    override connectionLost(error: Error | null): void {
      this.error = error;
      this.events.push('lost');
      this.lost.setResult(undefined);
    }
  }

  test(
    'BUFPROTO-01 BUFPROTO-02 BUFPROTO-03 data goes straight into the memory of the protocol',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Memory(loop as never, Buffer.alloc(4));
      await open(loop, ours, protocol);
      peer.send(Buffer.from('0123456789'));
      await iterations(4);
      expect(protocol.events).toEqual(['get -1', 'got 0123', 'get -1', 'got 4567', 'get -1', 'got 89']);
      peer.close();
      await protocol.lost;
      expect(protocol.events.slice(6)).toEqual(['get -1', 'eof', 'lost']);
      expect(protocol.error).toBeNull();
    }),
  );

  test(
    'BUFPROTO-08 the memory may be a view of a larger one',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const whole = new Uint8Array(10).fill(46);
      const protocol = new Memory(loop as never, whole.subarray(3, 6));
      await open(loop, ours, protocol);
      peer.send(Buffer.from('abc'));
      await iterations(2);
      expect(Buffer.from(whole).toString()).toBe('...abc....');
      peer.close();
      await protocol.lost;
    }),
  );

  test.each<[string, (this: Memory) => unknown, string]>([
    ['is empty', () => new Uint8Array(0), 'RuntimeError'],
    ['is missing', () => undefined, 'TypeError'],
    ['is no memory', () => 'text', 'TypeError'],
    [
      'fails',
      () => {
        throw new RangeError('on purpose');
      },
      'RangeError',
    ],
  ])('BUFPROTO-04 a buffer that %s is reported and ends the connection', (_title, getBuffer, name) =>
    inLoop(async ({ loop, reports }) => {
      const [ours, peer] = pair();
      const protocol = new Memory(loop as never, Buffer.alloc(4));
      protocol.getBuffer = getBuffer as never;
      const transport = await open(loop, ours, protocol);
      peer.send(Buffer.from('x'));
      await protocol.lost;
      expect(protocol.error).toMatchObject({ name });
      expect(protocol.events).toEqual(['lost']);
      const message = 'Fatal error: protocol.getBuffer() call failed.';
      expect(reports.splice(0)).toEqual([{ message, exception: protocol.error, transport, protocol }]);
      peer.close();
    })(),
  );

  test.each(['throws', 'rejects'] as const)('BUFPROTO-05 bufferUpdated that %s ends the connection', (way) =>
    inLoop(async ({ loop, reports }) => {
      const [ours, peer] = pair();
      const protocol = new Memory(loop as never, Buffer.alloc(4));
      const error = new Error('on purpose');
      protocol.bufferUpdated = () => {
        if (way === 'throws') throw error;
        return Promise.resolve(sleep(0)).then(() => Promise.reject(error));
      };
      const transport = await open(loop, ours, protocol);
      peer.send(Buffer.from('x'));
      await protocol.lost;
      expect(protocol.error).toBe(error);
      const message = 'Fatal error: protocol.bufferUpdated() call failed.';
      expect(reports.splice(0)).toEqual([{ message, exception: error, transport, protocol }]);
      peer.close();
    })(),
  );

  test(
    'closing inside getBuffer delivers nothing',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Memory(loop as never, Buffer.alloc(4));
      const transport = await open(loop, ours, protocol);
      protocol.getBuffer = () => {
        transport.close();
        return Buffer.alloc(4);
      };
      peer.send(Buffer.from('x'));
      await protocol.lost;
      expect(protocol.events).toEqual(['lost']);
      peer.close();
    }),
  );
});

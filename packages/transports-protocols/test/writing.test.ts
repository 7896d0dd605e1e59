import { osError } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { Socket } from '@tsyncio/socket';
import { StreamTransport } from '@tsyncio/transports-protocols';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';

import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { ScriptedIo } from './support/scripted-io.js';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { drain, fill, iterations } from '@tsyncio/test-support/loops/world';

const audit = leakAudit();

eachBackend(({ inLoop, pair, tcpPair }) => {
  const text = (data: Buffer | null): string | undefined => data?.toString();

  test(
    'TRANSPORT-10 write takes any Uint8Array, refuses everything else, and ignores empty data',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      for (const wrong of [
        'text',
        null,
        undefined,
        7,
        [1, 2],
        new ArrayBuffer(2),
        new DataView(new ArrayBuffer(2)),
        new Uint16Array(2),
        {},
      ]) {
        expect(() => transport.write(wrong as never)).toThrow(TypeError);
        expect(() => transport.writelines([Buffer.from('x'), wrong as never])).toThrow(TypeError);
      }
      for (const wrong of ['text', null, 7, Buffer.from('x'), {}]) {
        expect(() => transport.writelines(wrong as never)).toThrow(TypeError);
      }
      transport.write(new Uint8Array(0));
      transport.writelines([]);
      transport.writelines([new Uint8Array(0)]);
      expect(text(drain(peer))).toBe('');
      transport.write(Buffer.from('a'));
      transport.write(new Uint8Array([98]));
      transport.write(Buffer.from('xcx').subarray(1, 2));
      expect(text(drain(peer))).toBe('abc');
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'TRANSPORT-11 a write to an empty buffer is sent at once and leaves the data alone',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const data = Buffer.from('at once');
      transport.write(data);
      expect(text(drain(peer))).toBe('at once');
      expect(data.toString()).toBe('at once');
      expect(transport.getWriteBufferSize()).toBe(0);
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'TRANSPORT-12 TRANSPORT-13 FLOW-01 what the kernel does not take is copied, and sent in order when it does',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const taken = fill(ours);
      const data = Buffer.from('first,');
      transport.write(data);
      data.fill('x');
      transport.write(Buffer.from('second,'));
      transport.writelines([Buffer.from('third'), Buffer.from(',')]);
      expect(transport.getWriteBufferSize()).toBe(19);
      expect(String(transport)).toContain('write=<polling, bufsize=19>');
      drain(peer, taken);
      await iterations(3);
      expect(text(drain(peer))).toBe('first,second,third,');
      expect(transport.getWriteBufferSize()).toBe(0);
      expect(String(transport)).toContain('write=<idle, bufsize=0>');
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'many megabytes go through unchanged, by write and by writelines',
    inLoop(async ({ loop }) => {
      const [ours, theirs] = tcpPair();
      const sender = new Recorder(loop);
      const receiver = new Recorder(loop);
      const out = await open(loop, ours, sender);
      await open(loop, theirs, receiver);
      const data = Buffer.alloc(8_000_000);
      for (let i = 0; i < data.length; i += 4) data.writeUInt32LE(i, i);
      out.write(data);
      const pieces: Buffer[] = [];
      for (let at = 0; at < data.length; at += 10_007) pieces.push(data.subarray(at, at + 10_007));
      out.writelines(pieces);
      out.close(); // sends everything first
      const got = await receiver.bytes(2 * data.length);
      await receiver.lost;
      await sender.lost;
      expect(got.equals(Buffer.concat([data, data]))).toBe(true);
      expect(sender.error).toBeNull();
    }),
  );

  test(
    'writelines sends more pieces than one system call takes, and buffers a rest that begins within a piece',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const pieces = Array.from({ length: 300 }, (_, i) => Buffer.from(`${i};`));
      transport.writelines(pieces);
      expect(text(drain(peer))).toBe(Buffer.concat(pieces).toString());
      function* generated(): Generator<Uint8Array> {
        yield Buffer.from('from ');
        yield Buffer.from('a generator');
      }
      transport.writelines(generated());
      expect(text(drain(peer))).toBe('from a generator');
      const big = Array.from({ length: 5 }, (_, i) => Buffer.alloc(100_000, String(i)));
      transport.writelines(big);
      expect(transport.getWriteBufferSize()).toBeGreaterThan(0);
      const got: Buffer[] = [];
      for (let size = 0; size < 500_000;) {
        const piece = drain(peer)!;
        size += piece.length;
        got.push(piece);
        await iterations(2);
      }
      expect(Buffer.concat(got).equals(Buffer.concat(big))).toBe(true);
      transport.close();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'TRANSPORT-14 TRANSPORT-32 a peer that is gone: write does not throw, the connection is lost with the error',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      transport.pauseReading();
      peer.close();
      transport.write(Buffer.from('x'));
      expect(transport.isClosing()).toBe(true);
      expect(protocol.events).toEqual(['made']);
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost BrokenPipeError']);
      expect(protocol.error).toMatchObject({ code: 'EPIPE' });
    }),
  );

  test(
    'TRANSPORT-14 a peer that goes while data waits: the rest is dropped',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      transport.pauseReading();
      transport.write(Buffer.alloc(2_000_000));
      expect(transport.getWriteBufferSize()).toBeGreaterThan(0);
      peer.close();
      await protocol.lost;
      expect(protocol.error).toMatchObject({ name: expect.stringMatching(/BrokenPipeError|ConnectionResetError/) });
      expect(transport.getWriteBufferSize()).toBe(0);
    }),
  );

  test(
    'TRANSPORT-15 writes to a lost connection are ignored; from the fifth on each is warned about',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      transport.close();
      for (let i = 0; i < 4; i++) transport.write(Buffer.from('x'));
      expect(audit.takeRecords()).toEqual([]);
      transport.write(Buffer.from('x'));
      await protocol.lost;
      transport.writelines([Buffer.from('x')]);
      expect(audit.takeRecords().map(({ level, message }) => `${level}: ${message}`)).toEqual([
        'warning: socket.send() raised exception.',
        'warning: socket.send() raised exception.',
      ]);
      expect(() => transport.write('x' as never)).toThrow(TypeError);
      expect(drain(peer)).toBeNull();
      peer.close();
    }),
  );

  test(
    'TRANSPORT-16 TRANSPORT-20 close sends what is buffered, and what is written meanwhile, before connectionLost',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const taken = fill(ours);
      transport.write(Buffer.from('buffered '));
      transport.close();
      expect(transport.isClosing()).toBe(true);
      transport.write(Buffer.from('and more'));
      await iterations(4);
      expect(protocol.events).toEqual(['made']);
      drain(peer, taken);
      await protocol.lost;
      expect(text(drain(peer))).toBe('buffered and more');
      expect(drain(peer)).toBeNull();
      expect(protocol.events).toEqual(['made', 'lost null']);
      peer.close();
    }),
  );

  test(
    'TRANSPORT-17 TRANSPORT-18 writeEof ends the sending direction only',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      expect(transport.canWriteEof()).toBe(true);
      transport.writeEof();
      transport.writeEof();
      expect(drain(peer)).toBeNull();
      for (const data of [Buffer.from('x'), Buffer.alloc(0)]) {
        expect(() => transport.write(data)).toThrow(
          expect.objectContaining({ name: 'RuntimeError', message: 'Cannot call write() after writeEof()' }),
        );
        expect(() => transport.writelines([data])).toThrow(expect.objectContaining({ name: 'RuntimeError' }));
      }
      peer.send(Buffer.from('still read'));
      expect((await protocol.bytes(10)).toString()).toBe('still read');
      transport.close();
      await protocol.lost;
      transport.writeEof();
      peer.close();
    }),
  );

  test(
    'TRANSPORT-17 writeEof waits for the buffer; writeEof after close does nothing',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const transport = await open(loop, ours, protocol);
      const taken = fill(ours);
      transport.write(Buffer.from('rest'));
      transport.writeEof();
      drain(peer, taken);
      await iterations(3);
      expect(text(drain(peer))).toBe('rest');
      expect(drain(peer)).toBeNull();
      peer.send(Buffer.from('x'));
      await protocol.bytes(1);
      transport.close();
      transport.writeEof();
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'data 1', 'lost null']);
      peer.close();
    }),
  );

  describe('over a scripted channel', () => {
    /** A transport whose kernel is played by the test; `pass` runs the loop for some iterations. */
    async function scripted() {
      const io = new ScriptedIo();
      const loop = new TaskLoop({ backend: io });
      const reports = recordExceptions(loop);
      const protocol = new Recorder(loop);
      const socket = new Socket();
      const transport = new StreamTransport(loop, socket, protocol);
      const pass = async (): Promise<void> => {
        for (let i = 0; i < 3; i++) {
          loop.stop();
          await loop.runForever();
        }
      };
      await pass();
      const end = (): void => {
        socket.close();
        loop.close();
      };
      return { channel: io.channel, loop, reports, protocol, transport, pass, end };
    }

    test('TRANSPORT-12 a send of 0 bytes keeps everything', async () => {
      const { channel, transport, pass, end } = await scripted();
      channel.room = 0;
      transport.write(Buffer.from('abc'));
      expect(channel.watching).toBe(true);
      channel.becomesWritable(0);
      await pass();
      expect(transport.getWriteBufferSize()).toBe(3);
      channel.becomesWritable(2);
      await pass();
      expect(transport.getWriteBufferSize()).toBe(1);
      channel.becomesWritable();
      await pass();
      expect(Buffer.concat(channel.written).toString()).toBe('abc');
      expect(channel.watching).toBe(false);
      end();
    });

    test('TRANSPORT-14 an error that is not of the network is reported as well', async () => {
      const { channel, transport, protocol, reports, pass, end } = await scripted();
      const failure = new TypeError('on purpose');
      channel.failure = failure;
      transport.write(Buffer.from('abc'));
      expect(reports).toEqual([
        { message: 'Fatal write error on socket transport', exception: failure, transport, protocol },
      ]);
      await pass();
      expect(protocol.error).toBe(failure);
      end();
    });

    test('TRANSPORT-14 a later send that fails discards the buffer', async () => {
      const { channel, transport, protocol, reports, pass, end } = await scripted();
      channel.room = 0;
      transport.write(Buffer.from('abc'));
      channel.failure = osError({ code: 'ECONNRESET', syscall: 'send' });
      channel.becomesWritable();
      await pass();
      expect(protocol.events).toEqual(['made', 'lost ConnectionResetError']);
      expect(channel.written.join('')).toBe('');
      expect(reports).toEqual([]);
      end();
    });

    test('a message costs one system call and no buffer', async () => {
      const { channel, transport, end } = await scripted();
      transport.write(Buffer.from('abc'));
      transport.writelines([Buffer.from('d'), Buffer.from('e')]);
      expect(channel.calls).toEqual(['write 3', 'writev 2']);
      expect(channel.watching).toBe(false);
      end();
    });

    test('bytes that a completion backend has not sent yet count as buffered', async () => {
      const { channel, transport, protocol, pass, end } = await scripted();
      channel.completes = true;
      transport.setWriteBufferLimits({ high: 5, low: 0 });
      transport.write(Buffer.from('abc'));
      expect(transport.getWriteBufferSize()).toBe(3);
      transport.write(Buffer.from('def'));
      expect(protocol.events).toEqual(['made', 'pause']);
      transport.writeEof();
      transport.close();
      await pass();
      expect(protocol.events).toEqual(['made', 'pause']);
      channel.sent();
      await pass();
      expect(protocol.events).toEqual(['made', 'pause', 'resume', 'lost null']);
      expect(channel.fd).toBe(-1);
      end();
    });

    test('writeEof on a completion backend follows the last byte', async () => {
      const { channel, transport, pass, end } = await scripted();
      channel.completes = true;
      transport.write(Buffer.from('abc'));
      transport.writeEof();
      channel.sent();
      await pass();
      channel.sent();
      await pass();
      expect(channel.calls).toEqual(['write 3', 'shutdown']);
      end();
    });
  });
});

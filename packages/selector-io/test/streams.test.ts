import { AsyncLocalStorage } from 'node:async_hooks';

import type { ExceptionContext, OSError } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import { addReader, addWriter, removeReader, removeWriter, type SelectorIo } from '@tsyncio/selector-io';
import { Socket, socketpair, type StreamChannel, type StreamSink, SO_LINGER, SOL_SOCKET } from '@tsyncio/socket';
import { collectGarbage, leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';
import { iterations } from './support/loops.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';

leakAudit();

eachSelector((makeLoop) => {
  let loop: TaskLoop<SelectorIo>;
  /** The far end, blocking. */
  let far: Socket;
  let near: Socket;
  let sink: Recorder;
  let channel: StreamChannel;

  /** Writes down what the channel says. */
  class Recorder implements StreamSink {
    buffered = false;
    closing = false;
    memory: Uint8Array | null = null;
    readonly data: Buffer[] = [];
    readonly log: string[] = [];
    error: OSError | null = null;
    onReady: (() => void) | null = null;

    get text(): string {
      return Buffer.concat(this.data).toString();
    }
    getBuffer(sizeHint: number): Uint8Array | null {
      this.log.push(`getBuffer ${sizeHint}`);
      return this.memory;
    }
    onBuffer(nbytes: number): void {
      this.log.push(`buffer ${nbytes}`);
    }
    onData(data: Buffer): unknown {
      this.data.push(data);
      this.log.push(`data ${data.length}`);
      return this.onReady?.();
    }
    onEof(): void {
      this.log.push('eof');
    }
    onWritable(): void {
      this.log.push('writable');
      this.onReady?.();
    }
    onError(error: OSError): void {
      this.error = error;
      this.log.push('error');
    }
    isClosing(): boolean {
      return this.closing;
    }
  }

  beforeEach(() => {
    loop = makeLoop();
    [near, far] = socketpair();
    sink = new Recorder();
    channel = loop.backend.openStream(near, sink, loop);
  });

  afterEach(() => {
    loop.close(); // closes the channel as well
    far.close();
  });

  describe('reading', () => {
    test('one receive an iteration, in memory that the receiver owns', async () => {
      far.send(Buffer.from('before'));
      await iterations(loop, 2);
      expect(sink.log).toEqual([]); // opened, not reading
      channel.startReading();
      channel.startReading();
      await iterations(loop, 1);
      far.send(Buffer.from('after'));
      await iterations(loop, 2);
      expect(sink.log).toEqual(['data 6', 'data 5']);
      expect(sink.data.map(String)).toEqual(['before', 'after']);
    });

    test('a slice is never written again, however much arrives later', async () => {
      channel.startReading();
      const sent: string[] = [];
      for (let i = 0; i < 300; i++) {
        const message = String.fromCharCode(97 + (i % 26)).repeat(1 + ((i * 37) % 3000));
        sent.push(message);
        far.send(Buffer.from(message));
        await iterations(loop, 1);
      }
      expect(sink.data.map(String)).toEqual(sent);
      const blocks = new Set(sink.data.map((data) => data.buffer));
      expect(blocks.size).toBeGreaterThan(1);
      expect(blocks.size).toBeLessThan(20); // shared, not one for each message
    });

    test('a slice cannot take the memory of its neighbours along', async () => {
      channel.startReading();
      far.send(Buffer.from('one'));
      await iterations(loop, 1);
      const [first] = sink.data as [Buffer];
      try {
        structuredClone(first, { transfer: [first.buffer as ArrayBuffer] });
      } catch {
        // Node 20 copies it, later versions refuse.
      }
      expect(String(first)).toBe('one');
      // ArrayBuffer.prototype.transfer: Node 22 has it and lets it happen, later versions refuse it too.
      const { buffer } = first as unknown as { buffer: { transfer?(): ArrayBuffer } };
      let taken: ArrayBuffer | undefined;
      try {
        taken = buffer.transfer?.();
      } catch {
        expect(String(first)).toBe('one');
      }
      far.send(Buffer.from('two'));
      await iterations(loop, 1);
      expect(String(sink.data[1])).toBe('two');
      // Nothing is received into memory that is someone else's now.
      if (taken !== undefined) expect(Buffer.from(taken, 0, 16).toString()).not.toContain('two');
    });

    test('large messages: every byte, in order', async () => {
      const all = Buffer.alloc(3 << 20, 'The quick brown fox jumps over the lazy dog. ');
      far.setblocking(false);
      channel.startReading();
      for (let sent = 0; sent < all.length;) {
        try {
          sent += far.send(all.subarray(sent, sent + (1 << 18)));
        } catch (error) {
          expect((error as OSError).code).toBe('EAGAIN');
        }
        await iterations(loop, 1);
      }
      while (sink.text.length < all.length) await iterations(loop, 1);
      expect(Buffer.concat(sink.data).equals(all)).toBe(true);
      expect(Math.max(...sink.data.map((data) => data.length))).toBeGreaterThan(64 * 1024);
    });

    test('into the memory of the sink, chosen before every read', async () => {
      sink.buffered = true;
      sink.memory = Buffer.alloc(4, '-');
      channel.startReading();
      far.send(Buffer.from('abcdef'));
      await iterations(loop, 1);
      expect(String(sink.memory)).toBe('abcd');
      expect(sink.log).toEqual(['getBuffer -1', 'buffer 4']);
      await iterations(loop, 1);
      expect(Buffer.from(sink.memory).toString()).toBe('efcd');
      sink.memory = null;
      far.send(Buffer.from('skipped'));
      await iterations(loop, 1);
      expect(sink.log.slice(2)).toEqual(['getBuffer -1', 'buffer 2', 'getBuffer -1']);
      sink.buffered = false;
      await iterations(loop, 1);
      expect(sink.text).toBe('skipped');
    });

    test('the end of the stream is told once; startReading tells it again', async () => {
      channel.startReading();
      far.close();
      await iterations(loop, 3);
      expect(sink.log).toEqual(['eof']);
      channel.startReading();
      await iterations(loop, 2);
      expect(sink.log).toEqual(['eof', 'eof']);
    });

    test('stopReading holds also for what is queued; what arrived stays', async () => {
      channel.startReading();
      far.send(Buffer.from('x'));
      loop.callSoon(() => channel.stopReading()); // runs after the poll of the same iteration
      await iterations(loop, 2);
      expect(sink.log).toEqual([]);
      channel.stopReading();
      channel.startReading();
      await iterations(loop, 1);
      expect(sink.log).toEqual(['data 1']);
    });

    test('stopped and started in one iteration: read in the next one', async () => {
      channel.startReading();
      far.send(Buffer.from('x'));
      loop.callSoon(() => {
        channel.stopReading();
        channel.startReading();
      });
      await iterations(loop, 1);
      expect(sink.log).toEqual([]);
      await iterations(loop, 1);
      expect(sink.log).toEqual(['data 1']);
    });

    test('a reset is an error, and ends the watching', async () => {
      const server = new Socket();
      server.bind(['127.0.0.1', 0]);
      server.listen();
      const client = new Socket();
      client.connect(server.getsockname());
      const [accepted] = server.accept();
      const other = new Recorder();
      const stream = loop.backend.openStream(accepted, other, loop);
      stream.startReading();
      client.setsockopt(SOL_SOCKET, SO_LINGER, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
      client.close();
      await iterations(loop, 3);
      expect(other.log).toEqual(['error']);
      expect(other.error).toMatchObject({ name: 'ConnectionResetError', code: 'ECONNRESET', syscall: 'recv' });
      expect(loop.backend.active).toBe(false);
      stream.close();
      server.close();
    });

    test('an async onData is a step: its continuation comes before anything else, writing included', async () => {
      class Asynchronous extends Recorder {
        override async onData(): Promise<void> {
          this.log.push('begin');
          await Promise.resolve();
          this.log.push('end');
        }
      }
      const [c, d] = socketpair();
      const other = new Asynchronous();
      const stream = loop.backend.openStream(c, other, loop);
      stream.startReading();
      stream.watchWritable();
      d.send(Buffer.from('x'));
      await iterations(loop, 2);
      expect(other.log).toEqual(['begin', 'end', 'writable']);
      stream.close();
      d.close();
    });

    test('what is no promise is no step, whatever its methods are called', async () => {
      const [c, d] = socketpair();
      let begun = 0;
      const other = new Recorder();
      other.onReady = () => ({ then: () => void begun++ }) as never;
      const stream = loop.backend.openStream(c, other, loop);
      stream.startReading();
      stream.watchWritable();
      d.send(Buffer.from('x'));
      while (other.log.length < 2) await iterations(loop, 1);
      expect(other.log).toEqual(['data 1', 'writable']);
      expect(begun).toBe(0);
      stream.close();
      d.close();
    });

    test('a callback that throws is reported, and reading goes on', async () => {
      const reports: ExceptionContext[] = [];
      loop.setExceptionHandler((_loop, context) => void reports.push(context));
      channel.startReading();
      sink.onReady = () => {
        throw new Error('on purpose');
      };
      far.send(Buffer.from('x'));
      await iterations(loop, 1);
      sink.onReady = null;
      far.send(Buffer.from('y'));
      await iterations(loop, 1);
      expect(reports.map((report) => (report.exception as Error).message)).toEqual(['on purpose']);
      expect(sink.text).toBe('xy');
    });

    test('one busy stream does not starve another', async () => {
      const [near2, far2] = socketpair();
      const second = new Recorder();
      const stream = loop.backend.openStream(near2, second, loop);
      far.setblocking(false);
      thrown(() => {
        for (;;) far.send(Buffer.alloc(65536));
      });
      far2.send(Buffer.from('x'));
      channel.startReading();
      stream.startReading();
      await iterations(loop, 1);
      expect(second.text).toBe('x');
      stream.close();
      far2.close();
    });
  });

  describe('writing', () => {
    test('at once, what the kernel takes; 0 when it would block; onWritable while watched', async () => {
      expect(channel.write(Buffer.from('abc'))).toBe(3);
      expect(channel.write(new Uint8Array(0))).toBe(0);
      expect(far.recv(10).toString()).toBe('abc');
      const chunk = Buffer.alloc(1 << 16, 'z');
      let written = 0;
      for (let n; (n = channel.write(chunk)) > 0;) written += n;
      expect(channel.unsent).toBe(0);
      channel.watchWritable();
      channel.watchWritable();
      await iterations(loop, 2);
      expect(sink.log).toEqual([]);
      for (let got = 0; got < written;) got += far.recv(1 << 20).length;
      await iterations(loop, 2);
      expect(sink.log).toEqual(['writable', 'writable']);
      channel.unwatchWritable();
      channel.unwatchWritable();
      await iterations(loop, 1);
      expect(sink.log).toHaveLength(2);
    });

    test('unwatchWritable holds also for what is queued', async () => {
      channel.watchWritable();
      loop.callSoon(() => channel.unwatchWritable());
      await iterations(loop, 2);
      expect(sink.log).toEqual([]);
    });

    test('several chunks in one call', () => {
      expect(channel.writev([])).toBe(0);
      expect(
        channel.writev([Buffer.from('ab'), new Uint8Array(0), new Uint8Array([0x63, 0x64, 0x65]).subarray(1)]),
      ).toBe(4);
      expect(far.recv(10).toString()).toBe('abde');
      const many = Array.from({ length: 300 }, (_, i) => Buffer.from(String(i)));
      expect(channel.writev(many)).toBe(Buffer.concat(many).length);
      expect(far.recv(2000).toString()).toBe(Buffer.concat(many).toString());
    });

    test('chunks that do not all fit: a prefix', () => {
      const chunks = Array.from({ length: 100 }, (_, i) => Buffer.alloc(1 << 16, i));
      const all = Buffer.concat(chunks);
      const written = channel.writev(chunks);
      expect(written).toBeGreaterThan(0);
      expect(written).toBeLessThan(all.length);
      expect(channel.writev(chunks)).toBe(0);
      const received: Buffer[] = [];
      for (let got = 0; got < written;) {
        const data = far.recv(1 << 20);
        received.push(data);
        got += data.length;
      }
      expect(Buffer.concat(received).equals(all.subarray(0, written))).toBe(true);
    });

    test('to a peer that is gone is EPIPE', () => {
      far.close();
      expect(thrown(() => channel.write(Buffer.from('x')))).toMatchObject({ name: 'BrokenPipeError', syscall: 'send' });
      expect(thrown(() => channel.writev([Buffer.from('x')]))).toMatchObject({ code: 'EPIPE', syscall: 'sendmsg' });
    });

    test('shutdownWrite ends the stream for the peer, not for us', async () => {
      channel.write(Buffer.from('last'));
      channel.shutdownWrite();
      expect(far.recv(10).toString()).toBe('last');
      expect(far.recv(10)).toHaveLength(0);
      channel.startReading();
      far.send(Buffer.from('still here'));
      await iterations(loop, 1);
      expect(sink.text).toBe('still here');
    });
  });

  describe('closing', () => {
    test('closes the socket once, and nothing is called any more', async () => {
      channel.startReading();
      channel.watchWritable();
      far.send(Buffer.from('x'));
      loop.callSoon(() => channel.close());
      await iterations(loop, 2);
      expect(sink.log).toEqual([]);
      expect(channel.fd).toBe(-1);
      expect(near.closed).toBe(true);
      channel.close();
      channel.stopReading();
      channel.unwatchWritable();
      channel.startReading();
      channel.watchWritable();
      expect(loop.backend.active).toBe(false);
      expect(thrown(() => channel.shutdownWrite())).toMatchObject({ code: 'EBADF' });
      expect(thrown(() => channel.write(Buffer.from('x')))).toMatchObject({ code: 'EBADF' });
    });

    test('inside its own callback', async () => {
      channel.startReading();
      channel.watchWritable();
      far.send(Buffer.from('x'));
      sink.onReady = () => channel.close();
      await iterations(loop, 2);
      expect(sink.log).toEqual(['data 1']);
    });

    test('WAKE-06 the loop closes what is still open', () => {
      channel.startReading();
      loop.close();
      expect(near.closed).toBe(true);
      expect(channel.fd).toBe(-1);
      channel.close();
      expect(far.recv(1)).toHaveLength(0);
    });

    test('WAKE-07 one that nobody refers to stays open, and works', async () => {
      const received: string[] = [];
      const forgotten = ((): WeakRef<Recorder> => {
        const [c, d] = socketpair();
        const other = new Recorder();
        other.onReady = () => void received.push(other.text);
        loop.backend.openStream(c, other, loop).startReading();
        loop.callLater(0.005, () => {
          d.send(Buffer.from('still here'));
          d.close();
        });
        return new WeakRef(other);
      })();
      let looks = 0;
      await collectGarbage(() => ++looks > 3);
      expect(forgotten.deref()).toBeDefined();
      while (received.length === 0) await iterations(loop, 1);
      expect(received).toEqual(['still here']);
    });

    test('a closed one keeps no number: a new descriptor with it is not touched', () => {
      const number = channel.fd;
      channel.close();
      const [c, d] = socketpair();
      expect([c.fileno(), d.fileno()]).toContain(number);
      channel.close();
      near.close();
      c.send(Buffer.from('x'));
      expect(d.recv(1).toString()).toBe('x');
      c.close();
      d.close();
    });
  });

  describe('ownership', () => {
    test('READER-08 the descriptor is refused to user code until its owner is closing', async () => {
      const all = [
        () => addReader(loop, near, () => undefined),
        () => addWriter(loop, near.fileno(), () => undefined),
        () => removeReader(loop, near.fileno()),
        () => removeWriter(loop, near),
      ];
      for (const call of all) {
        expect(thrown(call)).toMatchObject({
          name: 'RuntimeError',
          message: `descriptor ${near.fileno()} is used by a transport`,
        });
      }
      sink.closing = true;
      expect([removeReader(loop, near), removeWriter(loop, near)]).toEqual([false, false]);
      let calls = 0;
      addReader(loop, near, () => void calls++);
      far.send(Buffer.from('x'));
      await iterations(loop, 1);
      expect(calls).toBe(1);
      channel.close(); // takes the user's reader with it
      await iterations(loop, 1);
      expect(calls).toBe(1);
      expect(loop.backend.active).toBe(false);
    });

    test('while a closing owner still writes, its writer is not given away', () => {
      channel.watchWritable();
      sink.closing = true;
      expect(thrown(() => addWriter(loop, near, () => undefined)).name).toBe('RuntimeError');
      expect(thrown(() => removeWriter(loop, near)).name).toBe('RuntimeError');
      expect(removeReader(loop, near)).toBe(false);
    });

    test('one channel for a descriptor; a closed socket; a second loop', () => {
      expect(thrown(() => loop.backend.openStream(near, sink, loop))).toMatchObject({ name: 'RuntimeError' });
      const closed = new Socket();
      closed.close();
      expect(thrown(() => loop.backend.openStream(closed, sink, loop))).toMatchObject({ code: 'EBADF' });
      expect(thrown(() => new TaskLoop({ backend: loop.backend })).name).toBe('RuntimeError');
    });

    test('a reader that the user had on the descriptor gives way', async () => {
      const [c, d] = socketpair();
      let calls = 0;
      addReader(loop, c, () => void calls++);
      d.send(Buffer.from('x'));
      const other = new Recorder();
      const stream = loop.backend.openStream(c, other, loop);
      stream.startReading();
      await iterations(loop, 1);
      expect([calls, other.text]).toEqual([0, 'x']);
      stream.close();
      d.close();
    });

    test('callbacks run in the context of openStream', async () => {
      const storage = new AsyncLocalStorage<string>();
      const [c, d] = socketpair();
      const seen: (string | undefined)[] = [];
      const other = new Recorder();
      other.onReady = () => void seen.push(storage.getStore());
      const stream = storage.run('opened', () => loop.backend.openStream(c, other, loop));
      storage.run('other', () => {
        stream.startReading();
        stream.watchWritable();
      });
      d.send(Buffer.from('x'));
      while (seen.length < 2) await storage.run('run', () => iterations(loop, 1));
      expect(seen).toEqual(['opened', 'opened']);
      stream.close();
      d.close();
    });
  });
});

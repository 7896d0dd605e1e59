import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';

import { CancelledError, NotImplementedError, RuntimeError, ValueError } from '@tsyncio/core';
import { addReader } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { connectReadPipe, connectWritePipe, type PipeLike, type ReadTransport } from '@tsyncio/transports-protocols';

import { Fifo, fillPipe, isOpen, PipeRecorder, pseudoTerminal } from '@tsyncio/test-support/loops/pipes';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { iterations, type World } from '@tsyncio/test-support/loops/world';

leakAudit();

const { O_RDONLY, O_NONBLOCK } = constants;

async function reading(
  { loop }: World,
  pipe: PipeLike,
  recorder = new PipeRecorder(loop),
): Promise<[ReadTransport, PipeRecorder]> {
  return connectReadPipe(loop, () => recorder, pipe);
}

eachBackend(({ name, inLoop: inside, makeLoop, pair, pipe, kernelTest }) => {
  test(
    'PIPE-01 connectReadPipe makes the pipe non-blocking, calls made first, and has the object as extra info',
    inside(async ({ loop }) => {
      const [r, w] = pipe(false);
      const recorder = new PipeRecorder(loop);
      const [transport, protocol] = await connectReadPipe(loop, () => recorder, r);
      expect(protocol).toBe(recorder);
      expect(recorder.transport).toBe(transport);
      expect(recorder.events).toEqual(['made']);
      expect(transport.getExtraInfo('pipe')).toBe(r);
      // Behind the selector's back nothing is left to read: a blocking descriptor would hang here.
      expect(() => r.read(Buffer.alloc(1))).toThrow('EAGAIN');
      transport.close();
      w.close();
      await recorder.lost;
      expect(r.closings).toBe(1);
    }),
  );

  test(
    'PIPE-03 a regular file and a folder are ValueErrors, and stay open',
    inside(async ({ loop }) => {
      for (const path of [__filename, __dirname]) {
        const fd = openSync(path, 'r');
        await expect(connectReadPipe(loop, () => ({}), fd)).rejects.toThrow(ValueError);
        await expect(connectWritePipe(loop, () => ({}), fd)).rejects.toThrow(ValueError);
        expect(isOpen(fd)).toBe(true);
        closeSync(fd);
      }
    }),
  );

  test(
    'PIPE-04 one read in an iteration, of at most 256 KiB',
    inside(async (world) => {
      const [ours, peer] = pair();
      ours.setsockopt(1, 8, 4 << 20); // SO_RCVBUF
      peer.setsockopt(1, 7, 4 << 20); // SO_SNDBUF
      const sent = peer.send(Buffer.alloc(4 << 20));
      const recorder = new PipeRecorder(world.loop);
      const [transport] = await connectReadPipe(world.loop, () => recorder, ours);
      for (let before = 0; recorder.size < sent; before = recorder.pieces.length) {
        await iterations(1);
        expect(recorder.pieces.length - before).toBeLessThanOrEqual(1);
      }
      const sizes = recorder.pieces.map((piece) => piece.length);
      expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
      transport.close();
      await recorder.lost;
      peer.close();
    }),
  );

  test(
    'PIPE-05, PIPE-06 data, then eofReceived and connectionLost in the next iteration, then the pipe is closed',
    inside(async (world) => {
      const { loop } = world;
      const [r, w] = pipe();
      const recorder = new PipeRecorder(loop);
      const [transport] = await connectReadPipe(loop, () => recorder, r);
      w.write(Buffer.from('last words'));
      w.close();
      await recorder.bytes(10);
      expect(recorder.events).toEqual(['made', 'data 10']);
      recorder.connectionLost = (error) => {
        expect(r.closings).toBe(0);
        PipeRecorder.prototype.connectionLost.call(recorder, error);
      };
      await recorder.lost;
      expect(recorder.events).toEqual(['made', 'data 10', 'eof', 'lost null']);
      expect(r.closings).toBe(1);
      expect(transport.isClosing()).toBe(true);
    }),
  );

  test(
    'PIPE-05 an eofReceived that throws is reported, connectionLost follows',
    inside(async (world) => {
      const [r, w] = pipe();
      const recorder = new PipeRecorder(world.loop);
      const failure = new Error('eof');
      recorder.eofReceived = () => {
        throw failure;
      };
      await reading(world, r, recorder);
      w.close();
      await recorder.lost;
      expect(recorder.error).toBeNull();
      expect(world.reports.splice(0).map(({ exception }) => exception)).toEqual([failure]);
    }),
  );

  test(
    'PIPE-07 pause and resume, repeated, and after close',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await reading(world, r);
      transport.pauseReading();
      transport.pauseReading();
      w.write(Buffer.from('abc'));
      await iterations(5);
      expect(recorder.events).toEqual(['made']);
      transport.resumeReading();
      transport.resumeReading();
      expect(await recorder.bytes(3)).toBe('abc');
      transport.close();
      transport.resumeReading();
      transport.pauseReading();
      transport.resumeReading();
      w.write(Buffer.from('x'));
      await recorder.lost;
      transport.pauseReading();
      transport.resumeReading();
      expect(recorder.events).toEqual(['made', 'data 3', 'lost null']);
      w.close();
    }),
  );

  test(
    'PIPE-08 a pause inside made holds',
    inside(async (world) => {
      const [r, w] = pipe();
      w.write(Buffer.from('abc'));
      const recorder = new PipeRecorder(world.loop);
      const made = jest.fn((transport: ReadTransport) => transport.pauseReading());
      recorder.connectionMade = made as never;
      const [transport] = await reading(world, r, recorder);
      await iterations(5);
      expect(made).toHaveBeenCalledTimes(1);
      expect(recorder.size).toBe(0);
      expect(transport.isReading()).toBe(false);
      transport.resumeReading();
      await recorder.bytes(3);
      transport.close();
      await recorder.lost;
      w.close();
    }),
  );

  test(
    'PIPE-09 close: no data or eof any more, connectionLost(null) in the next iteration, once',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await reading(world, r);
      w.write(Buffer.from('unread'));
      w.close();
      transport.close();
      transport.close();
      expect(recorder.events).toEqual(['made']);
      expect(r.isOpen).toBe(true);
      await iterations(1);
      expect(recorder.events).toEqual(['made', 'lost null']);
      expect(r.isOpen).toBe(false);
      transport.close();
      await iterations(3);
      expect(recorder.events).toEqual(['made', 'lost null']);
    }),
  );

  test(
    'PIPE-10 a read error is reported and given to connectionLost',
    inside(async (world) => {
      // A reset connection is a pipe as any other.
      const [ours, peer] = pair();
      const [transport, recorder] = await connectReadPipe(world.loop, () => new PipeRecorder(world.loop), ours);
      transport.pauseReading();
      ours.send(Buffer.from('nobody reads this'));
      peer.close(); // with data unread: ECONNRESET
      transport.resumeReading();
      await recorder.lost;
      expect(recorder.error).toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
      const [report, ...others] = world.reports.splice(0);
      expect(others).toEqual([]);
      expect(report!.message).toBe('Fatal read error on pipe transport');
      expect(report!.transport === transport && report!.protocol === recorder).toBe(true);
      expect(report!.exception).toBe(recorder.error);
    }),
  );

  kernelTest(
    'PIPE-10, PIPE-22 EIO of a pseudo-terminal whose other side was closed is silent, and given to connectionLost',
    inside(async (world) => {
      const [master, slave] = pseudoTerminal();
      const [, recorder] = await reading(world, master);
      writeSync(slave, 'bye');
      await recorder.bytes(3);
      closeSync(slave);
      await recorder.lost;
      expect(recorder.error).toMatchObject({ code: 'EIO' });
      expect(recorder.events).toEqual(['made', 'data 3', 'lost OSError']);
    }),
  );

  test(
    'PIPE-11 an error thrown by dataReceived is reported; the transport stays open',
    inside(async (world) => {
      const [r, w] = pipe();
      const recorder = new PipeRecorder(world.loop);
      const failures = [new Error('first'), new Error('second')];
      recorder.dataReceived = function (data) {
        PipeRecorder.prototype.dataReceived.call(this, data);
        const failure = failures[this.pieces.length - 1];
        if (this.pieces.length === 1) throw failure!;
        return this.pieces.length === 2 ? Promise.reject(failure!) : undefined;
      };
      const [transport] = await reading(world, r, recorder);
      for (const size of [1, 2, 3]) {
        w.write(Buffer.from('x'));
        await recorder.bytes(size);
        await iterations(2);
      }
      expect(world.reports.splice(0).map(({ exception }) => exception)).toEqual(failures);
      expect(transport.isClosing()).toBe(false);
      transport.close();
      await recorder.lost;
      w.close();
    }),
  );

  describe('a protocol that provides the memory', () => {
    /** Receives into 4 bytes, as a class that is no BufferedProtocol but has its callbacks. */
    class Small extends PipeRecorder {
      readonly memory = Buffer.alloc(4);
      getBuffer(sizeHint: number): Uint8Array | null {
        this.events.push(`buffer ${sizeHint}`);
        return this.memory;
      }
      bufferUpdated(nbytes: number): unknown {
        return this.dataReceived(Buffer.from(this.memory.subarray(0, nbytes)));
      }
    }

    test(
      'PIPE-04 gets all the data in it, in order, and then the end',
      inside(async (world) => {
        const [r, w] = pipe();
        const [, recorder] = await reading(world, r, new Small(world.loop));
        w.write(Buffer.from('ten bytes!'));
        w.close();
        expect(await recorder.bytes(10)).toBe('ten bytes!');
        await recorder.lost;
        expect(recorder.events.filter((event) => !event.startsWith('buffer'))).toEqual([
          'made',
          'data 4',
          'data 4',
          'data 2',
          'eof',
          'lost null',
        ]);
        expect(recorder.events[1]).toBe('buffer -1');
      }),
    );

    test(
      'PIPE-24 may take over from one that does not, and hand on again',
      inside(async (world) => {
        const [r, w] = pipe();
        const plain = new PipeRecorder(world.loop);
        const [transport] = await reading(world, r, plain);
        w.write(Buffer.from('plain'));
        await plain.bytes(5);
        const small = new Small(world.loop);
        transport.setProtocol(small);
        w.write(Buffer.from('small'));
        expect(await small.bytes(5)).toBe('small');
        transport.setProtocol(plain);
        w.write(Buffer.from('!'));
        expect(await plain.bytes(6)).toBe('plain!');
        transport.close();
        await plain.lost;
        w.close();
      }),
    );

    test.each<[string, Partial<Small>, string]>([
      ['gives no memory', { getBuffer: () => null }, 'TypeError'],
      ['gives empty memory', { getBuffer: () => Buffer.alloc(0) }, 'RuntimeError'],
      [
        'throws in getBuffer',
        {
          getBuffer: () => {
            throw new RangeError('on purpose');
          },
        },
        'RangeError',
      ],
      ['rejects in bufferUpdated', { bufferUpdated: () => Promise.reject(new RangeError('on purpose')) }, 'RangeError'],
    ])('PIPE-10 one that %s is reported, and the pipe is lost', (_what, wrong, name) =>
      inside(async (world) => {
        const [r, w] = pipe();
        const [, recorder] = await reading(world, r, Object.assign(new Small(world.loop), wrong));
        w.write(Buffer.from('x'));
        await recorder.lost;
        const [report, ...more] = world.reports.splice(0);
        expect([(report!.exception as Error).name, report!.protocol === recorder, more.length]).toEqual([
          name,
          true,
          0,
        ]);
        expect(recorder.events.filter((event) => !event.startsWith('buffer'))).toEqual(['made', `lost ${name}`]);
        await iterations(1);
        expect(r.isOpen).toBe(false);
        w.close();
      })(),
    );

    test(
      'one that closes the transport in getBuffer gets nothing more',
      inside(async (world) => {
        const [r, w] = pipe();
        const small = new Small(world.loop);
        small.getBuffer = () => {
          (small.transport as ReadTransport).close();
          return small.memory;
        };
        await reading(world, r, small);
        w.write(Buffer.from('x'));
        await small.lost;
        expect(small.events).toEqual(['made', 'lost null']);
        w.close();
      }),
    );
  });

  test(
    'PIPE-12 a read transport has no write methods and no abort; isReading works on every loop',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await reading(world, r);
      for (const method of ['write', 'writelines', 'writeEof', 'canWriteEof', 'abort']) {
        expect(method in transport).toBe(false);
      }
      expect(transport.isReading()).toBe(true);
      transport.close();
      expect(transport.isReading()).toBe(false);
      await recorder.lost;
      w.close();
    }),
  );

  test(
    'PIPE-22 a socket end',
    inside(async (world) => {
      const [ours, peer] = pair();
      const [fromSocket, socketRecorder] = await connectReadPipe(world.loop, () => new PipeRecorder(world.loop), ours);
      peer.send(Buffer.from('socket'));
      expect(await socketRecorder.bytes(6)).toBe('socket');
      fromSocket.close();
      await socketRecorder.lost;
      expect(ours.fileno()).toBe(-1);
      peer.close();
    }),
  );

  kernelTest(
    'PIPE-22 both directions of a pseudo-terminal through two descriptors',
    inside(async (world) => {
      const [master, slave] = pseudoTerminal();
      const again = openSync(`/proc/self/fd/${slave}`, constants.O_RDWR | O_NONBLOCK | constants.O_NOCTTY);
      const [, reader] = await reading(world, slave);
      const [writer, written] = await connectWritePipe(world.loop, () => new PipeRecorder(world.loop), again);
      writeSync(master, 'in');
      expect(await reader.bytes(2)).toBe('in');
      writer.write(Buffer.from('out'));
      const [outer, outerRecorder] = await reading(world, master);
      expect(await outerRecorder.bytes(3)).toBe('out');
      writer.close();
      (reader.transport as ReadTransport).close();
      outer.close();
      await Promise.all([reader.lost, written.lost, outerRecorder.lost]);
    }),
  );

  kernelTest(
    'PIPE-23 the null device: not to be watched by epoll (EPERM, reported), always ready for the others',
    inside(async (world) => {
      const [transport, recorder] = await reading(world, openSync('/dev/null', 'r'));
      if (name === 'EpollSelector') {
        await iterations(5);
        expect(world.reports.splice(0).map(({ exception }) => exception)).toMatchObject([{ code: 'EPERM' }]);
        expect(recorder.events).toEqual(['made']);
        transport.close();
      }
      await recorder.lost;
      expect(recorder.error).toBeNull();
    }),
  );

  test(
    'PIPE-24 setProtocol redirects; there is none after the loss',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, first] = await reading(world, r);
      const second = new PipeRecorder(world.loop);
      expect(transport.getProtocol()).toBe(first);
      transport.setProtocol(second);
      expect(transport.getProtocol()).toBe(second);
      expect(() => transport.setProtocol(null as never)).toThrow(TypeError);
      w.write(Buffer.from('abc'));
      await second.bytes(3);
      w.close();
      await second.lost;
      expect(first.events).toEqual(['made']);
      expect(second.events).toEqual(['data 3', 'eof', 'lost null']);
      expect(transport.getProtocol()).toBeNull();
    }),
  );

  test('PIPE-25 a transport that was left open prints as open when its loop is closed', async () => {
    const loop = makeLoop();
    const [r, w] = pipe();
    const [transport] = await loop.runUntilComplete(connectReadPipe(loop, () => ({}), r));
    expect(String(transport)).toBe(`<ReadPipeTransport fd=${r.fileno()} polling>`);
    loop.close();
    expect(String(transport)).toBe(`<ReadPipeTransport fd=${r.fileno()} open>`);
    w.close();
    await expect((async () => connectReadPipe(loop, () => ({}), r))()).rejects.toThrow(RuntimeError);
  });

  test(
    'PIPE-26 a cancelled start closes the transport; an error of made is reported and nothing else',
    inside(async (world) => {
      const { loop, reports } = world;
      const [r, w] = pipe();
      const recorder = new PipeRecorder(loop);
      const task = loop.createTask(async () => connectReadPipe(loop, () => recorder, r));
      await iterations(1);
      task.cancel();
      await expect(task).rejects.toThrow(CancelledError);
      await recorder.lost;
      expect(recorder.events).toEqual(['made', 'lost null']);
      expect(r.isOpen).toBe(false);
      w.close();

      const [r2, w2] = pipe();
      const failing = new PipeRecorder(loop);
      const failure = new Error('made');
      failing.connectionMade = () => {
        throw failure;
      };
      const [transport] = await reading(world, r2, failing);
      expect(reports.splice(0).map(({ exception }) => exception)).toEqual([failure]);
      w2.write(Buffer.from('abc'));
      await failing.bytes(3);
      transport.close();
      await failing.lost;
      w2.close();
    }),
  );

  test(
    'a factory that throws, a closed descriptor, no descriptor, and one in use: the pipe stays the caller’s',
    inside(async ({ loop }) => {
      const [r, w] = pipe();
      const failure = new Error('factory');
      const factory = (): never => {
        throw failure;
      };
      await expect(connectReadPipe(loop, factory, r)).rejects.toBe(failure);
      await expect(connectReadPipe(loop, null as never, r)).rejects.toThrow(TypeError);
      await expect(connectReadPipe(loop, () => null as never, r)).rejects.toThrow(TypeError);
      await expect(connectReadPipe(loop, () => ({}), {} as never)).rejects.toThrow(ValueError);
      await expect(connectReadPipe(loop, () => ({}), { fileno: () => r.fileno() } as never)).rejects.toThrow(TypeError);
      const [transport] = await connectReadPipe(loop, () => ({}), r);
      await expect(connectReadPipe(loop, () => ({}), r)).rejects.toThrow(RuntimeError);
      transport.close();
      await iterations(2);
      await expect(connectReadPipe(loop, () => ({}), r)).rejects.toMatchObject({ name: 'OSError', code: 'EBADF' });
      w.close();
    }),
  );

  test(
    'READER-09 the descriptor of a pipe transport is refused to readers',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await reading(world, r);
      expect(() => addReader(world.loop, r, () => undefined)).toThrow(RuntimeError);
      w.write(Buffer.from('abc'));
      await recorder.bytes(3);
      transport.close();
      await recorder.lost;
      w.close();
    }),
  );

  // The others have pipes there too.
  if (name !== 'IoUringProactor')
    kernelTest(
      'PIPE-27 no pipes on Windows',
      inside(async ({ loop }) => {
        const [r, w] = pipe();
        const platform = Object.getOwnPropertyDescriptor(process, 'platform')!;
        Object.defineProperty(process, 'platform', { ...platform, value: 'win32' });
        try {
          await expect(connectReadPipe(loop, () => ({}), r)).rejects.toThrow(NotImplementedError);
          await expect(connectWritePipe(loop, () => ({}), w)).rejects.toThrow(NotImplementedError);
        } finally {
          Object.defineProperty(process, 'platform', platform);
        }
        r.close();
        w.close();
      }),
    );

  kernelTest(
    'a FileHandle is closed as well',
    inside(async (world) => {
      using fifo = new Fifo();
      const handle = await openFile(fifo.path, O_RDONLY | O_NONBLOCK);
      const closings: Promise<void>[] = [];
      const pipe = { fd: handle.fd, close: () => closings.push(handle.close()) };
      const [transport, recorder] = await connectReadPipe(world.loop, () => new PipeRecorder(world.loop), pipe);
      transport.close();
      await recorder.lost;
      expect(closings.length).toBe(1);
      await closings[0];
      expect(isOpen(pipe.fd)).toBe(false);
    }),
  );

  kernelTest(
    'PIPE-06 many megabytes of a real program through a FIFO, none lost',
    inside(async (world) => {
      using fifo = new Fifo();
      const [, recorder] = await reading(world, openSync(fifo.path, O_RDONLY | O_NONBLOCK));
      const child = spawn('sh', ['-c', `yes 0123456 | head -c 8000000 > ${fifo.path}`], { stdio: 'ignore' });
      const exited = once(child, 'exit');
      await recorder.lost;
      await exited;
      expect(recorder.size).toBe(8_000_000);
      expect(Buffer.concat(recorder.pieces).equals(Buffer.from('0123456\n'.repeat(1_000_000)))).toBe(true);
      expect(recorder.events.slice(-2)).toEqual(['eof', 'lost null']);
    }),
  );

  kernelTest(
    'PIPE-05 a program that writes nothing, and one that writes a byte',
    inside(async (world) => {
      for (const size of [0, 1]) {
        const [r, w] = pipe(false);
        const [, recorder] = await reading(world, r);
        const child = spawn('head', ['-c', String(size), '/dev/zero'], { stdio: ['ignore', w.fileno(), 'ignore'] });
        w.close();
        const exited = once(child, 'exit');
        await recorder.lost;
        await exited;
        expect(recorder.size).toBe(size);
      }
    }),
  );

  test(
    'PIPE-07 what a paused reader does not take stays in the pipe: the writer is stopped',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await reading(world, r);
      transport.pauseReading();
      const filled = fillPipe(w);
      await iterations(10);
      expect(recorder.size).toBe(0);
      expect(fillPipe(w)).toBe(0);
      transport.resumeReading();
      await recorder.bytes(filled);
      w.close();
      await recorder.lost;
    }),
  );
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { AsyncLocalStorage } from 'node:async_hooks';

import { BrokenPipeError, CancelledError } from '@tsyncio/core';
import { leakAudit } from '@tsyncio/test-support';
import { connectWritePipe, type PipeLike, type WriteTransport } from '@tsyncio/transports-protocols';

import {
  drainPipe,
  fillPipe,
  KernelPipe,
  type PipeFile,
  PipeRecorder,
  pseudoTerminal,
} from '@tsyncio/test-support/loops/pipes';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { iterations, type World } from '@tsyncio/test-support/loops/world';

const audit = leakAudit();

const MIB = 1 << 20;

async function writing(
  { loop }: World,
  pipe: PipeLike,
  recorder = new PipeRecorder(loop),
): Promise<[WriteTransport, PipeRecorder]> {
  return connectWritePipe(loop, () => recorder, pipe);
}

/** Reads until there is the end, letting the loop run in between. */
async function readToEnd(pipe: PipeFile): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let piece = drainPipe(pipe); piece !== null; piece = drainPipe(pipe)) {
    pieces.push(piece);
    await iterations(1);
  }
  pipe.close();
  return Buffer.concat(pieces);
}

eachBackend(({ inLoop: inside, makeLoop, pair, pipe, kernelTest }) => {
  test(
    'PIPE-02 connectWritePipe makes the pipe non-blocking, calls made first, and has the object as extra info',
    inside(async ({ loop }) => {
      const [r, w] = pipe(false);
      const recorder = new PipeRecorder(loop);
      const [transport, protocol] = await connectWritePipe(loop, () => recorder, w);
      expect(protocol).toBe(recorder);
      expect(recorder.transport).toBe(transport);
      expect(recorder.events).toEqual(['made']);
      expect(transport.getExtraInfo('pipe')).toBe(w);
      fillPipe(w); // a blocking descriptor would hang here
      transport.close();
      await recorder.lost;
      expect(w.closings).toBe(1);
      r.close();
    }),
  );

  test(
    'PIPE-13 a write goes out at once; the rest is buffered, with pauseWriting and resumeWriting at the marks',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await writing(world, w);
      transport.write(Buffer.from('now'));
      expect(String(drainPipe(r))).toBe('now');
      const data = Buffer.alloc(MIB, 'abcdefg');
      const given = Buffer.from(data);
      transport.write(given);
      given.fill(0); // it is the caller's again
      expect(recorder.events).toEqual(['made', 'pause']);
      const buffered = transport.getWriteBufferSize();
      expect(buffered).toBeGreaterThan(MIB / 2);
      await iterations(5);
      expect(transport.getWriteBufferSize()).toBe(buffered); // a reader that does not read
      const pieces: Buffer[] = [];
      while (!recorder.events.includes('resume')) {
        pieces.push(drainPipe(r)!);
        await iterations(1);
      }
      expect(transport.getWriteBufferSize()).toBeLessThanOrEqual(16 * 1024);
      transport.writelines([Buffer.from('x'), Buffer.from('yz')]);
      transport.close();
      pieces.push(await readToEnd(r));
      await recorder.lost;
      expect(Buffer.concat(pieces).equals(Buffer.concat([data, Buffer.from('xyz')]))).toBe(true);
      expect(recorder.events).toEqual(['made', 'pause', 'resume', 'lost null']);
    }),
  );

  test(
    'PIPE-13 pauseWriting runs in the async context of the transport, whoever writes',
    inside(async (world) => {
      const storage = new AsyncLocalStorage<string>();
      const seen: unknown[] = [];
      const [r, w] = pipe();
      const recorder = new PipeRecorder(world.loop);
      recorder.pauseWriting = () => void seen.push(storage.getStore());
      const [transport] = await storage.run('owner', async () => writing(world, w, recorder));
      storage.run('writer', () => transport.write(Buffer.alloc(MIB)));
      expect(seen).toEqual(['owner']);
      transport.abort();
      await recorder.lost;
      r.close();
    }),
  );

  test(
    'PIPE-14 bytes only, and no bytes are ignored',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await writing(world, w);
      for (const wrong of ['text', 1, null, undefined, [1]]) {
        expect(() => transport.write(wrong as never)).toThrow(TypeError);
      }
      transport.write(Buffer.alloc(0));
      expect(drainPipe(r)).toHaveLength(0);
      transport.write(new Uint8Array([65]));
      expect(String(drainPipe(r))).toBe('A');
      transport.close();
      await recorder.lost;
      r.close();
    }),
  );

  test.each(['writeEof', 'close'] as const)(
    'PIPE-15, PIPE-16 %s: closing at once, what is buffered is flushed, what comes after is discarded',
    async (method) =>
      inside(async (world) => {
        const [r, w] = pipe();
        const [transport, recorder] = await writing(world, w);
        expect(transport.canWriteEof()).toBe(true);
        const data = Buffer.alloc(300_000, 'abcdefg');
        transport.write(data);
        transport[method]();
        transport[method]();
        expect(transport.isClosing()).toBe(true);
        transport.write(Buffer.from('late'));
        expect(recorder.events).toEqual(['made', 'pause']);
        const got = await readToEnd(r);
        await recorder.lost;
        expect(got.equals(data)).toBe(true);
        expect(recorder.events).toEqual(['made', 'pause', 'resume', 'lost null']);
        expect(w.isOpen).toBe(false);
        transport[method]();
      })(),
  );

  test(
    'PIPE-15 with nothing buffered connectionLost(null) comes in the next iteration',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await writing(world, w);
      transport.close();
      expect(recorder.events).toEqual(['made']);
      await iterations(1);
      expect(recorder.events).toEqual(['made', 'lost null']);
      expect(w.isOpen).toBe(false);
      expect(drainPipe(r)).toBeNull();
      r.close();
    }),
  );

  test(
    'PIPE-17 the reader of an idle pipe goes away: connectionLost(null)',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await writing(world, w);
      transport.write(Buffer.from('unread'));
      await iterations(5);
      expect(recorder.events).toEqual(['made']);
      r.close();
      await recorder.lost;
      expect(recorder.events).toEqual(['made', 'lost null']);
      expect(transport.isClosing()).toBe(true);
      expect(w.isOpen).toBe(false);
    }),
  );

  test.each([false, true])(
    'PIPE-17 the reader goes away with data buffered (closing: %s): BrokenPipeError, the buffer is discarded',
    async (closing) =>
      inside(async (world) => {
        const [r, w] = pipe();
        const [transport, recorder] = await writing(world, w);
        transport.write(Buffer.alloc(MIB));
        if (closing) transport.close();
        r.close();
        await recorder.lost;
        expect(recorder.error).toBeInstanceOf(BrokenPipeError);
        expect(recorder.error).toMatchObject({ code: 'EPIPE', syscall: 'write' });
        expect(transport.getWriteBufferSize()).toBe(0);
        expect(recorder.events).toEqual(['made', 'pause', 'lost BrokenPipeError']);
      })(),
  );

  kernelTest(
    'PIPE-17 behind a character device nobody is missed, and what is typed is no end',
    inside(async (world) => {
      const [master, slave] = pseudoTerminal();
      const [transport, recorder] = await writing(world, slave);
      writeSync(master, 'typed');
      await iterations(5);
      transport.write(Buffer.from('shown'));
      expect(String(drainPipe(new KernelPipe(master)))).toBe('shown');
      closeSync(master);
      await iterations(5);
      expect(recorder.events).toEqual(['made']);
      transport.write(Buffer.from('x'));
      await recorder.lost;
      expect(recorder.error).toMatchObject({ code: 'EIO', syscall: 'write' });
    }),
  );

  test(
    'PIPE-18 a write that fails: no error from the call, no report, connectionLost with the very error',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await writing(world, w);
      r.close();
      transport.write(Buffer.from('x'));
      expect(transport.isClosing()).toBe(true);
      await recorder.lost;
      expect(recorder.error).toBeInstanceOf(BrokenPipeError);
      expect(recorder.events).toEqual(['made', 'lost BrokenPipeError']);
    }),
  );

  test(
    'PIPE-19 writes after the loss are ignored; after five each is warned about',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, recorder] = await writing(world, w);
      r.close();
      await recorder.lost;
      for (let i = 0; i < 5; i++) transport.write(Buffer.from('x'));
      expect(audit.takeRecords()).toEqual([]);
      for (let i = 0; i < 2; i++) transport.write(Buffer.from('x'));
      expect(audit.takeRecords().map(({ level, message }) => `${level}: ${message}`)).toEqual(
        Array(2).fill('warning: pipe closed by peer or os.write(pipe, data) raised exception.'),
      );
    }),
  );

  test(
    'PIPE-20 abort discards the buffer, also behind close; once lost it does nothing',
    inside(async (world) => {
      for (const closeFirst of [false, true]) {
        const [r, w] = pipe();
        const [transport, recorder] = await writing(world, w);
        const taken = MIB - (transport.write(Buffer.alloc(MIB)), transport.getWriteBufferSize());
        if (closeFirst) transport.close();
        transport.abort();
        transport.abort();
        expect(transport.getWriteBufferSize()).toBe(0);
        await recorder.lost;
        transport.abort();
        await iterations(3);
        expect(recorder.events).toEqual(['made', 'pause', 'lost null']);
        expect(await readToEnd(r)).toHaveLength(taken);
      }
      const [r, w] = pipe();
      const [transport, recorder] = await writing(world, w);
      transport.close();
      transport.abort();
      await iterations(3);
      expect(recorder.events).toEqual(['made', 'lost null']);
      r.close();
    }),
  );

  test(
    'PIPE-21 data that comes on a socket counts as the other side being gone',
    inside(async ({ loop }) => {
      const [ours, peer] = pair();
      const [transport, recorder] = await connectWritePipe(loop, () => new PipeRecorder(loop), ours);
      transport.write(Buffer.from('out'));
      expect(String(peer.recv(10))).toBe('out');
      expect(recorder.events).toEqual(['made']);
      peer.send(Buffer.from('in'));
      await recorder.lost;
      expect(recorder.events).toEqual(['made', 'lost null']);
      expect(ours.fileno()).toBe(-1);
      peer.close();
    }),
  );

  kernelTest(
    'PIPE-03, PIPE-23 the null device takes everything',
    inside(async (world) => {
      const [transport, recorder] = await writing(world, openSync('/dev/null', 'w'));
      transport.write(Buffer.alloc(MIB));
      expect(transport.getWriteBufferSize()).toBe(0);
      transport.close();
      await recorder.lost;
      expect(recorder.events).toEqual(['made', 'lost null']);
    }),
  );

  test(
    'PIPE-24 setProtocol redirects; there is none after the loss',
    inside(async (world) => {
      const [r, w] = pipe();
      const [transport, first] = await writing(world, w);
      const second = new PipeRecorder(world.loop);
      transport.setProtocol(second);
      expect(transport.getProtocol()).toBe(second);
      transport.write(Buffer.alloc(MIB));
      transport.abort();
      await second.lost;
      expect(first.events).toEqual(['made']);
      expect(second.events).toEqual(['pause', 'lost null']);
      expect(transport.getProtocol()).toBeNull();
      r.close();
    }),
  );

  test('PIPE-25 a transport that was left open prints as open when its loop is closed', async () => {
    const loop = makeLoop();
    const [r, w] = pipe();
    const [transport] = await loop.runUntilComplete(connectWritePipe(loop, () => ({}), w));
    expect(String(transport)).toBe(`<WritePipeTransport fd=${w.fileno()} idle bufsize=0>`);
    loop.close();
    expect(String(transport)).toBe(`<WritePipeTransport fd=${w.fileno()} open>`);
    r.close();
  });

  test(
    'PIPE-26 a cancelled start closes the transport; errors of made, pauseWriting and connectionLost are reported',
    inside(async (world) => {
      const { loop, reports } = world;
      const [r, w] = pipe();
      const recorder = new PipeRecorder(loop);
      const task = loop.createTask(async () => connectWritePipe(loop, () => recorder, w));
      await iterations(1);
      task.cancel();
      await expect(task).rejects.toThrow(CancelledError);
      await recorder.lost;
      expect(recorder.events).toEqual(['made', 'lost null']);
      r.close();

      const failures = [new Error('made'), new Error('pause'), new Error('lost')];
      const [r2, w2] = pipe();
      const [transport] = await connectWritePipe(
        loop,
        () => ({
          connectionMade() {
            throw failures[0]!;
          },
          pauseWriting() {
            throw failures[1]!;
          },
          connectionLost() {
            throw failures[2]!;
          },
        }),
        w2,
      );
      transport.write(Buffer.alloc(MIB));
      transport.abort();
      await iterations(3);
      expect(reports.splice(0).map(({ exception }) => exception)).toEqual(failures);
      expect(w2.isOpen).toBe(false);
      r2.close();
    }),
  );

  kernelTest(
    'PIPE-13, PIPE-15 many megabytes to a real program, written as fast as flow control allows, none lost',
    inside(async (world) => {
      const { loop } = world;
      const [r, w] = pipe(false);
      const child = spawn('md5sum', [], { stdio: [r.fileno(), 'pipe', 'ignore'] });
      r.close();
      const output = once(child.stdout!, 'data') as Promise<[Buffer]>;
      const exited = once(child, 'close');
      const recorder = new PipeRecorder(loop);
      let room = loop.createFuture<void>();
      recorder.pauseWriting = () => {
        room = loop.createFuture<void>();
      };
      recorder.resumeWriting = () => room.setResult(undefined);
      room.setResult(undefined);
      const [transport] = await writing(world, w, recorder);
      const line = Buffer.from('0123456\n'.repeat(1000));
      for (let i = 0; i < 2000; i++) {
        transport.write(line);
        await room;
        expect(transport.getWriteBufferSize()).toBeLessThanOrEqual(64 * 1024);
      }
      transport.close();
      await recorder.lost;
      const [sum] = await output;
      await exited;
      // yes 0123456 | head -c 16000000 | md5sum
      expect(String(sum)).toMatch(/^a304a355f84089d95fb5cc862ae1229d/);
    }),
  );

  kernelTest(
    'PIPE-17 a program that reads a little and ends',
    inside(async (world) => {
      const [r, w] = pipe(false);
      const child = spawn('head', ['-c', '3'], { stdio: [r.fileno(), 'pipe', 'ignore'] });
      r.close();
      const output = once(child.stdout!, 'data') as Promise<[Buffer]>;
      const exited = once(child, 'close');
      const [transport, recorder] = await writing(world, w);
      transport.write(Buffer.alloc(MIB, 'abc'));
      await recorder.lost;
      expect(recorder.error).toBeInstanceOf(BrokenPipeError);
      expect(String((await output)[0])).toBe('abc');
      await exited;
    }),
  );
});

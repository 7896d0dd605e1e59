// Pipes of Windows as transports: the two ends of a pipe of ours, on a loop on completion ports.
import { BrokenPipeError, CancelledError, NotImplementedError, OSError, RuntimeError, ValueError } from '@tsyncio/core';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { IocpProactor } from '@tsyncio/proactor-io';
import { SelectorIo } from '@tsyncio/selector-io';
import { PipeHandle, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { failure } from '@tsyncio/test-support/loops/failure';
import { PipeRecorder } from '@tsyncio/test-support/loops/pipes';
import { inPortLoop, type World } from '@tsyncio/test-support/loops/world';
import {
  connectReadPipe,
  connectWritePipe,
  type PipeLike,
  type ReadTransport,
  type WriteTransport,
} from '@tsyncio/transports-protocols';

leakAudit();

const onWindows = process.platform === 'win32' ? test : test.skip;

type Connect = (
  loop: TaskLoop<IocpProactor | SelectorIo>,
  factory: () => object,
  pipe: PipeLike,
) => PromiseLike<unknown>;
const methods: readonly Connect[] = [connectReadPipe, connectWritePipe];

type PortWorld = World<IocpProactor>;

interface Ends {
  readonly ends: [reader: PipeHandle, writer: PipeHandle];
  readonly reading: ReadTransport;
  readonly reader: PipeRecorder;
  readonly writing: WriteTransport;
  readonly writer: PipeRecorder;
}

/** A transport on each end of a new pipe. */
async function pipe({ loop }: Pick<PortWorld, 'loop'>, options?: { duplex: boolean }): Promise<Ends> {
  const ends = PipeHandle.pair(options);
  const [reading, reader] = await connectReadPipe(loop, () => new PipeRecorder(loop), ends[0]);
  const [writing, writer] = await connectWritePipe(loop, () => new PipeRecorder(loop), ends[1]);
  return { ends, reading, reader, writing, writer };
}

/** The reader goes away while much is still to be written. */
async function loseWhatIsBuffered({ reading, writing, writer }: Ends): Promise<void> {
  reading.pauseReading();
  writing.write(Buffer.alloc(1_000_000));
  reading.close();
  await writer.lost;
  expect(writer.error).toBeInstanceOf(BrokenPipeError);
}

onWindows(
  'PIPE-01 PIPE-02 PIPE-05 what is written to one end of a pipe is read from the other, and then there is its end',
  inPortLoop(async (world) => {
    const { ends, reading, reader, writing, writer } = await pipe(world);
    expect([reading.getExtraInfo('pipe'), writing.getExtraInfo('pipe')]).toEqual(ends);
    expect([reader.transport, writer.transport]).toEqual([reading, writing]);
    writing.write(Buffer.alloc(0));
    writing.write(Buffer.from('a'));
    expect(await reader.bytes(1)).toBe('a');
    writing.write(Buffer.from('bc'));
    expect(await reader.bytes(3)).toBe('abc');
    writing.writeEof();
    await reader.lost;
    await writer.lost;
    expect(reader.events).toEqual(['made', 'data 1', 'data 2', 'eof', 'lost null']);
    expect(writer.events).toEqual(['made', 'lost null']);
    expect(ends.map(({ handle }) => handle)).toEqual([null, null]);
  }),
);

onWindows(
  'PIPE-13 PIPE-15 eight million bytes to a slow reader: the writer is paused, and all of it comes before the end',
  inPortLoop(async (world) => {
    const { reading, reader, writing, writer } = await pipe(world);
    reading.pauseReading();
    const data = Buffer.alloc(8_000_000, 'abcdefghijk');
    writing.write(data);
    expect(writer.events).toEqual(['made', 'pause']);
    expect(writing.getWriteBufferSize()).toBeGreaterThan(7_000_000);
    writing.close();
    writing.close();
    expect(writing.isClosing()).toBe(true);
    await sleep(0.02);
    expect([reader.events, writer.lost.done()]).toEqual([['made'], false]);
    reading.resumeReading();
    await reader.lost;
    await writer.lost;
    expect(Buffer.concat(reader.pieces).equals(data)).toBe(true);
    expect([reader.events.at(-2), reader.error, writer.error]).toEqual(['eof', null, null]);
    expect(writer.events).toContain('resume');
  }),
);

onWindows(
  'a protocol with memory of its own gets a pipe in pieces',
  inPortLoop(async (world) => {
    const [r, w] = PipeHandle.pair();
    const memory = Buffer.alloc(7);
    const lost = world.loop.createFuture<void>();
    let text = '';
    const protocol = {
      getBuffer: () => memory,
      bufferUpdated: (n: number) => void (text += memory.toString('latin1', 0, n)),
      connectionLost: () => lost.setResult(),
    };
    await connectReadPipe(world.loop, () => protocol, r);
    const [writing] = await connectWritePipe(world.loop, () => ({}), w);
    writing.write(Buffer.from('the quick brown fox'));
    writing.close();
    await lost;
    expect(text).toBe('the quick brown fox');
  }),
);

onWindows(
  'PIPE-17 PROACTOR-19 the reader of a duplex pipe goes away: the writer learns it at once, and what is buffered is lost with EPIPE',
  inPortLoop(async (world) => {
    const idle = await pipe(world, { duplex: true });
    idle.reading.close();
    await idle.writer.lost;
    expect([idle.writer.error, idle.reader.error]).toEqual([null, null]);
    await loseWhatIsBuffered(await pipe(world, { duplex: true }));
  }),
);

onWindows(
  'PIPE-18 the reader of a simple pipe goes away: the next write finds out, or the one that has begun',
  inPortLoop(async (world) => {
    const idle = await pipe(world);
    idle.reading.close();
    await idle.reader.lost;
    expect(idle.writing.isClosing()).toBe(false);
    idle.writing.write(Buffer.from('x'));
    await idle.writer.lost;
    expect(idle.writer.error).toBeInstanceOf(BrokenPipeError);
    await loseWhatIsBuffered(await pipe(world));
  }),
);

onWindows(
  'what comes from the other end of a duplex pipe goes nowhere, and the writer goes on',
  inPortLoop(async ({ loop }) => {
    const [r, w] = PipeHandle.pair({ duplex: true });
    const [other] = await connectWritePipe(loop, () => ({}), r);
    const [writing, writer] = await connectWritePipe(loop, () => new PipeRecorder(loop), w);
    other.write(Buffer.from('nobody reads this'));
    writing.write(Buffer.from('nor this'));
    await sleep(0.02);
    expect([writer.events, writing.isClosing()]).toEqual([['made'], false]);
    other.close();
    await writer.lost;
    expect(writer.error).toBeNull();
  }),
);

onWindows(
  'PIPE-20 abort gives up what is buffered; close of a paused reader needs no end',
  inPortLoop(async (world) => {
    const { reading, reader, writing, writer } = await pipe(world);
    reading.pauseReading();
    writing.write(Buffer.alloc(1_000_000));
    writing.abort();
    writing.abort();
    await writer.lost;
    expect(writer.error).toBeNull();
    reading.close();
    await reader.lost;
    expect(reader.events).toEqual(['made', 'lost null']);
  }),
);

onWindows(
  'closed in its own callback',
  inPortLoop(async ({ loop }) => {
    const [r, w] = PipeHandle.pair();
    const recorder = new (class extends PipeRecorder {
      override dataReceived(data: Buffer): unknown {
        this.transport.close();
        return super.dataReceived(data);
      }
    })(loop);
    await connectReadPipe(loop, () => recorder, r);
    const [writing] = await connectWritePipe(loop, () => ({}), w);
    writing.write(Buffer.from('x'));
    await recorder.lost;
    expect(recorder.events).toEqual(['made', 'data 1', 'lost null']);
    writing.close();
  }),
);

onWindows(
  "wrong pipes are told at once, and stay the caller's",
  inPortLoop(async ({ loop }) => {
    const factory = (): object => ({});
    for (const method of methods) {
      expect(await failure(method(loop, factory, 3))).toMatchObject({
        name: 'TypeError',
        message: expect.stringMatching(/PipeHandle/) as unknown,
      });
      expect(await failure(method(loop, factory, { fd: 3, close() {} }))).toBeInstanceOf(TypeError);
      expect(await failure(method(loop, factory, {} as never))).toBeInstanceOf(ValueError);
      const [closed, other] = PipeHandle.pair();
      closed.close();
      expect(await failure(method(loop, factory, closed))).toBeInstanceOf(ValueError);
      other.close();
      expect(await failure(method(loop, factory, { fileno: () => 0x7ffffffc, close() {} }))).toMatchObject({
        code: 'EBADF',
      });
    }
    const [r, w] = PipeHandle.pair();
    const [reading] = await connectReadPipe(loop, factory, r);
    expect(await failure(connectReadPipe(loop, factory, r))).toBeInstanceOf(RuntimeError);
    expect(r.handle).not.toBeNull();
    reading.close();
    expect(
      await failure(
        connectWritePipe(
          loop,
          () => {
            throw new Error('no protocol');
          },
          w,
        ),
      ),
    ).toMatchObject({ message: 'no protocol' });
    expect(w.handle).not.toBeNull();
    w.close();
  }),
);

onWindows('a pipe belongs to one loop for its life', async () => {
  const [first, second] = [0, 1].map(() => new TaskLoop({ backend: new IocpProactor() })) as [
    PortWorld['loop'],
    PortWorld['loop'],
  ];
  const [r, w] = PipeHandle.pair();
  const [transport] = await first.runUntilComplete(async () => connectReadPipe(first, () => ({}), r));
  const error = await second.runUntilComplete(async () => failure(connectReadPipe(second, () => ({}), r)));
  expect(error).toBeInstanceOf(OSError);
  expect(error).toMatchObject({ code: 'EINVAL', message: expect.stringMatching(/belongs to another loop/) as unknown });
  expect(r.handle).not.toBeNull();
  transport.close();
  w.close();
  await first.runUntilComplete(() => sleep(0.01));
  expect(r.handle).toBeNull();
  first.close();
  second.close();
});

onWindows(
  'cancelled before connectionMade: the pipe is closed',
  inPortLoop(async ({ loop }) => {
    for (const which of [0, 1] as const) {
      const method = methods[which]!;
      const ends = PipeHandle.pair();
      const task = loop.createTask(async () => method(loop, () => ({}), ends[which]));
      await sleep(0);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      await sleep(0.01);
      expect(ends[which].handle).toBeNull();
      ends[1 - which]!.close();
    }
  }),
);

onWindows('a loop that is closed with pipes open; a closed loop', async () => {
  const loop = new TaskLoop({ backend: new IocpProactor() });
  const ends = await loop.runUntilComplete(async () => {
    const open = await pipe({ loop });
    open.reading.pauseReading();
    open.writing.write(Buffer.alloc(500_000));
    return open;
  });
  loop.close();
  for (const end of ends.ends) end.close();
  const [r, w] = PipeHandle.pair();
  await expect(connectReadPipe(loop, () => ({}), r)).rejects.toThrow('Event loop is closed');
  r.close();
  w.close();
});

onWindows(
  'a socket is no pipe, and stays open',
  inPortLoop(async ({ loop }) => {
    const [a, b] = socketpair();
    for (const method of methods) {
      const error = await failure(method(loop, () => ({}), a));
      expect(error).toBeInstanceOf(ValueError);
      expect(error.message).toMatch(/overlapped pipes only/);
      expect(a.fileno()).toBeGreaterThan(0);
    }
    a.close();
    b.close();
  }),
);

onWindows('PIPE-27 IOCP-23 a selector of Windows has no pipes', async () => {
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const [r, w] = PipeHandle.pair();
  await loop.runUntilComplete(async () => {
    for (const method of methods) {
      for (const end of [r, 3])
        expect(await failure(method(loop, () => ({}), end))).toBeInstanceOf(NotImplementedError);
    }
  });
  expect([r.handle, w.handle]).not.toContain(null);
  r.close();
  w.close();
  loop.close();
});

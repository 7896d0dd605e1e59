import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, ftruncateSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';

import { CancelledError, osError } from '@tsyncio/core';
import { type Future, type Operation, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { type SelectorIo, sockRecv } from '@tsyncio/selector-io';
import { addReader, removeReader, type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { MemorySocket } from '@tsyncio/test-support/memory-io';
import {
  BufferedProtocol,
  createConnection,
  createDatagramEndpoint,
  DatagramProtocol,
  sendfile,
  type StreamTransport,
  Transport,
} from '@tsyncio/transports-protocols';

import { pattern, TestFile } from '@tsyncio/test-support/loops/files';
import { open, Recorder } from '@tsyncio/test-support/loops/recorder';
import { ScriptedIo } from './support/scripted-io.js';
import { drain, fill, inLoop, iterations, pair, reset, type World } from '@tsyncio/test-support/loops/world';
import { backends, defaultBackend } from '@tsyncio/test-support/loops/backends';
import { failure } from '@tsyncio/test-support/loops/failure';
import { until } from '@tsyncio/test-support/loops/until';

leakAudit();
afterEach(() => jest.restoreAllMocks());

/** Waits until the peer takes no more, and the buffer is above its high mark. */
async function stuffed(transport: Transport): Promise<void> {
  while (transport.getWriteBufferSize() <= 64 * 1024) await sleep(0.001);
  await iterations(5);
}

/** More than any socket takes at once. */
const BIG = pattern(6_000_000);

type Loop = TaskLoop<SelectorIo>;
type File = Parameters<typeof sendfile>[2];

/** Every row over every backend, over TCP and Unix sockets, by the system call and by writing (as over TLS); all four together on one. */
const ways = backends.flatMap((backend) =>
  (
    [
      ['TCP', 'native'],
      ['Unix', 'fallback'],
      ['TCP', 'fallback'],
      ['Unix', 'native'],
    ] as const
  )
    .slice(0, backend === defaultBackend ? 4 : 2)
    .map(([family, way]) => ({ name: backend.name, family, way, backend })),
);

interface Stage extends World {
  readonly loop: Loop;
  readonly transport: StreamTransport;
  readonly protocol: Recorder;
  readonly ours: Socket;
  readonly peer: Socket;
}

/** A test with a transport and its peer. At the end nothing may be registered. */
function onStage(
  { family, way, backend }: (typeof ways)[number],
  body: (stage: Stage) => Promise<void>,
): () => Promise<void> {
  return backend.inLoop(async (world) => {
    const loop = world.loop;
    const [ours, peer] = family === 'TCP' ? backend.tcpPair() : backend.pair();
    const protocol = new Recorder(loop);
    const transport = await open(loop, ours, protocol);
    if (way === 'fallback') withoutSystemCall(transport);
    await body({ ...world, transport, protocol, ours, peer });
    transport.abort();
    await iterations(3);
    expect(protocol.events.filter((event) => event.startsWith('lost'))).toHaveLength(1);
    peer.close();
    expect(loop.backend.active).toBe(false);
  });
}

/** As a TLS transport is. */
function withoutSystemCall(transport: StreamTransport): void {
  Object.defineProperty(transport, 'sendFile', { value: undefined });
}

/** `sockRecv`, also without a kernel. */
async function receiveSome(loop: Loop, sock: Socket, nbytes: number): Promise<Buffer> {
  if (!(sock instanceof MemorySocket)) return sockRecv(loop, sock, nbytes);
  if (!sock.source.readable) {
    const readable = loop.createFuture<void>();
    addReader(loop, sock, () => {
      removeReader(loop, sock);
      readable.setResult(undefined);
    });
    await readable;
  }
  return sock.recv(nbytes);
}

async function receive(loop: Loop, sock: Socket, nbytes: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (let left = nbytes; left > 0; left -= pieces.at(-1)!.length) {
    pieces.push(await receiveSome(loop, sock, Math.min(left, 65_536)));
    if (pieces.at(-1)!.length === 0) break;
  }
  return Buffer.concat(pieces);
}

/** A file without a descriptor, which notes how it is read, and may be made to wait. */
class InMemory {
  readonly lengths: number[] = [];
  gate: Promise<void> | null = null;
  constructor(private readonly content: Buffer) {}
  async read(buffer: Uint8Array, offset: number, length: number, position: number | null) {
    this.lengths.push(length);
    await this.gate;
    return { bytesRead: this.content.copy(buffer, offset, position!, position! + length) };
  }
}

/** After any failure but the end of the connection: all is as it was, the transport of use, and nothing is watched that need not be. */
async function expectRestored({ transport, protocol, peer, loop }: Stage, reading = true): Promise<void> {
  expect([transport.isReading(), transport.getProtocol() === protocol]).toEqual([reading, true]);
  while (transport.getWriteBufferSize() > 0) {
    drain(peer);
    await iterations(2);
  }
  await iterations(2);
  const onWritable = jest.spyOn(transport, 'onWritable');
  await iterations(5);
  expect(onWritable).not.toHaveBeenCalled();
  drain(peer);
  transport.write(Buffer.from('usable'));
  expect((await receive(loop, peer, 6)).toString()).toBe('usable');
  if (!reading) return;
  peer.send(Buffer.from('yes'));
  expect((await protocol.bytes(3)).toString()).toBe('yes');
}

describe.each(ways)('$name, $family, $way', (stage) => {
  test.each<[string, size: number, offset: number | undefined, count: number | null | undefined, expected: number]>([
    ['an empty file', 0, undefined, undefined, 0],
    ['one byte', 1, undefined, undefined, 1],
    ['a piece', 16_384, undefined, undefined, 16_384],
    ['a piece and a byte', 16_385, undefined, undefined, 16_385],
    ['from an offset', 100, 40, undefined, 60],
    ['count bytes', 100, 40, 30, 30],
    ['count beyond the end', 100, 40, 300, 60],
    ['an offset past the end', 100, 400, null, 0],
    ['many megabytes', BIG.length, 1000, null, BIG.length - 1000],
    ['count of many megabytes', BIG.length, 7, 5_000_000, 5_000_000],
  ])('SENDFILE-14 %s', (_what, size, offset, count, expected) =>
    onStage(stage, async ({ loop, transport, peer }) => {
      using file = new TestFile(BIG.subarray(0, size));
      const received = loop.createTask(() => receive(loop, peer, expected));
      expect(await sendfile(loop, transport, file.fd, offset, count)).toBe(expected);
      const start = offset ?? 0;
      expect((await received).equals(BIG.subarray(start, start + expected))).toBe(true);
      if (expected > 0) expect(file.position).toBe(start + expected);
      await iterations(2);
      expect(drain(peer)!.length).toBe(0);
    })(),
  );

  test(
    'SENDFILE-15 what was written before comes first, what is written after comes last',
    onStage(stage, async ({ loop, transport, ours, peer }) => {
      using file = new TestFile(BIG);
      const filled = fill(ours);
      const before = pattern(200_000);
      transport.write(before);
      const total = filled + before.length + BIG.length + 5;
      const received = loop.createTask(() => receive(loop, peer, total));
      expect(await sendfile(loop, transport, file.fd)).toBe(BIG.length);
      transport.write(Buffer.from('after'));
      const all = (await received).subarray(filled);
      expect(all.equals(Buffer.concat([before, BIG, Buffer.from('after')]))).toBe(true);
    }),
  );

  test(
    'SENDFILE-15 what is in the buffer comes first although the kernel has room again',
    onStage(stage, async ({ loop, transport, ours, peer }) => {
      using file = new TestFile('file');
      const filled = fill(ours);
      transport.write(pattern(100_000));
      const waiting = transport.getWriteBufferSize();
      expect(waiting).toBeGreaterThan(0);
      expect(drain(peer)).toHaveLength(filled + 100_000 - waiting);
      const received = loop.createTask(() => receive(loop, peer, waiting + 4));
      expect(await sendfile(loop, transport, file.fd)).toBe(4);
      const rest = pattern(100_000).subarray(100_000 - waiting);
      expect((await received).equals(Buffer.concat([rest, Buffer.from('file')]))).toBe(true);
    }),
  );

  test(
    'SENDFILE-19 it waits at the high mark and goes on at the low one',
    onStage(stage, async ({ loop, transport, peer }) => {
      const operation = sendfile(loop, transport, new InMemory(BIG));
      await stuffed(transport);
      await iterations(5);
      expect((await receive(loop, peer, BIG.length)).equals(BIG)).toBe(true);
      expect(await operation).toBe(BIG.length);
    }),
  );

  test(
    'SENDFILE-14 SENDFILE-19 a slow reader slows the transfer down',
    onStage(stage, async ({ loop, transport, peer }) => {
      using file = new TestFile(BIG.subarray(0, 2_000_000));
      const operation = sendfile(loop, transport, file.fd);
      let largest = 0;
      for (let got = 0; got < 2_000_000;) {
        await sleep(0);
        got += drain(peer, 50_000)!.length;
        largest = Math.max(largest, transport.getWriteBufferSize());
      }
      expect(await operation).toBe(2_000_000);
      expect(largest).toBeLessThanOrEqual(64 * 1024 + 16 * 1024);
    }),
  );

  test(
    'SENDFILE-16 nothing can be written and nothing is received meanwhile; afterwards as before',
    onStage(stage, async (s) => {
      const { loop, transport, protocol, peer } = s;
      using file = new TestFile(BIG);
      const operation = sendfile(loop, transport, file.fd);
      const refused = (method: string): unknown =>
        expect.objectContaining({
          name: 'RuntimeError',
          message: `Cannot call ${method}() while a file is being sent`,
        });
      const check = (): void => {
        expect(transport.isReading()).toBe(false);
        expect(() => transport.write(Buffer.from('x'))).toThrow(refused('write') as Error);
        expect(() => transport.writelines([Buffer.from('x')])).toThrow(refused('writelines') as Error);
        expect(() => transport.writeEof()).toThrow(refused('writeEof') as Error);
      };
      check();
      peer.send(Buffer.from('early'));
      await iterations(10);
      check();
      expect(protocol.received).toBe('');
      expect((await receive(loop, peer, BIG.length)).equals(BIG)).toBe(true);
      expect(await operation).toBe(BIG.length);
      expect((await protocol.bytes(5)).toString()).toBe('early');
      protocol.pieces.length = 0;
      await expectRestored(s);
    }),
  );

  test(
    'SENDFILE-16 a transport that was paused stays paused',
    onStage(stage, async (s) => {
      using file = new TestFile('content');
      s.transport.pauseReading();
      expect(await sendfile(s.loop, s.transport, file.fd)).toBe(7);
      expect((await receive(s.loop, s.peer, 7)).toString()).toBe('content');
      await expectRestored(s, false);
    }),
  );

  test(
    'SENDFILE-16 a file that cannot be read fails, and the transport is as before',
    onStage(stage, async (s) => {
      using file = new TestFile('content');
      const handle = await openFile(file.path, 'w');
      expect(await failure(sendfile(s.loop, s.transport, handle.fd, 0, 5))).toMatchObject({ code: 'EBADF' });
      await handle.close();
      await expectRestored(s);
    }),
  );

  test(
    'SENDFILE-17 a transport that is closing',
    onStage(stage, async ({ loop, transport }) => {
      using file = new TestFile('content');
      transport.close();
      const error = await failure(sendfile(loop, transport, file.fd));
      expect(error).toMatchObject({ name: 'RuntimeError', message: 'sendfile: the transport is closing' });
      await iterations(3);
      expect(await failure(sendfile(loop, transport, file.fd))).toMatchObject({ name: 'RuntimeError' });
    }),
  );

  test.each<[string, offset: unknown, count: unknown, name: string]>([
    ['text as offset', '0', null, 'TypeError'],
    ['a negative offset', -1, null, 'ValueError'],
    ['half a count', 0, 1.5, 'TypeError'],
    ['a count of 0', 0, 0, 'ValueError'],
  ])('SENDFILE-18 SENDFILE-27 arguments: %s', (_what, offset, count, name) =>
    onStage(stage, async (s) => {
      using file = new TestFile('content');
      const error = await failure(sendfile(s.loop, s.transport, file.fd, offset as number, count as number));
      expect(error.name).toBe(name);
      expect(file.position).toBe(0);
      await expectRestored(s);
    })(),
  );

  test(
    'SENDFILE-18 SENDFILE-27 no file, and a closed one',
    onStage(stage, async (s) => {
      expect((await failure(sendfile(s.loop, s.transport, {} as File))).name).toBe('TypeError');
      expect(await failure(sendfile(s.loop, s.transport, { fd: -1 }))).toMatchObject({ code: 'EBADF' });
      await expectRestored(s);
    }),
  );

  test(
    'SENDFILE-14 a FileHandle',
    onStage(stage, async ({ loop, transport, peer }) => {
      using file = new TestFile('0123456789');
      const handle = await openFile(file.path);
      expect(await sendfile(loop, transport, handle, 2, 5)).toBe(5);
      expect((await receive(loop, peer, 5)).toString()).toBe('23456');
      await handle.close();
    }),
  );

  test(
    'SENDFILE-19 a file without descriptor, in pieces of 16 KiB',
    onStage(stage, async (s) => {
      const file = new InMemory(BIG.subarray(0, 40_000));
      const received = s.loop.createTask(() => receive(s.loop, s.peer, 39_990));
      expect(await sendfile(s.loop, s.transport, file, 10)).toBe(39_990);
      expect((await received).equals(BIG.subarray(10, 40_000))).toBe(true);
      expect(file.lengths).toEqual([16_384, 16_384, 16_384, 16_384]);
      file.lengths.length = 0;
      expect(await sendfile(s.loop, s.transport, file, 0, 20_000)).toBe(20_000);
      expect(file.lengths).toEqual([16_384, 3616]);
      await receive(s.loop, s.peer, 20_000);
      await expectRestored(s);
    }),
  );

  test(
    'SENDFILE-20 SENDFILE-21 without fallback',
    onStage(stage, async (s) => {
      const error = await failure(sendfile(s.loop, s.transport, new InMemory(BIG), 0, null, { fallback: false }));
      expect(error.name).toBe(stage.way === 'native' ? 'SendfileNotAvailableError' : 'RuntimeError');
      using file = new TestFile('content');
      const handle = await openFile(file.path, constants.O_WRONLY);
      const other = await failure(sendfile(s.loop, s.transport, handle.fd, 3, null, { fallback: false }));
      await handle.close();
      expect(other.name).toBe(error.name);
      expect(drain(s.peer)).toHaveLength(0);
      await expectRestored(s);
    }),
  );

  test.each([
    ['closes', (peer: Socket) => peer.close()],
    ['resets the connection', reset],
  ])('SENDFILE-23 the peer %s in the middle', (_what, end) =>
    onStage(stage, async ({ loop, transport, protocol, peer }) => {
      using file = new TestFile(BIG);
      const operation = sendfile(loop, transport, file.fd);
      await receive(loop, peer, 20_000);
      end(peer);
      const error = await failure(operation);
      expect(['ConnectionError', 'ConnectionResetError', 'BrokenPipeError']).toContain(error.name);
      expect(file.position).toBeGreaterThanOrEqual(20_000);
      expect(file.position).toBeLessThan(BIG.length);
      expect(transport.isClosing()).toBe(true);
      await protocol.lost;
      expect(protocol.error).toBe(error);
    })(),
  );

  test(
    'SENDFILE-24 the peer closes when it has everything',
    onStage(stage, async ({ loop, transport, protocol, peer }) => {
      using file = new TestFile(BIG);
      const operation = sendfile(loop, transport, file.fd);
      await receive(loop, peer, BIG.length);
      peer.close();
      expect(await operation).toBe(BIG.length);
      await protocol.lost;
      expect(protocol.events.slice(-2)).toEqual(['eof', 'lost null']);
    }),
  );

  test.each(['abort', 'close'] as const)('SENDFILE-25 %s while earlier data drains', (method) =>
    onStage(stage, async ({ loop, transport, protocol, ours, peer }) => {
      using file = new TestFile(BIG);
      const filled = fill(ours);
      transport.write(pattern(200_000));
      const operation = sendfile(loop, transport, file.fd);
      await iterations(10);
      transport[method]();
      const received = loop.createTask(() => receive(loop, peer, Infinity));
      expect((await failure(operation)).name).toBe('ConnectionError');
      expect(file.position).toBe(0);
      // What was written before still goes out.
      if (method === 'close') expect(await received).toHaveLength(filled + 200_000);
      else await received;
      await protocol.lost;
      expect(protocol.error).toBeNull();
    })(),
  );

  test.each(['abort', 'close'] as const)('SENDFILE-23 SENDFILE-26 our own %s in the middle', (method) =>
    onStage(stage, async ({ loop, transport, protocol, peer }) => {
      using file = new TestFile(BIG);
      const operation = sendfile(loop, transport, file.fd);
      await receive(loop, peer, 20_000);
      transport[method]();
      // What has been handed over leaves before a connection is closed.
      const rest = loop.createTask(() => receive(loop, peer, Infinity));
      expect((await failure(operation)).name).toBe('ConnectionError');
      expect(file.position).toBeLessThan(BIG.length);
      await protocol.lost;
      await rest;
      expect(protocol.error).toBeNull();
    })(),
  );

  test(
    'SENDFILE-15 two at once: the second is refused, the first goes on',
    onStage(stage, async ({ loop, transport, peer }) => {
      using file = new TestFile(BIG);
      const first = sendfile(loop, transport, file.fd);
      const error = await failure(sendfile(loop, transport, new InMemory(BIG)));
      expect(error).toMatchObject({
        name: 'RuntimeError',
        message: 'sendfile: the transport is sending a file already',
      });
      expect(transport.isReading()).toBe(false);
      expect((await receive(loop, peer, BIG.length)).equals(BIG)).toBe(true);
      expect(await first).toBe(BIG.length);
    }),
  );

  test(
    'SENDFILE-14 a file that is cut off midway ends there',
    onStage(stage, async (s) => {
      using file = new TestFile(BIG);
      const operation = sendfile(s.loop, s.transport, file.fd, 0, BIG.length);
      await receive(s.loop, s.peer, 20_000);
      ftruncateSync(file.fd, 30_000);
      const received = s.loop.createTask(() => receive(s.loop, s.peer, Infinity));
      const sent = await operation;
      expect(sent).toBeLessThan(BIG.length);
      expect(file.position).toBe(sent);
      s.transport.close();
      expect(20_000 + (await received).length).toBe(sent);
    }),
  );

  test.each(['earlier data drains', 'the socket is full'])('SENDFILE-16 SENDFILE-22 cancelled while %s', (when) =>
    onStage(stage, async (s) => {
      using file = new TestFile(BIG);
      const { loop, transport, ours, peer } = s;
      if (when.startsWith('earlier')) {
        fill(ours);
        transport.write(pattern(200_000));
      }
      const task = loop.createTask(async () => {
        await sendfile(loop, transport, file.fd);
      });
      for (let i = 0; i < 3; i++) {
        await sleep(0.01);
        if (!when.startsWith('earlier')) drain(peer, 100_000);
      }
      task.cancel();
      await expect(task).rejects.toBeInstanceOf(CancelledError);
      expect(file.position).toBeLessThan(BIG.length);
      await expectRestored(s);
    })(),
  );
});

describe.each(ways.filter(({ way, family }) => way === 'fallback' && family === 'Unix'))('$name, fallback', (stage) => {
  test(
    'SENDFILE-22 cancelled during a read',
    onStage(stage, async (s) => {
      const file = new InMemory(BIG);
      let open!: () => void;
      file.gate = new Promise((resolve) => (open = resolve));
      const task = s.loop.createTask(async () => {
        await sendfile(s.loop, s.transport, file);
      });
      await iterations(3);
      task.cancel();
      await expect(task).rejects.toBeInstanceOf(CancelledError);
      open();
      await iterations(3);
      await expectRestored(s);
    }),
  );

  test(
    'SENDFILE-22 a protocol that was paused before is resumed, one that was not hears nothing',
    onStage(stage, async (s) => {
      const { loop, transport, protocol, ours, peer } = s;
      const filled = fill(ours);
      transport.write(pattern(100_000));
      expect(protocol.events).toEqual(['made', 'pause']);
      using file = new TestFile(BIG);
      const operation = sendfile(loop, transport, file.fd);
      expect(transport.getProtocol()).not.toBe(protocol);
      await receive(loop, peer, filled + 100_000 + 1_000_000);
      // The transport was resumed, and paused again; all that stays between it and the transfer.
      expect(protocol.events).toEqual(['made', 'pause']);
      await receive(loop, peer, BIG.length - 1_000_000);
      await operation;
      await iterations(2);
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
      const again = sendfile(loop, transport, file.fd);
      await receive(loop, peer, BIG.length);
      await again;
      await iterations(2);
      // Nothing, unless the transfer ended in a pause, which depends on how quickly the peer reads.
      expect([[], ['pause', 'resume']]).toContainEqual(protocol.events.slice(3));
      await expectRestored(s);
    }),
  );

  test(
    'SENDFILE-22 a transfer that ends in a pause tells the protocol, in its own context, before it is resumed',
    stage.backend.inLoop(async ({ loop }) => {
      const storage = new AsyncLocalStorage<string>();
      const stores: (string | undefined)[] = [];
      class Noting extends Recorder {
        override pauseWriting(): void {
          stores.push(storage.getStore());
          super.pauseWriting();
        }
      }
      const [ours, peer] = stage.backend.pair();
      const protocol = new Noting(loop);
      const transport = await storage.run('maker', () => open(loop, ours, protocol));
      withoutSystemCall(transport);
      using file = new TestFile(BIG);
      const task = storage.run('sender', () =>
        loop.createTask(async () => void (await sendfile(loop, transport, file.fd))),
      );
      await stuffed(transport);
      expect(protocol.events).toEqual(['made']);
      task.cancel();
      await expect(task).rejects.toBeInstanceOf(CancelledError);
      expect([protocol.events, stores]).toEqual([['made', 'pause'], ['maker']]);
      drain(peer);
      await iterations(4);
      drain(peer);
      await iterations(4);
      expect(protocol.events).toEqual(['made', 'pause', 'resume']);
      transport.abort();
      await protocol.lost;
      peer.close();
    }),
  );

  test(
    'SENDFILE-26 the protocol hears that the connection is lost, while the file is being read',
    onStage(stage, async ({ loop, transport, protocol }) => {
      const file = new InMemory(BIG);
      file.gate = new Promise(() => undefined);
      const operation = sendfile(loop, transport, file);
      transport.abort();
      expect((await failure(operation)).name).toBe('ConnectionError');
      expect(protocol.events).toEqual(['made', 'lost null']);
    }),
  );

  test(
    'SENDFILE-22 SENDFILE-23 a last piece that the connection refuses is no success',
    onStage(stage, async ({ loop, transport, protocol, peer }) => {
      peer.close();
      expect((await failure(sendfile(loop, transport, new InMemory(Buffer.from('x')), 0, 1))).name).toBe(
        'BrokenPipeError',
      );
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost BrokenPipeError']);
    }),
  );

  test(
    'SENDFILE-22 who resumes reading meanwhile gets what arrives, and the end',
    onStage(stage, async ({ loop, transport, protocol, peer }) => {
      const file = new InMemory(BIG);
      file.gate = new Promise(() => undefined);
      const operation = sendfile(loop, transport, file);
      transport.resumeReading();
      peer.send(Buffer.from('data'));
      expect((await protocol.bytes(4)).toString()).toBe('data');
      peer.shutdown(1);
      expect((await failure(operation)).name).toBe('ConnectionError');
      expect(protocol.events).toEqual(['made', 'data 4', 'eof', 'lost null']);
    }),
  );

  test(
    'SENDFILE-22 a protocol with memory of its own keeps it',
    stage.backend.inLoop(async ({ loop }) => {
      const memory = Buffer.alloc(10);
      const got: string[] = [];
      class Memory extends BufferedProtocol {
        override getBuffer(): Uint8Array {
          return memory;
        }
        override bufferUpdated(nbytes: number): void {
          got.push(memory.toString('latin1', 0, nbytes));
        }
      }
      const [ours, peer] = stage.backend.pair();
      const transport = await open(loop, ours, new Memory());
      const file = new InMemory(Buffer.from('file'));
      let unlock!: () => void;
      file.gate = new Promise((resolve) => (unlock = resolve));
      const operation = sendfile(loop, transport, file);
      transport.resumeReading();
      peer.send(Buffer.from('during'));
      await iterations(3);
      unlock();
      expect(await operation).toBe(4);
      peer.send(Buffer.from('after'));
      await until(() => got.length > 1);
      expect(got).toEqual(['during', 'after']);
      transport.abort();
      await iterations(3);
      peer.close();
    }),
  );
});

test(
  'SENDFILE-17 datagrams, other transports and other objects cannot send files',
  inLoop(async ({ loop }) => {
    using file = new TestFile('content');
    const [datagram] = await createDatagramEndpoint(loop, () => new DatagramProtocol(), {
      localAddr: ['127.0.0.1', 0],
    });
    for (const other of [datagram, new Transport(), {}, null, 7]) {
      const error = await failure(sendfile(loop, other as Transport, file.fd));
      expect([error.name, error.message]).toEqual(['RuntimeError', expect.stringContaining('cannot send files')]);
    }
    datagram.close();
    await iterations(3);
  }),
);

test(
  'SENDFILE-17 a transport whose sending direction has ended',
  inLoop(async ({ loop }) => {
    const [ours, peer] = pair();
    const transport = await open(loop, ours, new Recorder(loop));
    transport.writeEof();
    using file = new TestFile('content');
    expect((await failure(sendfile(loop, transport, file.fd, 0, null, { fallback: false }))).name).toBe('RuntimeError');
    expect((await failure(sendfile(loop, transport, new InMemory(BIG)))).name).toBe('RuntimeError');
    expect(transport.isReading()).toBe(true);
    transport.abort();
    await iterations(3);
    peer.close();
  }),
);

/** A transport over a channel whose kernel does what the test says. */
async function scripted(
  body: (loop: TaskLoop<ScriptedIo>, transport: StreamTransport) => Promise<void>,
): Promise<void> {
  const loop = new TaskLoop({ backend: new ScriptedIo() });
  const [socket, peer] = socketpair();
  await loop.runUntilComplete(async () => {
    const transport = await open(loop, socket, new Recorder(loop));
    await body(loop, transport);
    transport.abort();
    await iterations(3);
  });
  loop.close();
  socket.close();
  peer.close();
}

test('SENDFILE-14 over a backend that completes: done when all has left', () =>
  scripted(async (loop, transport) => {
    const { channel } = loop.backend;
    channel.completes = true;
    using file = new TestFile('content');
    const operation: Operation<number> = sendfile(loop, transport, file.fd, 0, 4);
    await iterations(5);
    expect([operation.done(), channel.watching]).toEqual([false, true]);
    channel.sent();
    expect(await operation).toBe(4);
    expect([channel.written.join(''), channel.watching, channel.reading]).toEqual(['cont', false, true]);
  }));

test('SENDFILE-23 closed over a backend that completes: the connection ends when what was handed over has left', () =>
  scripted(async (loop, transport) => {
    const { channel } = loop.backend;
    channel.completes = true;
    channel.room = 5;
    using file = new TestFile('content');
    const operation = sendfile(loop, transport, file.fd);
    await iterations(3);
    transport.close();
    channel.unsent = 0; // and the completion is told later
    expect((await failure(operation)).name).toBe('ConnectionError');
    expect(channel.calls).not.toContain('close');
    channel.becomesWritable(100);
    await iterations(3);
    expect(channel.calls.at(-1)).toBe('close');
  }));

test('SENDFILE-16 cancelled, it watches nothing any more, whatever the kernel says', () =>
  scripted(async (loop, transport) => {
    const { channel } = loop.backend;
    channel.room = 5;
    using file = new TestFile('content');
    const task = loop.createTask(async () => void (await sendfile(loop, transport, file.fd)));
    await iterations(3);
    expect([channel.watching, channel.reading]).toEqual([true, false]);
    task.cancel();
    await expect(task).rejects.toBeInstanceOf(CancelledError);
    expect([channel.watching, channel.reading, file.position]).toEqual([false, true, 5]);
  }));

test.each<[code: string, closing: boolean]>([
  ['EIO', false],
  ['EPIPE', true],
])('SENDFILE-16 SENDFILE-23 %s after a part was sent', (code, closing) =>
  scripted(async (loop, transport) => {
    const { channel } = loop.backend;
    channel.room = 5;
    using file = new TestFile('content');
    const operation = sendfile(loop, transport, file.fd);
    await iterations(3);
    channel.failure = osError({ code, errno: -5, syscall: 'sendfile' });
    channel.becomesWritable(100);
    expect(await failure(operation)).toMatchObject({ code });
    expect([file.position, transport.isClosing(), channel.watching]).toEqual([5, closing, false]);
    expect(transport.isReading()).toBe(!closing);
  }),
);

const CHECKER = `
const hash = require('node:crypto').createHash('sha1');
let total = 0;
const server = require('node:net').createServer((socket) => {
  socket.on('data', (data) => { total += data.length; hash.update(data); });
  socket.on('end', () => { console.log(total, hash.digest('hex')); server.close(); });
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

test.each(['native', 'fallback'])('SENDFILE-14 SENDFILE-15 30 MB to another process: %s', (way) =>
  inLoop(async ({ loop }) => {
    const content = Buffer.concat(new Array<Buffer>(30).fill(pattern(1_000_003)));
    using file = new TestFile(content);
    const child = spawn(process.execPath, ['-e', CHECKER], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines: Future<string>[] = [loop.createFuture<string>(), loop.createFuture<string>()];
    let next = 0;
    child.stdout.on('data', (data: Buffer) => lines[next++]!.setResult(data.toString().trim()));
    const exited = new Promise((resolve) => child.on('close', resolve));
    const [transport, protocol] = await createConnection(
      loop,
      () => new Recorder(loop),
      '127.0.0.1',
      Number(await lines[0]),
    );
    if (way === 'fallback') withoutSystemCall(transport as StreamTransport);
    transport.write(Buffer.from('head'));
    expect(await sendfile(loop, transport, file.fd)).toBe(content.length);
    transport.write(Buffer.from('tail'));
    transport.writeEof();
    const sha1 = createHash('sha1').update('head').update(content).update('tail').digest('hex');
    expect(await lines[1]).toBe(`${content.length + 8} ${sha1}`);
    await protocol.lost;
    await exited;
  })(),
);

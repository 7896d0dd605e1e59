/** `sockSendfile` without the system call. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { open } from 'node:fs/promises';

import { CancelledError, SendfileNotAvailableError } from '@tsyncio/core';
import { gather, sleep, wrapPromise } from '@tsyncio/futures-tasks';
import { sockSendfile } from '@tsyncio/selector-io';
import { type ReadableFile, SO_SNDBUF, SOL_SOCKET } from '@tsyncio/socket';
import { E, fileCalls } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { BIG, position, receive, seek, withLoop } from './support/files.js';
import { eventfd, pipe } from './support/kernel-objects.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { drain, failure, fill } from './support/sockets.js';

leakAudit();
afterEach(() => jest.restoreAllMocks());

const NO_FALLBACK = { fallback: false };
const PIECE = 256 * 1024;

/** A file in memory, which notes how it is read. */
class MemoryFile implements ReadableFile {
  readonly reads: [length: number, position: number | null][] = [];
  readonly buffers = new Set<ArrayBufferLike>();

  constructor(private readonly content: Buffer) {}

  read(buffer: Uint8Array, offset: number, length: number, at: number | null): Promise<{ bytesRead: number }> {
    this.reads.push([length, at]);
    this.buffers.add(buffer.buffer);
    const bytesRead = this.content.subarray(at ?? 0).copy(buffer, offset, 0, length);
    return Promise.resolve({ bytesRead });
  }
}

/** The system call fails so. */
function unavailable(code: 'EINVAL' | 'ENOSYS' | 'ENOTSOCK'): void {
  jest.spyOn(fileCalls(), 'sendfile').mockReturnValue(-E[code]);
}

eachSelector((makeLoop) => {
  test(
    'SENDFILE-06 a file in memory is read and sent; without fallback nothing is',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const file = new MemoryFile(Buffer.from('0123456789'));
      expect(await sockSendfile(loop, a, file)).toBe(10);
      expect(await sockSendfile(loop, a, file, 3, 4)).toBe(4);
      expect(await sockSendfile(loop, a, file, 8, 100)).toBe(2);
      expect(await sockSendfile(loop, a, file, 11)).toBe(0);
      expect(b.recv(100).toString()).toBe('0123456789345689');
      file.reads.length = 0;
      const error = await failure(sockSendfile(loop, a, file, 0, null, NO_FALLBACK));
      expect(error).toBeInstanceOf(SendfileNotAvailableError);
      expect(error.message).toBe('sendfile cannot be used: the file has no descriptor');
      expect([drain(b), file.reads]).toEqual([0, []]);
    }),
  );

  test(
    'SENDFILE-06 a file whose fileno() throws, as in-memory files do in Python',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const file = Object.assign(new MemoryFile(Buffer.from('content')), {
        fileno: (): number => {
          throw new Error('no descriptor');
        },
      });
      expect(await sockSendfile(loop, a, file)).toBe(7);
      expect(b.recv(100).toString()).toBe('content');
      const error = await failure(sockSendfile(loop, a, file, 0, null, NO_FALLBACK));
      expect(error).toBeInstanceOf(SendfileNotAvailableError);
    }),
  );

  test.each(['EINVAL', 'ENOSYS', 'ENOTSOCK'] as const)(
    'SENDFILE-07 SENDFILE-11 the first system call fails with %s: the file is read and sent',
    (code) =>
      withLoop(makeLoop, async (loop, sockets, files) => {
        unavailable(code);
        const [a, b] = sockets.connection();
        a.setsockopt(SOL_SOCKET, SO_SNDBUF, 65_536); // less than a piece
        const path = files.path(BIG);
        const handle = await open(path);
        for (const file of [files.keep(fs.openSync(path, 'r')), handle]) {
          seek(typeof file === 'number' ? file : file.fd, 5);
          const error = await failure(sockSendfile(loop, a, file, 0, null, NO_FALLBACK));
          expect(error).toBeInstanceOf(SendfileNotAvailableError);
          expect(error['cause']).toMatchObject({ code, syscall: 'sendfile' });
          expect(position(typeof file === 'number' ? file : file.fd)).toBe(5);
          const [sent, received] = await gather(
            () => sockSendfile(loop, a, file, 100, 1_000_000),
            () => receive(loop, b, 1_000_000),
          );
          expect(sent).toBe(1_000_000);
          expect(received.equals(BIG.subarray(100, 1_000_100))).toBe(true);
          expect(position(typeof file === 'number' ? file : file.fd)).toBe(1_000_100);
        }
        expect(drain(b)).toBe(0);
        await handle.close();
      })(),
  );

  test(
    'SENDFILE-07 the first system call is the one that fails after a wait',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('content');
      const filled = fill(a);
      const sending = sockSendfile(loop, a, file);
      unavailable('EINVAL');
      expect(drain(b)).toBe(filled);
      expect(await sending).toBe(7);
      expect(b.recv(100).toString()).toBe('content');
      const second = sockSendfile(loop, a, file, 0, null, NO_FALLBACK);
      expect(await failure(second)).toBeInstanceOf(SendfileNotAvailableError);
    }),
  );

  test(
    'SENDFILE-07 what the kernel really refuses: a directory, an eventfd, a file that is write-only, no connection',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const directory = files.keep(fs.openSync('/', 'r'));
      expect(await failure(sockSendfile(loop, a, directory))).toMatchObject({
        name: 'OSError',
        code: 'EISDIR',
        syscall: 'read',
      });
      const counter = files.keep(eventfd());
      fs.writeSync(counter, Buffer.from([7, 0, 0, 0, 0, 0, 0, 0]));
      expect(await sockSendfile(loop, a, counter, 0, 8)).toBe(8);
      expect([...b.recv(100)]).toEqual([7, 0, 0, 0, 0, 0, 0, 0]);
      const file = files.descriptor('content', 'a');
      expect(await failure(sockSendfile(loop, a, file))).toMatchObject({ code: 'EBADF', syscall: 'read' });
      const lonely = sockets.make();
      const good = files.descriptor('content');
      expect(await failure(sockSendfile(loop, lonely, good))).toMatchObject({ code: 'EPIPE', syscall: 'send' });
      for (const [sock, refused] of [
        [a, directory],
        [a, counter],
        [lonely, good],
      ] as const) {
        const error = await failure(sockSendfile(loop, sock, refused, 0, 8, NO_FALLBACK));
        expect(error).toBeInstanceOf(SendfileNotAvailableError);
        expect(error['cause']).toMatchObject({ name: expect.any(String) as string, syscall: 'sendfile' });
      }
      expect([drain(b), position(good)]).toEqual([0, 0]);
    }),
  );

  test(
    'SENDFILE-11 pieces of up to 256 KiB, all in the same memory',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.connection();
      const file = new MemoryFile(BIG.subarray(0, 2 * PIECE + 1000));
      const [sent, received] = await gather(
        () => sockSendfile(loop, a, file),
        () => receive(loop, b, 2 * PIECE + 1000),
      );
      expect(sent).toBe(2 * PIECE + 1000);
      expect(received.equals(BIG.subarray(0, sent))).toBe(true);
      const length = PIECE;
      expect(file.reads).toEqual([0, PIECE, 2 * PIECE, sent].map((at) => [length, at]));
      expect(file.buffers.size).toBe(1);
      const other = new MemoryFile(BIG);
      await gather(
        () => sockSendfile(loop, a, other, 5, PIECE + 10),
        () => receive(loop, b, PIECE + 10),
      );
      expect(other.reads).toEqual([
        [PIECE, 5],
        [10, PIECE + 5],
      ]);
    }),
  );

  test(
    'SENDFILE-12 an offset is sought; an offset of 0 is the start of the file, wherever its position is',
    withLoop(makeLoop, async (loop, sockets, files) => {
      unavailable('EINVAL');
      const [a, b] = sockets.pair();
      const file = files.descriptor('0123456789');
      fs.ftruncateSync(file, 4);
      expect(await sockSendfile(loop, a, file, 2, 100)).toBe(2);
      expect([position(file), b.recv(100).toString()]).toEqual([4, '23']);
      seek(file, 3);
      expect(await sockSendfile(loop, a, file)).toBe(4);
      expect([position(file), b.recv(100).toString()]).toEqual([4, '0123']);
    }),
  );

  test(
    'SENDFILE-12 an offset past the end: nothing is sent, and the position is that offset',
    withLoop(makeLoop, async (loop, sockets, files) => {
      unavailable('EINVAL');
      const [a, b] = sockets.pair();
      const file = files.descriptor('0123456789');
      expect(await sockSendfile(loop, a, file, 100)).toBe(0);
      expect(position(file)).toBe(100);
      const error = await failure(sockSendfile(loop, a, file, 200, null, NO_FALLBACK));
      expect(error).toBeInstanceOf(SendfileNotAvailableError);
      expect(position(file)).toBe(100);
      // No file system has files of that size: the kernel refuses the call itself.
      jest.restoreAllMocks();
      expect(await sockSendfile(loop, a, file, Number.MAX_SAFE_INTEGER)).toBe(0);
      expect(drain(b)).toBe(0);
    }),
  );

  test(
    'SENDFILE-13 a pipe with a count is read from where it is; it has no offsets',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const [readEnd, writeEnd] = pipe().map((fd) => files.keep(fd)) as [number, number];
      fs.writeSync(writeEnd, 'in the pipe');
      expect(await sockSendfile(loop, a, readEnd, 0, 6)).toBe(6);
      expect(b.recv(100).toString()).toBe('in the');
      expect(await failure(sockSendfile(loop, a, readEnd, 1, 3))).toMatchObject({ code: 'ESPIPE', syscall: 'read' });
      fs.closeSync(writeEnd);
      expect(await sockSendfile(loop, a, readEnd, 0, 100)).toBe(5);
      expect(b.recv(100).toString()).toBe(' pipe');
    }),
  );

  test(
    'SENDFILE-10 cancelled during a read: nothing is sent, and the read ends by itself',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      for (const end of ['resolve', 'reject'] as const) {
        let finish = (): void => undefined;
        const file: ReadableFile = {
          read: (buffer, _offset, length) =>
            new Promise((resolve, reject) => {
              finish = () => {
                buffer.fill(1); // the memory is still there
                if (end === 'resolve') resolve({ bytesRead: length });
                else reject(new Error('too late'));
              };
            }),
        };
        const sending = sockSendfile(loop, a, file);
        await sleep(0.002);
        expect(sending.cancel()).toBe(true);
        expect(await failure(sending)).toBeInstanceOf(CancelledError);
        finish();
        await sleep(0.002);
        expect(drain(b)).toBe(0);
      }
    }),
  );

  test(
    'SENDFILE-10 cancelled during a read of a descriptor that is closed at once',
    withLoop(makeLoop, async (loop, sockets, files) => {
      unavailable('EINVAL');
      const [a, b] = sockets.pair();
      for (let i = 0; i < 20; i++) {
        const file = files.descriptor('content');
        const sending = sockSendfile(loop, a, file);
        sending.cancel();
        fs.closeSync(file);
        const other = files.descriptor('another file');
        expect(other).toBe(file);
        expect(await failure(sending)).toBeInstanceOf(CancelledError);
        expect(position(other)).toBe(0);
        fs.closeSync(other);
      }
      expect(drain(b)).toBe(0);
    }),
  );

  test(
    'SENDFILE-10 cancelled while a piece is being sent: the position is where it stopped',
    withLoop(makeLoop, async (loop, sockets, files) => {
      unavailable('EINVAL');
      const [a, b] = sockets.connection();
      const file = files.descriptor(BIG);
      const sending = sockSendfile(loop, a, file, 10);
      while (!loop.backend.active) await sleep(0.001);
      sending.cancel();
      expect(loop.backend.active).toBe(false);
      const stopped = position(file);
      expect(await failure(sending)).toBeInstanceOf(CancelledError);
      expect((await receive(loop, b, stopped - 10)).equals(BIG.subarray(10, stopped))).toBe(true);
      await sleep(0.002);
      expect([drain(b), position(file)]).toEqual([0, stopped]);
    }),
  );

  test(
    'the peer is gone while a piece is being sent',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const sending = sockSendfile(loop, a, new MemoryFile(BIG));
      loop.callLater(0.005, () => b.close());
      expect(await failure(sending)).toMatchObject({ code: 'EPIPE', syscall: 'send' });
      expect(loop.backend.active).toBe(false);
    }),
  );

  test(
    'what read() throws or rejects with arrives; what it must not give is refused',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const wrong = new Error('wrong');
      const thrower = (): never => {
        throw wrong;
      };
      expect(await failure(sockSendfile(loop, a, { read: thrower }))).toBe(wrong);
      expect(await failure(sockSendfile(loop, a, { read: () => Promise.reject(wrong) }))).toBe(wrong);
      for (const bytesRead of [-1, PIECE + 1, 0.5, 'all', undefined]) {
        const read = (): Promise<{ bytesRead: number }> => Promise.resolve({ bytesRead: bytesRead as number });
        const error = await failure(sockSendfile(loop, a, { read }));
        expect(error.message).toContain('bytesRead must be');
      }
      expect(drain(b)).toBe(0);
    }),
  );

  test(
    'the methods of a file run in the async context of the caller, every time',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.connection();
      const request = new AsyncLocalStorage<string>();
      const seen: unknown[] = [];
      const content = new MemoryFile(BIG);
      const file: ReadableFile = {
        read: (...args) => {
          seen.push(request.getStore());
          return content.read(...args);
        },
      };
      const sending = request.run('mine', () => sockSendfile(loop, a, file, 0, 3 * PIECE));
      await gather(sending, () => receive(loop, b, 3 * PIECE));
      expect(seen).toEqual(['mine', 'mine', 'mine']);
    }),
  );

  test(
    'an open stream of node:fs is read by its descriptor: its own read() is something else',
    withLoop(makeLoop, async (loop, sockets, files) => {
      unavailable('EINVAL');
      const [a, b] = sockets.pair();
      const stream = fs.createReadStream(files.path('content'));
      await wrapPromise(once(stream, 'open'));
      expect(await sockSendfile(loop, a, stream as unknown as { fd: number }, 3)).toBe(4);
      expect(b.recv(100).toString()).toBe('tent');
      await wrapPromise(new Promise((resolve) => stream.close(resolve)));
    }),
  );

  test(
    'a FileHandle that is closed during the transfer is EBADF',
    withLoop(makeLoop, async (loop, sockets, files) => {
      unavailable('EINVAL');
      const [a, b] = sockets.pair();
      const handle = await open(files.path(BIG));
      const sending = sockSendfile(loop, a, handle);
      while (!loop.backend.active) await sleep(0.001);
      await handle.close();
      const reading = loop.createTask(() => receive(loop, b, BIG.length));
      expect(await failure(sending)).toMatchObject({ code: 'EBADF' });
      reading.cancel();
      expect(await failure(reading)).toBeInstanceOf(CancelledError);
    }),
  );
});

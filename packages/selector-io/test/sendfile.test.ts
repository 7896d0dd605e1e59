/** `sockSendfile` by the system call. */
import { ftruncateSync, openSync, truncateSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:net';

import { gather } from '@tsyncio/futures-tasks';
import { addReader, removeReader, sockSendall, sockSendfile } from '@tsyncio/selector-io';
import { AF_INET, SO_SNDBUF, SOCK_DGRAM, type Socket, SOL_SOCKET, type StreamSink } from '@tsyncio/socket';
import { fileCalls } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { BIG, position, receive, seek, withLoop } from './support/files.js';
import { pipe } from './support/kernel-objects.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { drain, failure, fill, pattern } from './support/sockets.js';

leakAudit();
afterEach(() => jest.restoreAllMocks());

eachSelector((makeLoop) => {
  test.each<[string, offset: number | undefined, count: number | null | undefined, expected: string]>([
    ['all of it', undefined, undefined, '0123456789'],
    ['from an offset', 4, undefined, '456789'],
    ['count bytes', 0, 3, '012'],
    ['count bytes from an offset', 4, 3, '456'],
    ['count to the very end', 7, 3, '789'],
    ['no count', 9, null, '9'],
  ])('SENDFILE-01 SENDFILE-02 a small file, done at once: %s', (_what, offset, count, expected) =>
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('0123456789');
      seek(file, 2);
      const addWriter = jest.spyOn(loop.backend, 'addWriter');
      const operation = sockSendfile(loop, a, file, offset, count);
      expect(operation.done()).toBe(true);
      expect(await operation).toBe(expected.length);
      expect(b.recv(100).toString()).toBe(expected);
      expect(position(file)).toBe((offset ?? 0) + expected.length);
      expect(addWriter).not.toHaveBeenCalled();
    })(),
  );

  test.each<[string, 'pair' | 'connection']>([
    ['Unix', 'pair'],
    ['TCP', 'connection'],
  ])('SENDFILE-01 SENDFILE-09 a file larger than the memory of the socket: %s', (_family, kind) =>
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets[kind]();
      const file = files.descriptor(BIG);
      const addWriter = jest.spyOn(loop.backend, 'addWriter');
      const [sent, received] = await gather(
        () => sockSendfile(loop, a, file, 1000),
        () => receive(loop, b, BIG.length - 1000),
      );
      expect(sent).toBe(BIG.length - 1000);
      expect(received.equals(BIG.subarray(1000))).toBe(true);
      expect(position(file)).toBe(BIG.length);
      expect(addWriter).toHaveBeenCalledTimes(1);
    })(),
  );

  test(
    'SENDFILE-01 count bytes of a large file, and no more',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.connection();
      const file = files.descriptor(BIG);
      const sendfile = jest.spyOn(fileCalls(), 'sendfile');
      const [sent] = await gather(
        () => sockSendfile(loop, a, file, 0, 5_000_000),
        () => receive(loop, b, 5_000_000),
      );
      expect([sent, position(file), drain(b)]).toEqual([5_000_000, 5_000_000, 0]);
      // To the BSDs a length of 0 means everything.
      expect(Math.min(...sendfile.mock.calls.map(([, , , length]) => length))).toBeGreaterThan(0);
    }),
  );

  test(
    'SENDFILE-01 what names a file: a FileHandle, an object with fd, one with fileno()',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const path = files.path('content');
      const handle = await open(path);
      const read = jest.spyOn(handle, 'read');
      const fd = files.keep(openSync(path, 'r'));
      for (const file of [handle, { fd }, { fileno: () => fd }]) {
        expect(await sockSendfile(loop, a, file, 0, null, { fallback: false })).toBe(7);
        expect(b.recv(100).toString()).toBe('content');
      }
      expect(position(handle.fd)).toBe(7);
      expect(read).not.toHaveBeenCalled();
      await handle.close();
    }),
  );

  test(
    'SENDFILE-03 count beyond the end sends what there is',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('0123456789');
      expect(await sockSendfile(loop, a, file, 6, 100)).toBe(4);
      expect(b.recv(100).toString()).toBe('6789');
      expect(position(file)).toBe(10);
    }),
  );

  test.each([
    ['an empty file', '', 0, null],
    ['an empty file, with a count', '', 0, 5],
    ['an offset at the end', 'four', 4, null],
    ['an offset past the end', 'four', 5, null],
    ['an offset past the end, with a count', 'four', 9, 5],
    ['an offset far past the end', 'four', 2 ** 40, null],
  ])('SENDFILE-03 nothing is sent and the position stays: %s', (_what, content, offset, count) =>
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor(content);
      seek(file, 2);
      expect(await sockSendfile(loop, a, file, offset, count, { fallback: false })).toBe(0);
      expect([position(file), drain(b)]).toEqual([2, 0]);
    })(),
  );

  test(
    'SENDFILE-01 an offset beyond 4 GiB',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('');
      const far = 5 * 2 ** 30 + 3;
      writeSync(file, 'far away', far);
      writeSync(file, 'nearer', far % 2 ** 32);
      expect(await sockSendfile(loop, a, file, far + 4)).toBe(4);
      expect(b.recv(100).toString()).toBe('away');
      expect(position(file)).toBe(far + 8);
    }),
  );

  test.each<[string, offset: unknown, count: unknown, name: string, message: string]>([
    ['text as offset', '0', null, 'TypeError', 'offset must be an integer, not string'],
    ['null as offset', null, null, 'TypeError', 'offset must be an integer, not null'],
    ['half an offset', 0.5, null, 'TypeError', 'offset must be an integer, not 0.5'],
    ['a bigint as offset', 1n, null, 'TypeError', 'offset must be an integer, not bigint'],
    ['NaN as offset', NaN, null, 'TypeError', 'offset must be an integer, not NaN'],
    ['a negative offset', -1, null, 'ValueError', 'offset must be an integer of at least 0 and below 2^53, not -1'],
    ['too large an offset', 2 ** 53, null, 'ValueError', expect.stringContaining('below 2^53') as string],
    ['text as count', 0, '5', 'TypeError', 'count must be an integer, not string'],
    ['half a count', 0, 1.5, 'TypeError', 'count must be an integer, not 1.5'],
    ['no end as count', 0, Infinity, 'TypeError', 'count must be an integer, not Infinity'],
    ['a count of 0', 0, 0, 'ValueError', 'count must be an integer of at least 1 and below 2^53, not 0'],
    ['a negative count', 0, -5, 'ValueError', 'count must be an integer of at least 1 and below 2^53, not -5'],
  ])('SENDFILE-04 NETARG-15 %s', (_what, offset, count, name, message) =>
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('content');
      const error = await failure(sockSendfile(loop, a, file, offset as number, count as number));
      expect(error).toMatchObject({ name, message });
      expect([position(file), drain(b)]).toEqual([0, 0]);
    })(),
  );

  test(
    'SENDFILE-05 NETARG-15 a socket that is no stream',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const file = files.descriptor('content');
      const [datagrams] = sockets.pair(SOCK_DGRAM);
      for (const sock of [datagrams, sockets.make(AF_INET, SOCK_DGRAM)]) {
        const error = await failure(sockSendfile(loop, sock, file));
        expect(error).toMatchObject({ name: 'ValueError', message: 'only a stream socket can send a file' });
      }
    }),
  );

  test(
    'SENDFILE-05 SOCK-22 a blocking socket is refused in debug mode',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('content');
      a.setblocking(true);
      expect(await sockSendfile(loop, a, file)).toBe(7);
      loop.setDebug(true);
      const error = await failure(sockSendfile(loop, a, file));
      expect(error).toMatchObject({ name: 'ValueError', message: 'the socket must be non-blocking' });
      expect(drain(b)).toBe(7);
    }),
  );

  test(
    'SENDFILE-05 what is no file is a TypeError; files have no text mode here',
    withLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.pair();
      for (const [file, kind] of [
        ['/etc/passwd', 'string'],
        [null, 'null'],
        [undefined, 'undefined'],
        [{}, 'object'],
        [{ fd: '3' }, 'object'],
        [Buffer.from('data'), 'object'],
      ]) {
        const error = await failure(sockSendfile(loop, a, file as never));
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toBe(
          `file must be a descriptor, a FileHandle or an object with read(), not ${kind as string}`,
        );
      }
      for (const file of [-1, 1.5, NaN, 2 ** 31]) {
        expect(await failure(sockSendfile(loop, a, file))).toMatchObject({ name: 'ValueError' });
      }
      const server = createServer().listen();
      expect(await failure(sockSendfile(loop, a, server as never))).toMatchObject({ name: 'ValueError' });
      server.close();
      const error = new Error('no descriptor today');
      const fileno = (): number => {
        throw error;
      };
      expect(await failure(sockSendfile(loop, a, { fileno }))).toBe(error);
      expect(await failure(sockSendfile(loop, {} as Socket, 0))).toBeInstanceOf(TypeError);
    }),
  );

  test(
    'SENDFILE-09 mixed with sockSendall, everything arrives in order',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.connection();
      a.setsockopt(SOL_SOCKET, SO_SNDBUF, 65_536);
      const file = files.descriptor(BIG);
      const before = pattern(500_000, 1);
      const after = pattern(500_000, 2);
      const send = async (): Promise<void> => {
        await sockSendall(loop, a, before);
        await sockSendfile(loop, a, file, 0, 700_000);
        await sockSendfile(loop, a, file, 700_000);
        await sockSendall(loop, a, after);
      };
      const all = Buffer.concat([before, BIG, after]);
      const [, received] = await gather(send, () => receive(loop, b, all.length));
      expect(received.equals(all)).toBe(true);
    }),
  );

  test(
    'SENDFILE-09 a socket without room: it waits, and goes on when there is some',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('content');
      seek(file, 1);
      const filled = fill(a);
      const sending = sockSendfile(loop, a, file);
      expect([sending.done(), loop.backend.active, position(file)]).toEqual([false, true, 1]);
      expect(drain(b)).toBe(filled);
      expect(await sending).toBe(7);
      expect(b.recv(100).toString()).toBe('content');
    }),
  );

  test(
    'SENDFILE-13 a descriptor with size 0, such as a pipe, sends nothing',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const [readEnd, writeEnd] = pipe().map((fd) => files.keep(fd)) as [number, number];
      writeSync(writeEnd, 'in the pipe');
      for (const file of [readEnd, files.keep(openSync('/dev/zero', 'r'))]) {
        for (const fallback of [true, false]) {
          expect(await sockSendfile(loop, a, file, 0, null, { fallback })).toBe(0);
        }
      }
      expect(drain(b)).toBe(0);
    }),
  );

  test(
    'a turn sends no more than its share, and others run in between, however fast the peer reads',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.connection();
      const file = files.descriptor(BIG);
      const sends: number[] = [];
      let turn = 0;
      const calls = fileCalls();
      const { sendfile } = calls;
      // The peer takes what was sent before the call is over, as one on another processor does.
      jest.spyOn(calls, 'sendfile').mockImplementation((...args) => {
        const n = sendfile(...args);
        drain(b);
        sends[turn] = (sends[turn] ?? 0) + Math.max(n, 0);
        return n;
      });
      let running = true;
      const other = (): void => {
        turn++;
        if (running) loop.callSoon(other);
      };
      loop.callSoon(other);
      expect(await sockSendfile(loop, a, file)).toBe(BIG.length);
      running = false;
      expect(Math.max(...sends.filter((n) => n > 0))).toBeLessThanOrEqual(4 << 20);
      expect(turn).toBeGreaterThanOrEqual(2);
    }),
  );

  test(
    'one file to several peers at a time',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const file = files.descriptor(BIG);
      const peers = [sockets.connection(), sockets.pair(), sockets.connection()];
      const results = await gather(
        ...peers.map(
          ([a]) =>
            () =>
              sockSendfile(loop, a, file),
        ),
        ...peers.map(
          ([, b]) =>
            async () =>
              (await receive(loop, b, BIG.length)).equals(BIG),
        ),
      );
      expect(results).toEqual([BIG.length, BIG.length, BIG.length, true, true, true]);
    }),
  );

  test(
    'a file that is cut off during the transfer: what there is was sent',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.connection();
      const path = files.path(BIG);
      const file = files.keep(openSync(path, 'r'));
      const sending = sockSendfile(loop, a, file);
      expect(sending.done()).toBe(false);
      truncateSync(path, 5_500_000);
      const [sent, received] = await gather(sending, () => receive(loop, b, 5_500_000));
      expect(sent).toBe(5_500_000);
      expect(received.equals(BIG.subarray(0, sent))).toBe(true);
      expect(position(file)).toBe(sent);
    }),
  );

  test(
    'a file that grows during the transfer is sent to its new end; with a count, no further',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.connection();
      const more = pattern(1_000_000, 9);
      for (const count of [null, BIG.length]) {
        const file = files.descriptor(BIG);
        const sending = sockSendfile(loop, a, file, 0, count);
        writeSync(file, more, 0, more.length, BIG.length);
        const expected = count ?? BIG.length + more.length;
        const [sent, received] = await gather(sending, () => receive(loop, b, expected));
        expect(sent).toBe(expected);
        expect(received.equals(Buffer.concat([BIG, more]).subarray(0, expected))).toBe(true);
        expect(drain(b)).toBe(0);
        ftruncateSync(file);
      }
    }),
  );

  test(
    'a slow peer, watched by a reader, gets everything',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor(BIG);
      const pieces: Buffer[] = [];
      addReader(loop, b, () => pieces.push(b.recv(100_000)));
      await sockSendfile(loop, a, file);
      removeReader(loop, b);
      const rest = await receive(loop, b, BIG.length - Buffer.concat(pieces).length);
      expect(Buffer.concat([...pieces, rest]).equals(BIG)).toBe(true);
    }),
  );

  test(
    'SOCK-25 on a socket of a transport: what need not wait succeeds, what must is a RuntimeError',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const channel = loop.backend.openStream(a, OWNER, loop);
      expect(await sockSendfile(loop, a, files.descriptor('small'))).toBe(5);
      expect(b.recv(100).toString()).toBe('small');
      const big = files.descriptor(BIG);
      expect(await failure(sockSendfile(loop, a, big))).toMatchObject({ name: 'RuntimeError' });
      expect(position(big)).toBe(drain(b));
      channel.close();
    }),
  );
});

/** The owner of a stream that is never told anything. */
const OWNER: StreamSink = {
  buffered: false,
  getBuffer: () => null,
  onBuffer: () => undefined,
  onData: () => undefined,
  onEof: () => undefined,
  onWritable: () => undefined,
  onError: () => undefined,
  isClosing: () => false,
};

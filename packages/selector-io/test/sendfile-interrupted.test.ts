/** `sockSendfile` that fails or is cancelled midway. The file's position tells how far it came. */
import { closeSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';

import { CancelledError } from '@tsyncio/core';
import { sleep, waitFor } from '@tsyncio/futures-tasks';
import { removeWriter, sockSendall, sockSendfile } from '@tsyncio/selector-io';
import { SHUT_WR, SO_LINGER, SOL_SOCKET } from '@tsyncio/socket';
import { E, fileCalls } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { BIG, Files, position, receive, seek, withLoop } from './support/files.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { drain, failure, fill, NO_LINGER, pattern, Sockets } from './support/sockets.js';

leakAudit();
afterEach(() => jest.restoreAllMocks());

/** Notes how many bytes the system call sends. */
function countSent(): () => number {
  let sum = 0;
  const calls = fileCalls();
  const { sendfile } = calls;
  jest.spyOn(calls, 'sendfile').mockImplementation((...args) => {
    const n = sendfile(...args);
    sum += Math.max(n, 0);
    return n;
  });
  return () => sum;
}

eachSelector((makeLoop) => {
  test.each([
    ['reset', true],
    ['closed', false],
  ])('SENDFILE-08 the peer is gone in the middle: %s', (_how, reset) =>
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = reset ? sockets.connection() : sockets.pair();
      const file = files.descriptor(BIG);
      const sent = countSent();
      const sending = sockSendfile(loop, a, file, 1000);
      loop.callLater(0.005, () => {
        if (reset) b.setsockopt(SOL_SOCKET, SO_LINGER, NO_LINGER);
        b.close();
      });
      const error = await failure(sending);
      expect(error).toMatchObject({ code: reset ? 'ECONNRESET' : 'EPIPE', syscall: 'sendfile' });
      expect(position(file)).toBe(1000 + sent());
      expect(sent()).toBeGreaterThan(0);
      expect(removeWriter(loop, a)).toBe(false);
    })(),
  );

  test(
    'SENDFILE-08 this end is shut down in the middle',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.connection();
      const file = files.descriptor(BIG);
      const sending = sockSendfile(loop, a, file);
      a.shutdown(SHUT_WR);
      const error = await failure(sending);
      expect(error).toMatchObject({ name: 'BrokenPipeError', code: 'EPIPE', syscall: 'sendfile' });
      expect((await receive(loop, b)).length).toBe(position(file));
    }),
  );

  test(
    'SENDFILE-08 "not connected" after a part was sent becomes a ConnectionError',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor(BIG);
      const sending = sockSendfile(loop, a, file);
      jest.spyOn(fileCalls(), 'sendfile').mockReturnValueOnce(-E.ENOTCONN);
      const sent = drain(b);
      const error = await failure(sending);
      expect(error).toMatchObject({ name: 'ConnectionError', code: 'ENOTCONN', errno: -E.ENOTCONN });
      expect(error['cause']).toMatchObject({ name: 'OSError', code: 'ENOTCONN', syscall: 'sendfile' });
      expect(position(file)).toBe(sent);
    }),
  );

  test(
    'SENDFILE-08 any other error after a part was sent comes as it is, and nothing is read instead',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const handle = await open(files.path(BIG));
      const read = jest.spyOn(handle, 'read');
      const sending = sockSendfile(loop, a, handle);
      jest.spyOn(fileCalls(), 'sendfile').mockReturnValueOnce(-E.EIO);
      const sent = drain(b);
      expect(await failure(sending)).toMatchObject({ name: 'OSError', code: 'EIO', syscall: 'sendfile' });
      expect(position(handle.fd)).toBe(sent);
      expect([drain(b), read.mock.calls]).toEqual([0, []]);
      await handle.close();
    }),
  );

  test(
    'SENDFILE-10 cancelled while it waits: not watched any more, and the position is where it stopped',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor(BIG);
      const sending = sockSendfile(loop, a, file, 500);
      await sleep(0.002);
      const begun = drain(b);
      await sleep(0.002);
      expect(sending.cancel()).toBe(true);
      // At once: the socket may be closed here and now.
      expect([removeWriter(loop, a), loop.backend.active]).toEqual([false, false]);
      const sent = begun + drain(b);
      expect(position(file)).toBe(500 + sent);
      expect(await failure(sending)).toBeInstanceOf(CancelledError);
      await sleep(0.002);
      expect([drain(b), position(file)]).toEqual([0, 500 + sent]);
      await sockSendall(loop, a, Buffer.from('usable'));
      expect(b.recv(100).toString()).toBe('usable');
    }),
  );

  test(
    'SENDFILE-10 cancelled before anything was sent: the position is as it was',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('content');
      seek(file, 3);
      const filled = fill(a);
      const task = loop.createTask(() => sockSendfile(loop, a, file));
      await sleep(0);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect([position(file), drain(b), loop.backend.active]).toEqual([3, filled, false]);
    }),
  );

  test(
    'SENDFILE-10 cancelled when there is room again, before the writer runs: it sends no more',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('late');
      fill(a);
      const task = loop.createTask(() => sockSendfile(loop, a, file));
      await sleep(0);
      loop.callSoon(() => {
        drain(b);
        // The writer stands behind this callback in the next iteration.
        loop.callSoon(() => task.cancel());
      });
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect([drain(b), position(file)]).toEqual([0, 0]);
    }),
  );

  test(
    'SENDFILE-10 cancelled and everything closed in the same breath; the numbers belong to others then',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor(BIG);
      const sending = sockSendfile(loop, a, file);
      sending.cancel();
      a.close();
      closeSync(file);
      const other = files.descriptor('another file');
      const [c] = sockets.pair();
      expect([other, c.fileno()].sort()).toEqual(expect.arrayContaining([file]));
      expect(await failure(sending)).toBeInstanceOf(CancelledError);
      await sleep(0.002);
      expect(position(other)).toBe(0);
      expect(drain(b)).toBeGreaterThan(0);
    }),
  );

  test(
    'SENDFILE-10 a deadline ends it; the position tells from where to go on',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.connection();
      const file = files.descriptor(BIG);
      expect(await failure(waitFor(sockSendfile(loop, a, file), 0.01))).toMatchObject({ name: 'TimeoutError' });
      const reading = loop.createTask(() => receive(loop, b, BIG.length));
      await sockSendfile(loop, a, file, position(file));
      expect((await reading).equals(BIG)).toBe(true);
    }),
  );

  test(
    'a FileHandle that is closed in the middle is EBADF, and whatever has its number now is left alone',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const handle = await open(files.path(BIG));
      const { fd } = handle;
      const sending = sockSendfile(loop, a, handle);
      const begun = drain(b);
      await handle.close();
      const other = files.descriptor(pattern(BIG.length, 99));
      expect(other).toBe(fd);
      const error = await failure(sending);
      expect(error).toMatchObject({ name: 'OSError', code: 'EBADF', syscall: 'sendfile' });
      expect(error.message).toBe('sendfile EBADF: the file is closed');
      expect([position(other), begun > 0]).toEqual([0, true]);
      a.close();
      const rest = await receive(loop, b);
      expect(rest.equals(BIG.subarray(begun, begun + rest.length))).toBe(true);
    }),
  );

  test(
    'a socket that is closed when it is ready again, before the writer runs, is EBADF; nothing is read instead',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a, b] = sockets.pair();
      const file = files.descriptor('late');
      fill(a);
      const sending = sockSendfile(loop, a, file);
      loop.callSoon(() => {
        drain(b);
        loop.callSoon(() => a.close());
      });
      const error = await failure(sending);
      expect(error).toMatchObject({ name: 'OSError', message: 'sendfile EBADF: the socket is closed' });
      expect([drain(b), position(file), loop.backend.active]).toEqual([0, 0, false]);
    }),
  );

  test(
    'SOCK-26 a closed socket and a closed file are EBADF',
    withLoop(makeLoop, async (loop, sockets, files) => {
      const [a] = sockets.pair();
      const file = files.descriptor('content');
      const handle = await open(files.path(''));
      await handle.close();
      for (const fallback of [true, false]) {
        const error = await failure(sockSendfile(loop, a, handle, 0, null, { fallback }));
        expect(error).toMatchObject({ code: 'EBADF', message: 'sendfile EBADF: the file is closed' });
      }
      closeSync(file);
      expect(await failure(sockSendfile(loop, a, file))).toMatchObject({ code: 'EBADF', syscall: 'read' });
      a.close();
      const good = files.descriptor('content');
      const empty = files.descriptor('');
      for (const fallback of [true, false]) {
        for (const source of [good, empty, { read: () => Promise.reject(new Error('never')) }]) {
          const error = await failure(sockSendfile(loop, a, source, 0, null, { fallback }));
          expect(error).toMatchObject({ code: 'EBADF', message: 'sendfile EBADF: the socket is closed' });
        }
      }
    }),
  );

  test('a closed loop is refused; a loop closed in the middle leaves nothing', async () => {
    const loop = makeLoop();
    const sockets = new Sockets();
    const files = new Files();
    const [a, b] = sockets.pair();
    const file = files.descriptor(BIG);
    await loop.runUntilComplete(async () => {
      void sockSendfile(loop, a, file);
      await sleep(0);
    });
    loop.close();
    const error = await failure(sockSendfile(loop, a, file));
    expect(error).toMatchObject({ name: 'RuntimeError', message: 'Event loop is closed' });
    expect(position(file)).toBe(drain(b));
    sockets.close();
    writeSync(file, 'still open');
    files.close();
  });
});

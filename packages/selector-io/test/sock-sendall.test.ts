import { CancelledError } from '@tsyncio/core';
import { gather, sleep, waitFor } from '@tsyncio/futures-tasks';
import { addReader, removeReader, removeWriter, sockRecv, sockSendall } from '@tsyncio/selector-io';
import { SO_LINGER, SO_SNDBUF, type Socket, SOL_SOCKET } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { drain, failure, fill, inLoop, NO_LINGER, pattern } from './support/sockets.js';

leakAudit();

eachSelector((makeLoop) => {
  test(
    'SOCK-07 what the kernel can take is sent at once, without registering anything',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const addWriter = jest.spyOn(loop.backend, 'addWriter');
      const operation = sockSendall(loop, a, Buffer.from('hello'));
      expect(operation.done()).toBe(true);
      expect(await operation).toBeUndefined();
      expect(b.recv(100).toString()).toBe('hello');
      expect(addWriter).not.toHaveBeenCalled();
    }),
  );

  test.each([1_000_000, 20_000_000])(
    'SOCK-07 SOCK-24 an echo of %i bytes, sent and received at the same time',
    (size) =>
      inLoop(makeLoop, async (loop, sockets) => {
        const [client, server] = sockets.connection();
        // The kernel would take a megabyte at once.
        for (const end of [client, server]) end.setsockopt(SOL_SOCKET, SO_SNDBUF, 65_536);
        const data = pattern(size);
        const addWriter = jest.spyOn(loop.backend, 'addWriter');
        const echo = loop.createTask(async () => {
          for (let left = size; left > 0;) {
            const piece = await sockRecv(loop, server, 65_536);
            await sockSendall(loop, server, piece);
            left -= piece.length;
          }
        });
        const receive = async (): Promise<Buffer> => {
          const pieces: Buffer[] = [];
          for (let left = size; left > 0; left -= pieces.at(-1)!.length)
            pieces.push(await sockRecv(loop, client, 65_536));
          return Buffer.concat(pieces);
        };
        const [, received] = await gather(() => sockSendall(loop, client, data), receive);
        await echo;
        expect(received.equals(data)).toBe(true);
        expect(addWriter).toHaveBeenCalled();
      })(),
  );

  test(
    'SOCK-24 a receive and a send wait on the same socket, and each ends without the other',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const filled = fill(a);
      const receiving = sockRecv(loop, a, 10);
      const sending = sockSendall(loop, a, Buffer.from('end'));
      await sleep(0.002);
      expect([receiving.done(), sending.done()]).toEqual([false, false]);
      b.send(Buffer.from('x'));
      expect((await receiving).toString()).toBe('x');
      expect(sending.done()).toBe(false);
      expect(drain(b)).toBe(filled);
      await sending;
      expect(b.recv(10).toString()).toBe('end');
      const again = sockRecv(loop, a, 10);
      fill(a);
      const cancelled = sockSendall(loop, a, Buffer.from('never'));
      cancelled.cancel();
      expect(await failure(cancelled)).toBeInstanceOf(CancelledError);
      expect([removeWriter(loop, a), again.done()]).toEqual([false, false]);
      b.send(Buffer.from('y'));
      expect((await again).toString()).toBe('y');
    }),
  );

  test(
    'SOCK-08 nothing to send is done at once, even if there is no room',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.pair();
      expect(sockSendall(loop, a, new Uint8Array(0)).done()).toBe(true);
      fill(a);
      const operation = sockSendall(loop, a, Buffer.alloc(0));
      expect(operation.done()).toBe(true);
      expect(await operation).toBeUndefined();
    }),
  );

  test(
    'SOCK-08 what is no bytes is a TypeError that names the argument',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.pair();
      for (const [data, kind] of [
        ['text', 'string'],
        [[1, 2], 'an array'],
        [new ArrayBuffer(2), 'object'],
        [new Uint16Array(2), 'object'],
        [null, 'null'],
        [undefined, 'undefined'],
      ]) {
        const error = await failure(sockSendall(loop, a, data as never));
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toBe(`data must be a Uint8Array (a Buffer), not ${kind as string}`);
      }
    }),
  );

  test.each([
    ['reset', 'ECONNRESET', true],
    ['closed', 'EPIPE', false],
  ])('SOCK-09 the peer is gone in the middle: %s', (_how, code, reset) =>
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = reset ? sockets.connection() : sockets.pair();
      fill(a);
      const sending = sockSendall(loop, a, pattern(3_000_000));
      loop.callLater(0.005, () => {
        if (reset) b.setsockopt(SOL_SOCKET, SO_LINGER, NO_LINGER);
        b.close();
      });
      const error = await failure(sending);
      expect(error).toMatchObject({ code, syscall: 'send' });
      expect(removeWriter(loop, a)).toBe(false);
      expect(await failure(sockSendall(loop, a, Buffer.from('x')))).toMatchObject({ code: 'EPIPE' });
    })(),
  );

  test(
    'SOCK-10 cancelled while it waits: nothing is registered, the socket is open, a part was sent',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const task = loop.createTask(() => sockSendall(loop, a, pattern(3_000_000)));
      await sleep(0.002);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect([removeWriter(loop, a), loop.backend.active]).toEqual([false, false]);
      const sent = drain(b);
      expect(sent).toBeGreaterThan(0);
      expect(sent).toBeLessThan(3_000_000);
      await sleep(0.002);
      expect(drain(b)).toBe(0);
      await sockSendall(loop, a, Buffer.from('usable'));
      expect(b.recv(100).toString()).toBe('usable');
    }),
  );

  test(
    'SOCK-10 cancelled when there is room again, before the writer runs: it sends no more',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      fill(a);
      const task = loop.createTask(() => sockSendall(loop, a, Buffer.from('late')));
      await sleep(0);
      loop.callSoon(() => {
        drain(b);
        // The writer stands behind this callback in the next iteration.
        loop.callSoon(() => task.cancel());
      });
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect(drain(b)).toBe(0);
    }),
  );

  test(
    'SOCK-10 a deadline ends it, with a peer that reads nothing',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.connection();
      const error = await failure(waitFor(sockSendall(loop, a, Buffer.alloc(30_000_000)), 0.01));
      expect(error).toMatchObject({ name: 'TimeoutError' });
    }),
  );

  test(
    'SOCK-11 the data is not copied: a change while it waits is sent',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const filled = fill(a);
      const data = Buffer.from('before');
      const sending = sockSendall(loop, a, data);
      await sleep(0);
      data.write('AFTER!');
      expect(drain(b)).toBe(filled);
      await sending;
      expect(b.recv(100).toString()).toBe('AFTER!');
    }),
  );

  test(
    'SOCK-07 the socket is watched no longer than until the last piece has left',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      fill(a);
      const sending = sockSendall(loop, a, Buffer.from('last'));
      await sleep(0);
      const watched: boolean[] = [];
      loop.callSoon(() => {
        drain(b);
        // The writer runs in the next iteration, behind this; whoever awaits goes on in the one after that.
        loop.callSoon(() => {
          watched.push(loop.backend.active);
          loop.callSoon(() => watched.push(loop.backend.active, sending.done()));
        });
      });
      await sending;
      expect(watched).toEqual([true, false, false]);
    }),
  );

  test(
    'SOCK-11 data that is taken away while it waits is an error, not an endless wait',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      fill(a);
      const data = new Uint8Array(100);
      const sending = sockSendall(loop, a, data);
      structuredClone(data.buffer, { transfer: [data.buffer] });
      drain(b);
      expect(await failure(sending)).toMatchObject({ name: 'ValueError' });
    }),
  );

  test(
    'a slow peer gets everything, in order',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const data = pattern(1_500_000);
      const pieces: Buffer[] = [];
      const take = (sock: Socket): void => {
        const piece = sock.recv(40_000);
        pieces.push(piece);
      };
      addReader(loop, b, take, b);
      await sockSendall(loop, a, data);
      removeReader(loop, b);
      for (let left = data.length - Buffer.concat(pieces).length; left > 0; left -= pieces.at(-1)!.length) take(b);
      expect(Buffer.concat(pieces).equals(data)).toBe(true);
    }),
  );

  test(
    'two sends at a time: the second takes the place of the first, which ends when it is cancelled',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const filled = fill(a);
      const first = sockSendall(loop, a, Buffer.from('first'));
      const second = sockSendall(loop, a, Buffer.from('second'));
      await sleep(0);
      expect(drain(b)).toBe(filled);
      await second;
      expect(first.done()).toBe(false);
      first.cancel();
      expect(await failure(first)).toBeInstanceOf(CancelledError);
      expect(b.recv(100).toString()).toBe('second');
    }),
  );

  test(
    'a socket that is not connected, or half closed, is an error at once',
    inLoop(makeLoop, async (loop, sockets) => {
      const lonely = sockets.make();
      expect(await failure(sockSendall(loop, lonely, Buffer.from('x')))).toMatchObject({ code: 'EPIPE' });
      const [a] = sockets.pair();
      a.shutdown(1);
      expect(await failure(sockSendall(loop, a, Buffer.from('x')))).toMatchObject({ name: 'BrokenPipeError' });
    }),
  );
});

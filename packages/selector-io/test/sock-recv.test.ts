import { CancelledError, ValueError } from '@tsyncio/core';
import { sleep, type TaskLoop, waitFor } from '@tsyncio/futures-tasks';
import { removeReader, type SelectorIo, sockRecv, sockRecvInto, sockSendall } from '@tsyncio/selector-io';
import { SHUT_WR, SO_LINGER, type Socket, SOL_SOCKET } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { failure, inLoop, NO_LINGER, pattern, Sockets } from './support/sockets.js';

leakAudit();

const hello = Buffer.from('hello');

/** Both ways of receiving, as one function that gives the bytes. */
const ways: [name: string, receive: (loop: TaskLoop<SelectorIo>, sock: Socket, n: number) => PromiseLike<Buffer>][] = [
  ['sockRecv', (loop, sock, n) => sockRecv(loop, sock, n)],
  [
    'sockRecvInto',
    async (loop, sock, n) => {
      const buffer = Buffer.alloc(n);
      return buffer.subarray(0, await sockRecvInto(loop, sock, buffer));
    },
  ],
];

eachSelector((makeLoop) => {
  describe.each(ways)('%s', (name, receive) => {
    // One row says of sockRecvInto what several say of sockRecv.
    const row = (id: string): string => (name === 'sockRecv' ? id : 'SOCK-06');

    test(
      `${row('SOCK-01')} what is there comes at once, at most as much as asked for`,
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.pair();
        b.send(hello);
        const addReader = jest.spyOn(loop.backend, 'addReader');
        expect((await receive(loop, a, 3)).toString()).toBe('hel');
        expect((await receive(loop, a, 100)).toString()).toBe('lo');
        expect(addReader).not.toHaveBeenCalled();
      }),
    );

    test(
      `${row('SOCK-02')} waits for data, and for the end of the stream`,
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.pair();
        loop.callLater(0.005, () => b.send(hello));
        expect((await receive(loop, a, 100)).toString()).toBe('hello');
        expect(loop.backend.active).toBe(false);
        loop.callLater(0.005, () => b.shutdown(SHUT_WR));
        expect((await receive(loop, a, 100)).toString()).toBe('');
        expect((await receive(loop, a, 100)).toString()).toBe('');
      }),
    );

    test(
      `${row('SOCK-03')} a reset is thrown, and the descriptor is watched no more`,
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.connection();
        loop.callLater(0.005, () => {
          b.setsockopt(SOL_SOCKET, SO_LINGER, NO_LINGER);
          b.close();
        });
        expect(await failure(receive(loop, a, 100))).toMatchObject({
          name: 'ConnectionResetError',
          code: 'ECONNRESET',
          syscall: 'recv',
        });
        expect(removeReader(loop, a)).toBe(false);
      }),
    );

    test(
      `${row('SOCK-04')} cancelled while it waits: the data stays for the next one`,
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.pair();
        const task = loop.createTask(async () => receive(loop, a, 100));
        await sleep(0.002);
        expect(loop.backend.active).toBe(true);
        task.cancel();
        b.send(hello);
        expect(await failure(task)).toBeInstanceOf(CancelledError);
        expect(removeReader(loop, a)).toBe(false);
        expect((await receive(loop, a, 100)).toString()).toBe('hello');
      }),
    );

    test(
      `${row('SOCK-04')} cancelled after the loop has seen the data, and before the task has: nothing is lost`,
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.pair();
        const task = loop.createTask(async () => receive(loop, a, 100));
        await sleep(0);
        const steps: string[] = [];
        // The reader runs in the iteration after the data was sent, behind what was queued before; the task in the one after that.
        loop.callSoon(() => {
          b.send(hello);
          loop.callSoon(() => {
            steps.push(`sent, watched: ${loop.backend.active}`);
            loop.callSoon(() => {
              steps.push(`seen, watched: ${loop.backend.active}`);
              task.cancel();
            });
          });
        });
        expect(await failure(task)).toBeInstanceOf(CancelledError);
        expect(steps).toEqual(['sent, watched: true', 'seen, watched: false']);
        expect((await receive(loop, a, 100)).toString()).toBe('hello');
      }),
    );

    test(
      'a deadline ends it',
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.pair();
        expect(await failure(waitFor(async () => receive(loop, a, 1), 0.005))).toMatchObject({ name: 'TimeoutError' });
        expect(loop.backend.active).toBe(false);
        b.send(hello);
        expect((await waitFor(async () => receive(loop, a, 9), 5)).toString()).toBe('hello');
      }),
    );

    test(
      `${row('SOCK-05')} nothing asked for is nothing received, at once`,
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.pair();
        expect(await receive(loop, a, 0)).toHaveLength(0);
        b.send(hello);
        expect(await receive(loop, a, 0)).toHaveLength(0);
        expect((await receive(loop, a, 9)).toString()).toBe('hello');
      }),
    );

    test(
      'many messages of one byte and many megabytes arrive intact',
      inLoop(makeLoop, async (loop, sockets) => {
        const [a, b] = sockets.connection();
        const data = pattern(5_000_000);
        const sender = loop.createTask(async () => {
          for (let i = 0; i < 300; i++) {
            b.send(data.subarray(i, i + 1));
            if (i % 3 === 0) await sleep(0);
          }
          for (let at = 300; at < data.length;) {
            try {
              at += b.send(data.subarray(at, at + 300_000));
            } catch {
              await sleep(0);
            }
          }
          b.shutdown(SHUT_WR);
        });
        const pieces: Buffer[] = [];
        for (const sizes = [1, 10, 1000, 65_536, 70_000, 200_000, 1_000_000]; ;) {
          const piece = await receive(loop, a, sizes[pieces.length % sizes.length]!);
          if (piece.length === 0) break;
          pieces.push(piece);
        }
        await sender;
        // Compared at the end, so that memory which is written again would show.
        expect(Buffer.concat(pieces).equals(data)).toBe(true);
      }),
    );
  });

  test(
    'SOCK-06 the rest of the buffer is left alone',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const buffer = Buffer.alloc(8, '.');
      b.send(hello);
      expect(await sockRecvInto(loop, a, buffer)).toBe(5);
      expect(buffer.toString()).toBe('hello...');
      loop.callLater(0.005, () => b.close());
      expect(await sockRecvInto(loop, a, buffer)).toBe(0);
      expect(buffer.toString()).toBe('hello...');
    }),
  );

  test(
    'a short message holds on to no large block, a long one is not copied',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      b.send(hello);
      const short = await sockRecv(loop, a, 65_536);
      expect(short.buffer.byteLength).toBeLessThanOrEqual(Buffer.from('x').buffer.byteLength); // Node's pool
      b.send(pattern(50_000));
      const long = await sockRecv(loop, a, 65_536);
      expect(long.buffer.byteLength).toBe(65_536);
      b.send(pattern(50_000, 7));
      expect((await sockRecv(loop, a, 65_536)).equals(pattern(50_000, 7))).toBe(true);
      expect(long.equals(pattern(50_000))).toBe(true);
    }),
  );

  test(
    'SOCK-04 deadlines at any moment lose no byte',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const data = pattern(40_000);
      const sending = loop.createTask(async () => {
        for (let at = 0; at < data.length;) {
          at += b.send(data.subarray(at, at + 1 + Math.floor(Math.random() * 300)));
          await sleep(Math.random() < 0.5 ? 0 : Math.random() * 0.001);
        }
        b.shutdown(SHUT_WR);
      });
      const pieces: Buffer[] = [];
      let expired = 0;
      for (;;) {
        try {
          const piece = await waitFor(sockRecv(loop, a, 1 + Math.floor(Math.random() * 500)), Math.random() * 0.0005);
          if (piece.length === 0) break;
          pieces.push(piece);
        } catch (error) {
          expect(error).toMatchObject({ name: 'TimeoutError' });
          expired++;
        }
      }
      await sending;
      expect(Buffer.concat(pieces).equals(data)).toBe(true);
      expect(expired).toBeGreaterThan(0);
    }),
  );

  test(
    'SOCK-04 in a generator coroutine',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const log: unknown[] = [];
      function* coroutine(): Generator<unknown, number, unknown> {
        try {
          for (;;) {
            const data = yield* sockRecv(loop, a, 100);
            log.push(data.toString());
            yield* sockSendall(loop, a, data);
          }
        } catch (error) {
          log.push(error);
          task.uncancel();
        }
        return (yield* sockRecv(loop, a, 100)).length;
      }
      const task = loop.createTask(coroutine());
      b.send(hello);
      expect((await sockRecv(loop, b, 100)).toString()).toBe('hello');
      task.cancel();
      b.send(hello);
      expect(await task).toBe(5);
      expect(log).toEqual(['hello', expect.any(CancelledError)]);
    }),
  );

  test(
    'SOCK-23 the second receive takes the place of the first, which ends when it is cancelled and does no harm',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const first = sockRecv(loop, a, 100);
      const second = sockRecv(loop, a, 100);
      const third = sockRecv(loop, a, 100);
      second.cancel();
      expect(await failure(second)).toBeInstanceOf(CancelledError);
      // The one that was pushed out has left the registration of its successor alone.
      expect(loop.backend.active).toBe(true);
      b.send(hello);
      expect((await third).toString()).toBe('hello');
      b.send(hello);
      await sleep(0.005);
      expect(first.done()).toBe(false);
      first.cancel();
      expect(await failure(first)).toBeInstanceOf(CancelledError);
      expect((await sockRecv(loop, a, 100)).toString()).toBe('hello');
    }),
  );

  test(
    'SOCK-23 somebody who is quicker than the one who was woken: it waits again',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const slow = sockRecv(loop, a, 100);
      const stolen: string[] = [];
      loop.callSoon(() => {
        b.send(hello);
        loop.callSoon(() => {
          loop.callSoon(() => {
            stolen.push(a.recv(100).toString());
            // Only now: on a busy machine what is sent at a time of its own is stolen as well.
            loop.callLater(0.01, () => b.send(Buffer.from('again')));
          });
        });
      });
      expect((await slow).toString()).toBe('again');
      expect(stolen).toEqual(['hello']);
    }),
  );

  test(
    'SOCK-27 it begins at the call, without being awaited (API.md, rule 4)',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      b.send(hello);
      const operation = sockRecv(loop, a, 100);
      expect(operation.done()).toBe(true);
      expect((await operation).toString()).toBe('hello');
      const waiting = sockRecv(loop, a, 100);
      expect(loop.backend.active).toBe(true);
      b.send(hello);
      await sleep(0.005);
      expect(waiting.done()).toBe(true);
      expect((await waiting).toString()).toBe('hello');
    }),
  );

  test(
    'it can begin in a plain callback',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const done = loop.createFuture<string>();
      loop.callSoon(() => {
        const operation = sockRecv(loop, a, 100);
        b.send(hello);
        void operation.then((data) => done.setResult(data.toString()));
      });
      expect(await done).toBe('hello');
    }),
  );

  test('it can begin before the loop runs; a closed loop is a RuntimeError, and forgets what waited', async () => {
    const loop = makeLoop();
    const sockets = new Sockets();
    const [a, b] = sockets.pair();
    const early = sockRecv(loop, a, 100);
    b.send(hello);
    expect((await loop.runUntilComplete(early)).toString()).toBe('hello');
    const forgotten = sockRecv(loop, a, 100);
    loop.close();
    b.send(hello);
    expect(forgotten.done()).toBe(false);
    const late = sockRecv(loop, a, 100);
    const other = makeLoop();
    await other.runUntilComplete(async () => {
      expect(await failure(late)).toMatchObject({ name: 'RuntimeError', message: 'Event loop is closed' });
    });
    other.close();
    sockets.close();
  });

  test(
    'wrong arguments arrive through the operation, with their name',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.pair();
      const wrong = [
        [sockRecv(loop, a, '5' as never), TypeError, 'nbytes must be a number, not string'],
        [sockRecv(loop, a, -1), ValueError, 'nbytes'],
        [sockRecv(loop, a, 1.5), ValueError, 'nbytes'],
        [sockRecv(loop, a, NaN), ValueError, 'nbytes'],
        [sockRecvInto(loop, a, 'text' as never), TypeError, 'buffer must be a Uint8Array'],
        [sockRecvInto(loop, a, 10 as never), TypeError, 'buffer must be a Uint8Array'],
      ] as const;
      for (const [operation, type, message] of wrong) {
        const error = await failure(operation);
        expect(error).toBeInstanceOf(type);
        expect(error.message).toContain(message);
      }
    }),
  );
});

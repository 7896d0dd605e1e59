import { createServer, Socket as NodeSocket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { Operation, TaskLoop } from '@tsyncio/futures-tasks';
import {
  type SelectorIo,
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvfrom,
  sockRecvfromInto,
  sockRecvInto,
  sockSendall,
  sockSendto,
} from '@tsyncio/selector-io';
import { SHUT_WR, type Socket, type StreamSink } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { failure, fill, inLoop } from './support/sockets.js';

leakAudit();

const some = Buffer.from('some');
type Loop = TaskLoop<SelectorIo>;

/** Every operation, with the name of its system call. */
const operations: [name: string, call: string, begin: (loop: Loop, sock: Socket) => Operation<unknown>][] = [
  ['sockRecv', 'recv', (loop, sock) => sockRecv(loop, sock, 10)],
  ['sockRecvInto', 'recv', (loop, sock) => sockRecvInto(loop, sock, Buffer.alloc(10))],
  ['sockSendall', 'send', (loop, sock) => sockSendall(loop, sock, some)],
  ['sockConnect', 'connect', (loop, sock) => sockConnect(loop, sock, '/nowhere')],
  ['sockAccept', 'accept', (loop, sock) => sockAccept(loop, sock)],
  ['sockRecvfrom', 'recvfrom', (loop, sock) => sockRecvfrom(loop, sock, 10)],
  ['sockRecvfromInto', 'recvfrom', (loop, sock) => sockRecvfromInto(loop, sock, Buffer.alloc(10))],
  ['sockSendto', 'sendto', (loop, sock) => sockSendto(loop, sock, some, '/nowhere')],
];

/** The owner of a stream that is never told anything. */
const owner: StreamSink = {
  buffered: false,
  getBuffer: () => null,
  onBuffer: () => undefined,
  onData: () => undefined,
  onEof: () => undefined,
  onWritable: () => undefined,
  onError: () => undefined,
  isClosing: () => false,
};

eachSelector((makeLoop) => {
  describe.each(operations)('%s', (_name, call, begin) => {
    test(
      'SOCK-22 debug mode refuses a blocking socket',
      inLoop(makeLoop, async (loop, sockets) => {
        const [a] = sockets.pair();
        a.setblocking(true);
        loop.setDebug(true);
        const error = await failure(begin(loop, a));
        expect(error).toMatchObject({ name: 'ValueError', message: 'the socket must be non-blocking' });
      }),
    );

    test(
      'SOCK-26 a closed socket is EBADF, in debug mode too',
      inLoop(makeLoop, async (loop, sockets) => {
        const [a] = sockets.pair();
        a.close();
        const operation = begin(loop, a);
        expect(operation.done()).toBe(true);
        expect(await failure(operation)).toMatchObject({
          name: 'OSError',
          code: 'EBADF',
          syscall: call,
          message: `${call} EBADF: the socket is closed`,
        });
        loop.setDebug(true);
        expect(await failure(begin(loop, a))).toMatchObject({ name: 'OSError', code: 'EBADF' });
      }),
    );

    test(
      'SOCK-21 what is no Socket is a TypeError that says so',
      inLoop(makeLoop, async (loop) => {
        const plain = new NodeSocket();
        const secure = new TLSSocket(plain);
        const server = createServer();
        for (const [value, name] of [
          [secure, 'a TLSSocket'],
          [plain, 'a Socket'],
          [server, 'a Server'],
          [{ fileno: () => 1 }, 'object'],
          [5, 'number'],
          [null, 'null'],
          [undefined, 'undefined'],
        ]) {
          const error = await failure(begin(loop, value as Socket));
          expect([error.name, error.message]).toEqual([
            'TypeError',
            `sock must be a Socket of @tsyncio/socket, not ${name as string}`,
          ]);
        }
        secure.destroy();
        plain.destroy();
      }),
    );
  });

  test(
    'SOCK-26 even if nothing is asked for',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.pair();
      a.close();
      const nothing = Buffer.alloc(0);
      for (const operation of [sockRecv(loop, a, 0), sockRecvInto(loop, a, nothing), sockSendall(loop, a, nothing)]) {
        expect(await failure(operation)).toMatchObject({ code: 'EBADF' });
      }
    }),
  );

  test(
    'SOCK-22 without debug mode nobody looks',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      a.setblocking(true);
      b.send(some);
      const getblocking = jest.spyOn(a, 'getblocking');
      expect(await sockRecv(loop, a, 10)).toEqual(some);
      await sockSendall(loop, a, some);
      expect(getblocking).not.toHaveBeenCalled();
    }),
  );

  test(
    'SOCK-25 on a descriptor of a transport: what is done at once succeeds, what must wait is a RuntimeError',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const channel = loop.backend.openStream(a, owner, loop);
      b.send(some);
      expect(await sockRecv(loop, a, 10)).toEqual(some);
      await sockSendall(loop, a, some);
      const refused = { name: 'RuntimeError', message: `descriptor ${a.fileno()} is used by a transport` };
      expect(await failure(sockRecv(loop, a, 10))).toMatchObject(refused);
      expect(await failure(sockRecvInto(loop, a, Buffer.alloc(10)))).toMatchObject(refused);
      fill(a);
      expect(await failure(sockSendall(loop, a, some))).toMatchObject(refused);
      // The transport is none the worse for it.
      channel.startReading();
      expect(loop.backend.active).toBe(true);
      channel.close();
      expect(a.closed).toBe(true);
    }),
  );

  test(
    'SOCK-25 a transport that takes a descriptor over: what waited gets nothing, and ends when it is cancelled',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      const waiting = sockRecv(loop, a, 10);
      const channel = loop.backend.openStream(a, owner, loop);
      b.shutdown(SHUT_WR);
      waiting.cancel();
      expect(await failure(waiting)).toMatchObject({ name: 'CancelledError' });
      channel.startReading();
      expect(loop.backend.active).toBe(true);
      channel.close();
    }),
  );

  test(
    'SOCK-04 SOCK-10 whoever cancels may close the socket at once, and use its number again',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = sockets.pair();
      fill(a);
      const cancelled = [sockRecv(loop, a, 10), sockSendall(loop, a, some)];
      const fd = a.fileno();
      for (const operation of cancelled) operation.cancel();
      expect(loop.backend.active).toBe(false);
      a.close();
      const [c, d] = sockets.pair();
      expect(c.fileno()).toBe(fd);
      const waiting = sockRecv(loop, c, 10);
      loop.callLater(0.005, () => d.send(some));
      for (const operation of cancelled) expect(await failure(operation)).toMatchObject({ name: 'CancelledError' });
      expect(await waiting).toEqual(some);
      b.close();
    }),
  );

  test(
    'a socket that was closed while something waits for it: cancelling leaves nothing',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.pair();
      fill(a);
      const operations = [sockRecv(loop, a, 10), sockSendall(loop, a, some)];
      a.close();
      for (const operation of operations) operation.cancel();
      expect(loop.backend.active).toBe(false);
      for (const operation of operations) expect(await failure(operation)).toMatchObject({ name: 'CancelledError' });
    }),
  );

  test(
    'a socket that was closed while something waits for it: the next one with its number is reported all the same',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a] = sockets.pair();
      const fd = a.fileno();
      const forgotten = sockRecv(loop, a, 10);
      a.close();
      const [c, d] = sockets.pair();
      expect(c.fileno()).toBe(fd);
      const waiting = sockRecv(loop, c, 10);
      loop.callLater(0.005, () => d.send(some));
      expect(await waiting).toEqual(some);
      forgotten.cancel();
      expect(await failure(forgotten)).toMatchObject({ name: 'CancelledError' });
    }),
  );
});

/** sock_recvfrom, sock_recvfrom_into and sock_sendto came with CPython 3.11; the rows of 3.8 do not know them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CancelledError } from '@tsyncio/core';
import { sleep, waitFor } from '@tsyncio/futures-tasks';
import {
  removeReader,
  removeWriter,
  sockAccept,
  sockConnect,
  sockRecv,
  sockRecvfrom,
  sockRecvfromInto,
  sockSendall,
  sockSendto,
} from '@tsyncio/selector-io';
import { AF_INET, AF_INET6, AF_UNIX, type InetAddress, type Socket, SOCK_DGRAM, SOCK_SEQPACKET } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { failure, inLoop, pattern, type Sockets } from './support/sockets.js';

leakAudit();

const hello = Buffer.from('hello');

/** Two UDP sockets with addresses of their own. */
function udp(sockets: Sockets, family = AF_INET): [Socket, Socket] {
  const pair = [sockets.make(family, SOCK_DGRAM), sockets.make(family, SOCK_DGRAM)] as [Socket, Socket];
  for (const socket of pair) socket.bind([family === AF_INET ? '127.0.0.1' : '::1', 0]);
  return pair;
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

eachSelector((makeLoop) => {
  test.each([
    ['IPv4', AF_INET],
    ['IPv6', AF_INET6],
  ])('%s: a datagram and its sender, at once and after a wait', (_name, family) =>
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = udp(sockets, family);
      const addReader = jest.spyOn(loop.backend, 'addReader');
      expect(await sockSendto(loop, b, hello, a.getsockname())).toBe(5);
      expect(await sockRecvfrom(loop, a, 100)).toEqual([hello, b.getsockname()]);
      expect(addReader).not.toHaveBeenCalled();
      const waiting = sockRecvfrom(loop, a, 100);
      expect(addReader).toHaveBeenCalledTimes(1);
      loop.callLater(0.005, () => b.sendto(Buffer.from('later'), a.getsockname()));
      expect(await waiting).toEqual([Buffer.from('later'), b.getsockname()]);
      expect(removeReader(loop, a)).toBe(false);
    })(),
  );

  test(
    'Unix: senders with a path, an abstract name and no name',
    inLoop(makeLoop, async (loop, sockets) => {
      const receiver = sockets.make(AF_UNIX, SOCK_DGRAM);
      const path = join(folder, 'receiver');
      receiver.bind(path);
      for (const name of [join(folder, 'sender'), `\0tsyncio-${process.pid}`, null]) {
        const sender = sockets.make(AF_UNIX, SOCK_DGRAM);
        if (name !== null) sender.bind(name);
        await sockSendto(loop, sender, hello, path);
        expect(await sockRecvfrom(loop, receiver, 100)).toEqual([hello, name]);
      }
      const error = await failure(sockSendto(loop, receiver, hello, join(folder, 'nobody')));
      expect(error).toMatchObject({ name: 'FileNotFoundError', syscall: 'sendto', address: join(folder, 'nobody') });
    }),
  );

  test(
    'into a buffer: the whole of it, a part of it, and the rest is left alone',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = udp(sockets);
      const buffer = Buffer.alloc(8, '.');
      for (let i = 0; i < 3; i++) b.sendto(hello, a.getsockname());
      expect(await sockRecvfromInto(loop, a, buffer)).toEqual([5, b.getsockname()]);
      expect(buffer.toString()).toBe('hello...');
      buffer.fill('.');
      expect(await sockRecvfromInto(loop, a, buffer, 2)).toEqual([2, b.getsockname()]);
      expect(buffer.toString()).toBe('he......');
      expect(await sockRecvfromInto(loop, a, buffer, 0)).toEqual([5, b.getsockname()]);
      const waiting = sockRecvfromInto(loop, a, buffer);
      loop.callLater(0.005, () => b.sendto(Buffer.from('w'), a.getsockname()));
      expect(await waiting).toEqual([1, b.getsockname()]);
      expect(buffer.toString()).toBe('wello...');
    }),
  );

  test(
    'datagrams of 0 bytes, of 1, the largest; longer than the room, and too long',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = udp(sockets);
      for (const size of [0, 1, 65_507]) {
        expect(await sockSendto(loop, b, pattern(size), a.getsockname())).toBe(size);
        const [data, sender] = await sockRecvfrom(loop, a, 65_536);
        expect([data.equals(pattern(size)), sender]).toEqual([true, b.getsockname()]);
      }
      b.sendto(hello, a.getsockname());
      b.sendto(Buffer.from('next'), a.getsockname());
      expect((await sockRecvfrom(loop, a, 2))[0].toString()).toBe('he');
      expect((await sockRecvfrom(loop, a, 0))[0]).toHaveLength(0);
      b.sendto(Buffer.from('last'), a.getsockname());
      expect((await sockRecvfrom(loop, a, 10))[0].toString()).toBe('last');
      const error = await failure(sockSendto(loop, b, Buffer.alloc(70_000), a.getsockname()));
      expect(error).toMatchObject({ code: 'EMSGSIZE', syscall: 'sendto', port: (a.getsockname() as InetAddress)[1] });
    }),
  );

  test(
    'a cancelled receive has taken no datagram, whenever it is cancelled',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = udp(sockets);
      const early = loop.createTask(() => sockRecvfrom(loop, a, 100));
      await sleep(0.001);
      early.cancel();
      expect(await failure(early)).toBeInstanceOf(CancelledError);
      expect(loop.backend.active).toBe(false);
      const task = loop.createTask(() => sockRecvfrom(loop, a, 100));
      await sleep(0);
      loop.callSoon(() => {
        b.sendto(hello, a.getsockname());
        // In the next iteration the reader runs, behind this; in the one after that the task would go on.
        loop.callSoon(() => loop.callSoon(() => task.cancel()));
      });
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect(await sockRecvfrom(loop, a, 100)).toEqual([hello, b.getsockname()]);
      expect(await failure(waitFor(sockRecvfrom(loop, a, 100), 0.002))).toMatchObject({ name: 'TimeoutError' });
    }),
  );

  test(
    'a send that must wait for room: it is sent once, or not at all if it is cancelled',
    inLoop(makeLoop, async (loop, sockets) => {
      const receiver = sockets.make(AF_UNIX, SOCK_DGRAM);
      const path = join(folder, 'full');
      receiver.bind(path);
      const sender = sockets.make(AF_UNIX, SOCK_DGRAM);
      let queued = 0;
      while ((await tryTo(() => sender.sendto(Buffer.from('q'), path))) === null) queued++;
      const cancelled = sockSendto(loop, sender, Buffer.from('never'), path);
      await sleep(0.002);
      expect(cancelled.done()).toBe(false);
      cancelled.cancel();
      expect(await failure(cancelled)).toBeInstanceOf(CancelledError);
      expect(removeWriter(loop, sender)).toBe(false);
      const waiting = sockSendto(loop, sender, Buffer.from('once'), path);
      await sleep(0.002);
      expect(waiting.done()).toBe(false);
      for (let i = 0; i < queued; i++) expect((await sockRecvfrom(loop, receiver, 10))[0].toString()).toBe('q');
      expect(await waiting).toBe(4);
      expect((await sockRecvfrom(loop, receiver, 10))[0].toString()).toBe('once');
      expect((await tryTo(() => receiver.recvfrom(10)))?.code).toBe('EAGAIN');
    }),
  );

  test(
    'a connected datagram socket: who refuses is told at the next call',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = udp(sockets);
      await sockConnect(loop, a, b.getsockname());
      b.close();
      await sockSendall(loop, a, hello);
      expect(await failure(sockRecv(loop, a, 10))).toMatchObject({ code: 'ECONNREFUSED', syscall: 'recv' });
    }),
  );

  test(
    'messages of a SOCK_SEQPACKET keep their bounds, and end',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.make(AF_UNIX, SOCK_SEQPACKET);
      listener.bind(join(folder, 'seq'));
      listener.listen();
      const client = sockets.make(AF_UNIX, SOCK_SEQPACKET);
      await sockConnect(loop, client, join(folder, 'seq'));
      const [server] = await sockAccept(loop, listener);
      sockets.keep(server);
      for (const text of ['one', 'two']) await sockSendall(loop, client, Buffer.from(text));
      client.close();
      const messages: string[] = [];
      for (let i = 0; i < 3; i++) messages.push((await sockRecv(loop, server, 100)).toString());
      expect(messages).toEqual(['one', 'two', '']);
    }),
  );

  test(
    'wrong arguments arrive through the operation, with their name',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = udp(sockets);
      const to = b.getsockname();
      const wrong = [
        [sockRecvfrom(loop, a, '5' as never), 'TypeError', 'bufsize'],
        [sockRecvfrom(loop, a, -1), 'ValueError', 'bufsize'],
        [sockRecvfromInto(loop, a, 'text' as never), 'TypeError', 'buffer'],
        [sockRecvfromInto(loop, a, Buffer.alloc(4), 5), 'ValueError', 'nbytes'],
        [sockSendto(loop, a, 'text' as never, to), 'TypeError', 'data'],
        [sockSendto(loop, a, hello, null as never), 'TypeError', 'address'],
        [sockSendto(loop, a, hello, ['example.org', 1]), 'GaiError', 'example.org'],
      ] as const;
      for (const [operation, name, message] of wrong) {
        const error = await failure(operation);
        expect([error.name, error.message]).toEqual([name, expect.stringContaining(message)]);
      }
    }),
  );
});

/** What `action` throws, or null. */
function tryTo(action: () => unknown): Promise<(Error & { code?: string }) | null> {
  return Promise.resolve()
    .then(action)
    .then(
      () => null,
      (error: Error) => error,
    );
}

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { CancelledError } from '@tsyncio/core';
import { sleep, waitFor } from '@tsyncio/futures-tasks';
import { removeWriter, sockConnect, sockRecv, sockSendall } from '@tsyncio/selector-io';
import { AF_INET, AF_INET6, AF_UNIX, type Address, type InetAddress, SOCK_DGRAM } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from './support/selectors.js';
import { failure, inLoop, type Sockets } from './support/sockets.js';

leakAudit();

/** A port of the loopback interface on which nobody listens. */
function deadPort(sockets: Sockets): InetAddress {
  const socket = sockets.make();
  socket.bind(['127.0.0.1', 0]);
  const address = socket.getsockname() as InetAddress;
  socket.close();
  return address;
}

eachSelector((makeLoop) => {
  test(
    'SOCK-12 over TCP, where the kernel takes its time',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const client = sockets.make();
      const addWriter = jest.spyOn(loop.backend, 'addWriter');
      expect(await sockConnect(loop, client, listener.getsockname() as InetAddress)).toBeUndefined();
      expect(addWriter).toHaveBeenCalledTimes(1);
      expect([removeWriter(loop, client), client.getpeername()]).toEqual([false, listener.getsockname()]);
    }),
  );

  test(
    'SOCK-12 SOCK-15 over a Unix socket, at once: a path, an abstract name, a URL',
    inLoop(makeLoop, async (loop, sockets) => {
      const folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
      try {
        const path = join(folder, 'x.sock');
        const abstract = `\0tsyncio-test-${process.pid}`;
        const addWriter = jest.spyOn(loop.backend, 'addWriter');
        for (const [at, to] of [
          [path, path],
          [abstract, abstract],
          [join(folder, 'y.sock'), pathToFileURL(join(folder, 'y.sock'))],
        ] as const) {
          sockets.listener(at, AF_UNIX);
          const client = sockets.make(AF_UNIX);
          const connecting = sockConnect(loop, client, to);
          expect(connecting.done()).toBe(true);
          expect(await connecting).toBeUndefined();
          expect(client.getpeername()).toBe(at);
        }
        expect(addWriter).not.toHaveBeenCalled();
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );

  test(
    'SOCK-12 over IPv6',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener(['::1', 0], AF_INET6);
      const client = sockets.make(AF_INET6);
      await sockConnect(loop, client, listener.getsockname());
      const [host, port] = listener.getsockname() as InetAddress;
      const second = sockets.make(AF_INET6);
      await sockConnect(loop, second, [host, port, 0, 0]);
      expect([client.getpeername(), second.getpeername()]).toEqual([
        ['::1', port, 0, 0],
        ['::1', port, 0, 0],
      ]);
    }),
  );

  test(
    'SOCK-13 refused: the text names the address, nothing is registered, the socket is the caller’s',
    inLoop(makeLoop, async (loop, sockets) => {
      const [host, port] = deadPort(sockets);
      const client = sockets.make();
      const error = await failure(sockConnect(loop, client, [host, port]));
      expect(error).toMatchObject({
        name: 'ConnectionRefusedError',
        message: `connect ECONNREFUSED 127.0.0.1:${port}`,
        code: 'ECONNREFUSED',
        errno: -111,
        syscall: 'connect',
        address: '127.0.0.1',
        port,
      });
      expect([removeWriter(loop, client), client.closed]).toEqual([false, false]);
    }),
  );

  test(
    'SOCK-15 a missing Unix path, and one on which nobody listens any more',
    inLoop(makeLoop, async (loop, sockets) => {
      const folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
      try {
        const client = sockets.make(AF_UNIX);
        const missing = join(folder, 'none');
        expect(await failure(sockConnect(loop, client, missing))).toMatchObject({
          name: 'FileNotFoundError',
          code: 'ENOENT',
          message: `connect ENOENT ${missing}`,
        });
        const path = join(folder, 'dead');
        sockets.listener(path, AF_UNIX).close();
        expect(await failure(sockConnect(loop, client, path))).toMatchObject({ code: 'ECONNREFUSED' });
        expect(client.closed).toBe(false);
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );

  test(
    'SOCK-15 a Unix listener with no room: an error, because the kernel would tell nobody when there is',
    inLoop(makeLoop, async (loop, sockets) => {
      const name = `\0tsyncio-full-${process.pid}`;
      sockets.listener(name, AF_UNIX, 0);
      await sockConnect(loop, sockets.make(AF_UNIX), name);
      const error = await failure(sockConnect(loop, sockets.make(AF_UNIX), name));
      expect(error).toMatchObject({ code: 'EAGAIN', syscall: 'connect', address: name });
    }),
  );

  test(
    'SOCK-16 a datagram socket is connected at once',
    inLoop(makeLoop, async (loop, sockets) => {
      const [a, b] = [sockets.make(AF_INET, SOCK_DGRAM), sockets.make(AF_INET, SOCK_DGRAM)];
      b.bind(['127.0.0.1', 0]);
      const connecting = sockConnect(loop, a, b.getsockname());
      expect(connecting.done()).toBe(true);
      await connecting;
      await sockSendall(loop, a, Buffer.from('datagram'));
      expect((await sockRecv(loop, b, 100)).toString()).toBe('datagram');
    }),
  );

  test(
    'SOCK-17 cancelled while it waits: nothing is registered, the socket is open',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const client = sockets.make();
      const task = loop.createTask(() => sockConnect(loop, client, listener.getsockname()));
      // The task begins in this iteration; the writer would run in the next one.
      await sleep(0);
      expect(loop.backend.active).toBe(true);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect([loop.backend.active, client.closed]).toEqual([false, false]);
    }),
  );

  test(
    'SOCK-17 a deadline ends the wait for a peer that does not answer',
    inLoop(makeLoop, async (loop, sockets) => {
      // Room for one connection, which is taken: the kernel drops the next one's first packet, and the second waits for an answer.
      const listener = sockets.listener(['127.0.0.1', 0], AF_INET, 0);
      const waiting: Promise<unknown>[] = [];
      for (let i = 0; i < 3; i++) {
        const client = sockets.make();
        waiting.push(
          failure(waitFor(sockConnect(loop, client, listener.getsockname()), 0.02)).catch((error: unknown) => error),
        );
      }
      const last = (await Promise.all(waiting)).at(-1);
      expect(last).toMatchObject({ name: 'TimeoutError' });
      expect(loop.backend.active).toBe(false);
    }),
  );

  test.each([
    ['an address of another family', AF_UNIX, ['127.0.0.1', 1]],
    ['no address', AF_INET, null],
    ['a text for an internet socket', AF_INET, '127.0.0.1'],
  ])('wrong addresses: %s', (_what, family, address) =>
    inLoop(makeLoop, async (loop, sockets) => {
      const error = await failure(sockConnect(loop, sockets.make(family), address as Address));
      expect(['TypeError', 'ValueError']).toContain(error.name);
    })(),
  );
});

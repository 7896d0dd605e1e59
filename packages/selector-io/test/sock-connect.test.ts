import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { CancelledError, osError } from '@tsyncio/core';
import { failedOperation, type Operation, operation, sleep, waitFor } from '@tsyncio/futures-tasks';
import { removeWriter, sockConnect, sockRecv, sockSendall } from '@tsyncio/selector-io';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  type AddrInfo,
  type Address,
  type InetAddress,
  IPPROTO_TCP,
  SOCK_DGRAM,
  SOCK_STREAM,
} from '@tsyncio/socket';
import { E } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';
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
        errno: -E.ECONNREFUSED,
        syscall: 'connect',
        address: '127.0.0.1',
        port,
      });
      expect([removeWriter(loop, client), client.closed]).toEqual([false, false]);
    }),
  );

  test(
    'SOCK-14 a name is looked up for the family, type and protocol of the socket, and only the first result is tried',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const [host, port] = listener.getsockname() as InetAddress;
      const [, dead] = deadPort(sockets);
      const lookups: unknown[] = [];
      let ports = [port, dead];
      const getaddrinfo = (...args: unknown[]): Operation<AddrInfo[]> => {
        lookups.push(args);
        return operation(
          loop,
          (function* () {
            yield* sleep(0.001);
            return ports.map((each): AddrInfo => [AF_INET, SOCK_STREAM, IPPROTO_TCP, '', [host, each]]);
          })(),
        );
      };
      Object.assign(loop, { getaddrinfo });
      const client = sockets.make();
      expect(await sockConnect(loop, client, ['somewhere.test', port])).toBeUndefined();
      expect(client.getpeername()).toEqual([host, port]);
      ports = [dead, port];
      const error = await failure(sockConnect(loop, sockets.make(), [host, 'http']));
      expect(error).toMatchObject({ code: 'ECONNREFUSED', address: host, port: dead });
      const options = { family: AF_INET, type: SOCK_STREAM, proto: 0, flags: 0 };
      expect(lookups).toEqual([
        ['somewhere.test', port, options],
        [host, 'http', options],
      ]);
    }),
  );

  test(
    'SOCK-14 a literal is not looked up; a failed lookup comes out as it is',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const [host, port] = listener.getsockname() as InetAddress;
      const problem = osError({ code: 'EAI_NONAME', errno: -2, syscall: 'getaddrinfo' });
      const getaddrinfo = jest.fn((): Operation<AddrInfo[]> => failedOperation(loop, problem));
      Object.assign(loop, { getaddrinfo });
      await sockConnect(loop, sockets.make(), [host, port]);
      await sockConnect(loop, sockets.make(), [host, String(port)]);
      expect(getaddrinfo).not.toHaveBeenCalled();
      const client = sockets.make();
      expect(await failure(sockConnect(loop, client, ['nowhere.test', port]))).toBe(problem);
      expect(client.closed).toBe(false);
    }),
  );

  test(
    'SOCK-14 localhost, by the resolver of the system; cancelled in the middle of it',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const [, port] = listener.getsockname() as InetAddress;
      const client = sockets.make();
      await sockConnect(loop, client, ['localhost', port]);
      expect(client.getpeername()).toEqual(['127.0.0.1', port]);
      const task = loop.createTask(() => sockConnect(loop, sockets.make(), ['localhost', port]));
      await sleep(0);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect(loop.backend.active).toBe(false);
    }),
  );

  test(
    'SOCK-14 SOCK-16 an IPv6 literal on an IPv4 socket, and a name nobody has, are GaiErrors',
    inLoop(makeLoop, async (loop, sockets) => {
      for (const address of [
        ['::1', 1],
        ['a.name.that.nobody.has.test', 1],
      ] as const) {
        expect(await failure(sockConnect(loop, sockets.make(), address))).toMatchObject({ name: 'GaiError' });
      }
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

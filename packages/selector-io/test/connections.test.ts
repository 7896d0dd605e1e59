import { closeSync, openSync, readdirSync } from 'node:fs';

import type { OSError } from '@tsyncio/core';
import { operation, sleep, type TaskLoop } from '@tsyncio/futures-tasks';
import { addReader, addWriter, removeReader, removeWriter, SelectorIo } from '@tsyncio/selector-io';
import {
  type Address,
  type AddressLike,
  AF_INET,
  AF_INET6,
  AF_UNIX,
  type InetAddress,
  Socket,
  SOCK_STREAM,
  socketpair,
} from '@tsyncio/socket';
import { E } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { iterations } from './support/loops.js';
import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { countWakeUps } from '@tsyncio/test-support/loops/wake-ups';

leakAudit();

eachSelector((makeLoop) => {
  let loop: TaskLoop<SelectorIo>;
  let listener: Socket;

  beforeEach(() => {
    loop = makeLoop();
    listener = new Socket();
    listener.bind(['127.0.0.1', 0]);
    listener.listen();
  });

  afterEach(() => {
    jest.restoreAllMocks();
    loop.close();
    listener.close();
  });

  const connecting = (socket: Socket, address: AddressLike) =>
    operation(loop, loop.backend.connect(loop, socket, address));
  const nonblocking = (family: number = AF_INET): Socket => new Socket(family, SOCK_STREAM, 0, { nonblocking: true });

  async function failure(work: () => PromiseLike<unknown>): Promise<Error & Record<string, unknown>> {
    try {
      await work();
    } catch (error) {
      return error as Error & Record<string, unknown>;
    }
    throw new Error('nothing was thrown');
  }

  describe('connect', () => {
    test('over TCP', async () => {
      const client = nonblocking();
      await loop.runUntilComplete(async () => {
        await connecting(client, listener.getsockname());
        expect(client.getpeername()).toEqual(listener.getsockname());
      });
      expect(loop.backend.active).toBe(false);
      client.close();
    });

    test('over a Unix socket, and the errors of it', async () => {
      const name = `\0tsyncio-connect-${process.pid}`;
      const server = new Socket(AF_UNIX);
      server.bind(name);
      server.listen(0);
      const first = nonblocking(AF_UNIX);
      const second = nonblocking(AF_UNIX);
      const third = nonblocking(AF_UNIX);
      await loop.runUntilComplete(async () => {
        await connecting(first, name);
        await connecting(second, name).catch(() => undefined);
        // The backlog is full: a failure, where waiting would report a connection that is none.
        const full = await failure(() => connecting(third, name));
        expect(full).toMatchObject({ code: 'EAGAIN', syscall: 'connect', address: name });
        const missing = await failure(() => connecting(third, '/nobody/is/here'));
        expect(missing).toMatchObject({ name: 'FileNotFoundError', message: 'connect ENOENT /nobody/is/here' });
      });
      for (const socket of [first, second, third, server]) socket.close();
    });

    test.each<[string, number, string]>([
      ['IPv4', AF_INET, '127.0.0.1'],
      ['IPv6', AF_INET6, '::1'],
    ])('refused over %s: the fields of Node, and nothing left registered', async (_title, family, host) => {
      const gone = new Socket(family);
      gone.bind([host, 0]);
      const address = gone.getsockname() as InetAddress;
      gone.close();
      const client = nonblocking(family);
      const error = await loop.runUntilComplete(() => failure(() => connecting(client, address)));
      expect(error).toMatchObject({
        name: 'ConnectionRefusedError',
        message: `connect ECONNREFUSED ${host}:${address[1]}`,
        code: 'ECONNREFUSED',
        errno: -E.ECONNREFUSED,
        syscall: 'connect',
        address: host,
        port: address[1],
      });
      expect(loop.backend.active).toBe(false);
      expect(client.closed).toBe(false);
      client.close();
    });

    test('cancelled while it waits: nothing left registered, the socket stays open', async () => {
      // A full backlog: the kernel of the listener does not answer.
      const full = new Socket();
      full.bind(['127.0.0.1', 0]);
      full.listen(0);
      const clients: Socket[] = [];
      const name = await loop.runUntilComplete(async () => {
        for (let i = 0; i < 3; i++) {
          const client = nonblocking();
          clients.push(client);
          client.tryConnect(full.getsockname());
        }
        const last = nonblocking();
        clients.push(last);
        const task = loop.createTask(() => connecting(last, full.getsockname()));
        await sleep(0.02);
        expect(loop.backend.active).toBe(true);
        task.cancel();
        return (await failure(() => task)).name;
      });
      expect(name).toBe('CancelledError');
      expect(loop.backend.active).toBe(false);
      for (const client of clients) {
        expect(client.closed).toBe(false);
        client.close();
      }
      full.close();
    });

    test('a closed socket, a wrong address, a name', async () => {
      const closed = nonblocking();
      closed.close();
      const client = nonblocking();
      await loop.runUntilComplete(async () => {
        expect(await failure(() => connecting(closed, ['127.0.0.1', 1]))).toMatchObject({ code: 'EBADF' });
        expect((await failure(() => connecting(client, 'x'))).name).toBe('TypeError');
        expect((await failure(() => connecting(client, ['127.0.0.1', 70000]))).name).toBe('ValueError');
        expect((await failure(() => connecting(client, ['localhost', 1]))).name).toBe('GaiError');
      });
      client.close();
    });

    test('a descriptor that a transport uses', async () => {
      const client = nonblocking();
      const sink = {
        buffered: false,
        getBuffer: () => null,
        onBuffer: () => undefined,
        onData: () => undefined,
        onEof: () => undefined,
        onWritable: () => undefined,
        onError: () => undefined,
        isClosing: () => false,
      };
      const channel = loop.backend.openStream(client, sink, loop);
      const error = await loop.runUntilComplete(() => failure(() => connecting(client, listener.getsockname())));
      expect(error.name).toBe('RuntimeError');
      channel.close();
    });
  });

  describe('accepting', () => {
    test('non-blocking sockets with their peers, at most `backlog` an iteration, until stopped', async () => {
      const clients = Array.from({ length: 5 }, () => {
        const client = new Socket();
        client.connect(listener.getsockname());
        return client;
      });
      const accepted: [Socket, Address][] = [];
      const acceptor = loop.backend.startAccepting(
        listener,
        2,
        (socket, peer) => void accepted.push([socket, peer]),
        (error) => fail(error),
        loop,
      );
      await iterations(loop, 1);
      expect(accepted).toHaveLength(2);
      await iterations(loop, 2);
      expect(accepted).toHaveLength(5);
      expect(accepted.map(([, peer]) => peer)).toEqual(clients.map((client) => client.getsockname()));
      expect(accepted.every(([socket]) => !socket.getblocking())).toBe(true);
      acceptor.stop();
      acceptor.stop();
      expect(loop.backend.active).toBe(false);
      for (const [socket] of accepted) socket.close();
      for (const client of clients) client.close();
    });

    test('stopped inside the callback: the rest waits', async () => {
      const clients = [new Socket(), new Socket()];
      for (const client of clients) client.connect(listener.getsockname());
      let count = 0;
      const accept = () =>
        loop.backend.startAccepting(
          listener,
          10,
          (socket) => {
            count++;
            socket.close();
            acceptor.stop();
          },
          (error) => fail(error),
          loop,
        );
      let acceptor = accept();
      await iterations(loop, 2);
      expect(count).toBe(1);
      acceptor = accept();
      await iterations(loop, 1);
      expect(count).toBe(2);
      for (const client of clients) client.close();
    });

    test('an error stops it and is told: no descriptors left', async () => {
      const client = new Socket();
      client.connect(listener.getsockname());
      const errors: OSError[] = [];
      loop.backend.startAccepting(
        listener,
        10,
        (socket) => socket.close(),
        (error) => void errors.push(error),
        loop,
      );
      const hoard: number[] = [];
      try {
        for (;;) hoard.push(openSync('/dev/null', 'r'));
      } catch {
        // full
      }
      await iterations(loop, 3);
      hoard.forEach((fd) => closeSync(fd));
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatchObject({ code: 'EMFILE', syscall: 'accept' });
      expect(loop.backend.active).toBe(false);
      // Started again, the connection is still there.
      let count = 0;
      const again = loop.backend.startAccepting(
        listener,
        10,
        (socket) => {
          count++;
          socket.close();
        },
        (error) => fail(error),
        loop,
      );
      await iterations(loop, 1);
      expect(count).toBe(1);
      again.stop();
      client.close();
    });

    test('a listener that is closed', () => {
      listener.close();
      expect(() =>
        loop.backend.startAccepting(
          listener,
          1,
          () => undefined,
          () => undefined,
          loop,
        ),
      ).toThrow(/EBADF/);
    });
  });

  describe('the backend', () => {
    test('a stopped loop with something to read burns no processor, and goes on when it runs again', async () => {
      const [a, b] = socketpair();
      let calls = 0;
      const wakeUps = countWakeUps();
      addReader(loop, a, () => {
        calls++;
        loop.stop();
      });
      loop.callLater(0.005, () => b.send(Buffer.from('x')));
      await loop.runForever();
      expect(calls).toBe(1);
      const before = wakeUps();
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(wakeUps() - before).toBeLessThan(3); // one that burnt would be woken thousands of times
      expect(calls).toBe(1);
      await loop.runForever();
      expect(calls).toBe(2);
      removeReader(loop, a);
      a.close();
      b.close();
    });

    test('a sleeping loop makes no turns', async () => {
      const [a, b] = socketpair();
      addReader(loop, a, () => undefined);
      const poll = jest.spyOn(loop.backend, 'poll');
      const wakeUps = countWakeUps();
      loop.callLater(0.05, () => loop.stop());
      await loop.runForever();
      expect([poll.mock.calls.length < 10, wakeUps()]).toEqual([true, 0]);
      removeReader(loop, a);
      a.close();
      b.close();
    });

    test('WAKE-04 wake: an armed backend calls the turn; a disarmed or closed one does not', () => {
      const backend = new SelectorIo();
      let turns = 0;
      backend.wake();
      backend.arm(() => void turns++);
      backend.wake();
      expect(turns).toBe(1);
      backend.disarm();
      backend.wake();
      expect(turns).toBe(1);
      backend.arm(() => void turns++);
      backend.close();
      backend.close();
      backend.wake();
      backend.disarm();
      backend.poll(0);
      expect(turns).toBe(1);
    });

    test('close lets go of readers and writers, and leaves their descriptors open', async () => {
      const [a, b] = socketpair();
      addReader(loop, a, () => fail('called'));
      addWriter(loop, b, () => fail('called'));
      loop.close();
      a.send(Buffer.from('x'));
      expect(b.recv(1).toString()).toBe('x');
      expect(removeWriter(loop, b)).toBe(false);
      a.close();
      b.close();
    });

    test('WAKE-05 close releases every descriptor, once, and not while the loop runs', async () => {
      const before = readdirSync('/proc/self/fd').length;
      const other = makeLoop();
      const { selector } = other.backend;
      addReader(other, listener, () => undefined);
      other.callSoon(() => {
        expect(() => other.close()).toThrow('Cannot close a running event loop');
      });
      setTimeout(() => other.stop(), 2);
      await other.runForever();
      expect(readdirSync('/proc/self/fd').length).toBeGreaterThan(before);
      other.close();
      expect(readdirSync('/proc/self/fd').length).toBe(before);
      if (other.backend instanceof SelectorIo) expect(selector.getMap()).toBeNull();
      other.close();
    });

    test('5,000 times added and removed leaves nothing', () => {
      const [a, b] = socketpair();
      for (let i = 0; i < 5000; i++) {
        addReader(loop, a, () => undefined);
        addWriter(loop, a, () => undefined);
        expect(removeReader(loop, a) && removeWriter(loop, a)).toBe(true);
      }
      expect(loop.backend.active).toBe(false);
      if (loop.backend instanceof SelectorIo) expect(loop.backend.selector.getMap()!.size).toBe(0);
      a.close();
      b.close();
    });
  });

  function fail(reason: unknown): never {
    throw reason instanceof Error ? reason : new Error(String(reason));
  }
});

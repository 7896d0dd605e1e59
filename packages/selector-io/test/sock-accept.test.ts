import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CancelledError } from '@tsyncio/core';
import { sleep, waitFor } from '@tsyncio/futures-tasks';
import { removeReader, sockAccept, sockConnect, sockRecv, sockSendall } from '@tsyncio/selector-io';
import { AF_INET6, AF_UNIX, type InetAddress, Socket } from '@tsyncio/socket';
import { compilePackages, leakAudit, runProgram } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';
import { failure, inLoop } from './support/sockets.js';

leakAudit();

eachSelector((makeLoop) => {
  test(
    'SOCK-18 a connection that waits comes at once: non-blocking, with the address of its peer',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const client = sockets.make();
      await sockConnect(loop, client, listener.getsockname());
      const addReader = jest.spyOn(loop.backend, 'addReader');
      const operation = sockAccept(loop, listener);
      expect(operation.done()).toBe(true);
      const [connection, peer] = await operation;
      sockets.keep(connection);
      expect(addReader).not.toHaveBeenCalled();
      expect(connection).toBeInstanceOf(Socket);
      expect(connection.getblocking()).toBe(false);
      expect(peer).toEqual(client.getsockname());
      expect(connection.getpeername()).toEqual(peer);
      await sockSendall(loop, client, Buffer.from('hello'));
      expect((await sockRecv(loop, connection, 100)).toString()).toBe('hello');
    }),
  );

  test(
    'SOCK-18 addresses of IPv6 and Unix peers',
    inLoop(makeLoop, async (loop, sockets) => {
      const six = sockets.listener(['::1', 0], AF_INET6);
      const client = sockets.make(AF_INET6);
      await sockConnect(loop, client, six.getsockname());
      const [first, peer] = await sockAccept(loop, six);
      sockets.keep(first);
      expect(peer).toEqual(['::1', (client.getsockname() as InetAddress)[1], 0, 0]);
      const folder = mkdtempSync(join(tmpdir(), 'tsyncio-'));
      try {
        const unix = sockets.listener(join(folder, 's'), AF_UNIX);
        await sockConnect(loop, sockets.make(AF_UNIX), join(folder, 's'));
        const named = sockets.make(AF_UNIX);
        named.bind(join(folder, 'c'));
        await sockConnect(loop, named, join(folder, 's'));
        for (const name of ['', join(folder, 'c')]) {
          const [connection, from] = await sockAccept(loop, unix);
          sockets.keep(connection);
          expect(from).toBe(name);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    }),
  );

  test(
    'SOCK-19 waits for the next connection, and watches the listener no longer',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const accepting = sockAccept(loop, listener);
      expect(accepting.done()).toBe(false);
      const clients = [sockets.make(), sockets.make()];
      for (const client of clients) await sockConnect(loop, client, listener.getsockname());
      const [connection, peer] = await accepting;
      sockets.keep(connection);
      expect(peer).toEqual(clients[0]!.getsockname());
      expect(removeReader(loop, listener)).toBe(false);
      const [second, other] = await sockAccept(loop, listener);
      sockets.keep(second);
      expect(other).toEqual(clients[1]!.getsockname());
    }),
  );

  test(
    'SOCK-20 cancelled while it waits: the listener is watched no more, and the next one gets the connection',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const task = loop.createTask(() => sockAccept(loop, listener));
      await sleep(0.002);
      expect(loop.backend.active).toBe(true);
      task.cancel();
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect([removeReader(loop, listener), loop.backend.active]).toEqual([false, false]);
      const client = sockets.make();
      await sockConnect(loop, client, listener.getsockname());
      await sleep(0.002);
      const [connection, peer] = await sockAccept(loop, listener);
      sockets.keep(connection);
      expect(peer).toEqual(client.getsockname());
    }),
  );

  test(
    'SOCK-20 cancelled after the loop has seen the connection, and before the task has: it is neither lost nor left open',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const task = loop.createTask(() => sockAccept(loop, listener));
      await sleep(0);
      const client = sockets.keep(new Socket());
      const steps: string[] = [];
      loop.callSoon(() => {
        client.connect(listener.getsockname());
        loop.callSoon(() => {
          steps.push(`connected, watched: ${loop.backend.active}`);
          loop.callSoon(() => {
            steps.push(`seen, watched: ${loop.backend.active}`);
            task.cancel();
          });
        });
      });
      expect(await failure(task)).toBeInstanceOf(CancelledError);
      expect(steps).toEqual(['connected, watched: true', 'seen, watched: false']);
      const [connection, peer] = await sockAccept(loop, listener);
      sockets.keep(connection);
      expect(peer).toEqual(client.getsockname());
    }),
  );

  test(
    'SOCK-20 a deadline at any moment loses no connection',
    inLoop(makeLoop, async (loop, sockets) => {
      const listener = sockets.listener();
      const peers: string[] = [];
      const accepting = loop.createTask(async () => {
        while (peers.length < 60) {
          try {
            const [connection, peer] = await waitFor(sockAccept(loop, listener), Math.random() * 0.001);
            connection.close();
            peers.push(String(peer));
          } catch (error) {
            expect(error).toMatchObject({ name: 'TimeoutError' });
          }
        }
      });
      const clients: string[] = [];
      for (let i = 0; i < 60; i++) {
        const client = sockets.make();
        await sockConnect(loop, client, listener.getsockname());
        clients.push(String(client.getsockname()));
        await sleep(Math.random() * 0.001);
      }
      await waitFor(accepting, 10);
      expect(peers).toEqual(clients);
    }),
  );

  test(
    'a listener that is closed, one that does not listen, and what is no socket of that kind',
    inLoop(makeLoop, async (loop, sockets) => {
      const idle = sockets.make();
      expect(await failure(sockAccept(loop, idle))).toMatchObject({ code: 'EINVAL', syscall: 'accept' });
      const [a] = sockets.pair();
      expect(await failure(sockAccept(loop, a))).toMatchObject({ code: 'EINVAL' });
      idle.close();
      expect(await failure(sockAccept(loop, idle))).toMatchObject({ code: 'EBADF' });
    }),
  );
});

/** At most this many descriptors for the child; Node itself needs about 25. */
const LIMIT = 128;

const program = `
  import { TaskLoop, sleep } from '@tsyncio/futures-tasks';
  import { SelectorIo, sockAccept } from '@tsyncio/selector-io';
  import { Socket } from '@tsyncio/socket';
  const loop = new TaskLoop({ backend: new SelectorIo() });
  const listeners = [new Socket(), new Socket()];
  for (const listener of listeners) {
    listener.bind(['127.0.0.1', 0]);
    listener.listen();
    listener.setblocking(false);
  }
  const [first, second] = listeners;
  const clients = [new Socket(), new Socket()];
  const watched = () => loop.backend.active;
  await loop.runUntilComplete(async () => {
    const pending = sockAccept(loop, second);
    await sleep(0.001);
    const taken = [];
    try {
      while (taken.length < 1000) taken.push(first.dup());
    } catch (error) {
      console.log(error.code);
    }
    clients[0].connect(first.getsockname());
    clients[1].connect(second.getsockname());
    await sockAccept(loop, first).catch((error) => console.log('at once', error.code, error.syscall));
    await pending.catch((error) => console.log('waiting', error.code, error.syscall, watched()));
    for (const socket of taken) socket.close();
    for (const [i, listener] of listeners.entries()) {
      const [connection, peer] = await sockAccept(loop, listener);
      console.log(String(peer) === String(clients[i].getsockname()));
      connection.close();
    }
  });
  loop.close();
  for (const socket of [...listeners, ...clients]) socket.close();
`;

test('without a free descriptor it fails with EMFILE, and the connection stays in line', async () => {
  const packages = compilePackages('core', 'futures-tasks', 'socket', 'selector-io');
  try {
    const limited = join(packages.folder, 'limited-node');
    writeFileSync(limited, `#!/bin/sh\nulimit -n ${LIMIT}\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
    const { stdout, stderr } = await runProgram(program, { cwd: packages.folder, execPath: limited, timeout: 50 });
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([
      'EMFILE',
      'at once EMFILE accept',
      'waiting EMFILE accept false',
      'true',
      'true',
    ]);
  } finally {
    packages.remove();
  }
}, 60_000);

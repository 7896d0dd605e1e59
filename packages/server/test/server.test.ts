import { AsyncLocalStorage } from 'node:async_hooks';

import { sleep } from '@tsyncio/futures-tasks';
import { AbstractServer, createServer } from '@tsyncio/server';
import { leakAudit } from '@tsyncio/test-support';

import { addressOf, eachBackend, Echo, iterations, received } from './support/world.js';

leakAudit();

const factory = (): Echo => new Echo();

eachBackend(({ inLoop, makeLoop, dial }) => {
  test(
    'SERVER-16 sockets is a snapshot of views, empty after close',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const { sockets } = server;
      expect(() => (sockets as unknown[]).push(1)).toThrow(TypeError);
      expect('close' in sockets[0]!).toBe(false);
      expect(String(server)).toBe(`<Server sockets=[${String(sockets[0])}]>`);
      server.close();
      expect(sockets).toHaveLength(1);
      expect(sockets[0]!.fileno()).toBe(-1);
      expect(server.sockets).toEqual([]);
    }),
  );

  test(
    'SERVER-18 startServing may be repeated; on a closed server it fails',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      await server.startServing();
      await server.startServing();
      server.close();
      await expect(server.startServing()).rejects.toMatchObject({
        name: 'RuntimeError',
        message: /is closed/ as never,
      });
      expect(server.isServing()).toBe(false);
    }),
  );

  test(
    'SERVER-19 close refuses new connections at once and leaves the old ones alone',
    inLoop(async ({ loop }) => {
      const echo = new Echo();
      const server = await createServer(loop, () => echo, '127.0.0.1', 0);
      const address = addressOf(server);
      const client = dial(address);
      await iterations(4);
      server.close();
      server.close();
      expect(server.isServing()).toBe(false);
      expect(() => dial(address)).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
      client.send(Buffer.from('still here'));
      await iterations(3);
      expect(received(client)).toBe('still here');
      client.close();
      await iterations(3);
      expect(echo.events).toEqual(['made', 'data 10', 'lost null']);
    }),
  );

  test(
    'SERVER-20 connections that nobody has accepted are reset by close',
    inLoop(async ({ loop }) => {
      let made = 0;
      const server = await createServer(loop, () => (made++, new Echo()), '127.0.0.1', 0);
      const client = dial(addressOf(server));
      server.close();
      await iterations(4);
      expect(received(client)).toBe('ECONNRESET');
      expect(made).toBe(0);
      client.close();
    }),
  );

  test(
    'SERVER-21 a connection accepted in the iteration in which the server is closed is dropped',
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0);
      const client = dial(addressOf(server));
      // The accepting handle is queued by the poll that begins the next iteration; this one behind it.
      await sleep(0);
      server.close();
      await iterations(4);
      expect(events).toEqual([]);
      expect([null, 'ECONNRESET']).toContain(received(client));
      client.close();
    }),
  );

  test('a connection that was accepted when the loop ended is closed with its server', async () => {
    const loop = makeLoop();
    let called = 0;
    const server = await loop.runUntilComplete(() => createServer(loop, () => (called++, new Echo()), '127.0.0.1', 0));
    const client = dial(addressOf(server));
    loop.stop(); // one iteration: it accepts
    await loop.runForever();
    expect(received(client)).toBe('');
    server.close();
    expect(received(client)).toBeNull();
    expect(called).toBe(0);
    loop.close();
    client.close();
  });

  test(
    'a factory that closes its server: the connection is dropped',
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const server = await createServer(
        loop,
        () => {
          server.close();
          return new Echo(events);
        },
        '127.0.0.1',
        0,
      );
      const client = dial(addressOf(server));
      await iterations(5);
      expect(events).toEqual([]);
      expect(received(client)).toBeNull();
      await server.waitClosed();
      client.close();
    }),
  );

  test(
    'SERVER-22 SERVER-23 waitClosed waits for close and for the last connection, whenever it was called',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const log: string[] = [];
      const watch = (name: string): void => {
        void loop.createTask(async () => {
          await server.waitClosed();
          log.push(name);
        });
      };
      watch('before close');
      const client = dial(addressOf(server));
      await iterations(4);
      server.close();
      watch('after close');
      await iterations(4);
      expect(log).toEqual([]);
      client.close();
      await iterations(6);
      expect(log).toEqual(['before close', 'after close']);
      await server.waitClosed();
      await server.waitClosed();
    }),
  );

  test(
    'SERVER-22 without connections waitClosed waits for close alone',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const client = dial(addressOf(server));
      await iterations(4);
      client.close();
      await iterations(4); // nobody is left, but the server is open
      const waiting = loop.createTask(() => server.waitClosed());
      await iterations(3);
      expect(waiting.done()).toBe(false);
      server.close();
      await waiting;
    }),
  );

  test(
    'a cancelled waitClosed takes nothing with it',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const waiting = loop.createTask(() => server.waitClosed());
      await iterations(1);
      waiting.cancel();
      await expect(waiting).rejects.toMatchObject({ name: 'CancelledError' });
      expect(server.isServing()).toBe(true);
      server.close();
      await server.waitClosed();
    }),
  );

  test(
    'SERVER-24 serveForever begins to accept, and when cancelled closes the server',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0, { startServing: false });
      const address = addressOf(server);
      const task = loop.createTask(() => server.serveForever());
      await iterations(1);
      expect(server.isServing()).toBe(true);
      const client = dial(address);
      client.send(Buffer.from('x'));
      await iterations(6);
      expect(received(client)).toBe('x');
      task.cancel();
      await expect(task).rejects.toMatchObject({ name: 'CancelledError' });
      expect(server.isServing()).toBe(false);
      expect(server.sockets).toEqual([]);
      client.send(Buffer.from('y')); // what was accepted goes on
      await iterations(3);
      expect(received(client)).toBe('y');
      client.close();
      await server.waitClosed();
    }),
  );

  test(
    'SERVER-25 serveForever twice at a time, and on a closed server',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const task = loop.createTask(() => server.serveForever());
      await iterations(1);
      await expect(server.serveForever()).rejects.toMatchObject({ name: 'RuntimeError', message: /already/ as never });
      expect(server.isServing()).toBe(true);
      task.cancel();
      await expect(task).rejects.toMatchObject({ name: 'CancelledError' });
      await expect(server.serveForever()).rejects.toMatchObject({
        name: 'RuntimeError',
        message: /is closed/ as never,
      });
    }),
  );

  test(
    'SERVER-26 close ends serveForever with CancelledError',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const task = loop.createTask(() => server.serveForever());
      await iterations(1);
      loop.callSoon(() => server.close());
      await expect(task).rejects.toMatchObject({ name: 'CancelledError' });
    }),
  );

  test(
    'SERVER-27 await using closes the server and waits for its connections, also after an error',
    inLoop(async ({ loop }) => {
      for (const failing of [false, true]) {
        const events: string[] = [];
        const echo = new Echo(events);
        const block = async (): Promise<void> => {
          await using server = await createServer(loop, () => echo, '127.0.0.1', 0);
          const client = dial(addressOf(server));
          await iterations(4);
          client.close();
          if (failing) throw new RangeError('on purpose');
        };
        if (failing) await expect(block()).rejects.toThrow('on purpose');
        else await block();
        expect(events).toEqual(['made', 'lost null']);
      }
    }),
  );

  test(
    'SERVER-28 the abstract server refuses every call, those that wait when awaited',
    inLoop(async () => {
      const server = new AbstractServer();
      for (const method of ['close', 'getLoop', 'isServing'] as const) {
        expect(() => server[method]()).toThrow(expect.objectContaining({ name: 'NotImplementedError' }));
      }
      for (const method of ['startServing', 'serveForever', 'waitClosed'] as const) {
        await expect(server[method]()).rejects.toMatchObject({ name: 'NotImplementedError' });
      }
      expect(() => server[Symbol.asyncDispose]()).toThrow(expect.objectContaining({ name: 'NotImplementedError' }));
    }),
  );

  test.each([true, false])(
    'a server that outlives its loop may still be closed, whoever waits (connected: %p)',
    async (connected) => {
      let close!: () => void;
      await inLoop(async ({ loop }) => {
        const server = await createServer(loop, factory, '127.0.0.1', 0);
        if (connected) dial(addressOf(server)).close();
        await iterations(2);
        void server.waitClosed();
        void server.serveForever();
        close = () => server.close();
      })();
      close();
      close();
    },
  );

  test(
    'factory and callbacks run in the async context of createServer',
    inLoop(async ({ loop }) => {
      const store = new AsyncLocalStorage<string>();
      const log: unknown[] = [];
      const note = (): void => void log.push(store.getStore());
      const creating = store.run('server', () =>
        createServer(
          loop,
          () => {
            note();
            return { connectionMade: note, dataReceived: note, connectionLost: note };
          },
          '127.0.0.1',
          0,
        ),
      );
      const server = await creating;
      const client = dial(addressOf(server));
      client.send(Buffer.from('x'));
      await iterations(5);
      client.close();
      await iterations(3);
      expect(log).toEqual(['server', 'server', 'server', 'server']);
      server.close();
    }),
  );
});

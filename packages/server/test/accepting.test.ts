import { osError, type OSError } from '@tsyncio/core';
import { createServer } from '@tsyncio/server';
import type { AcceptIo } from '@tsyncio/socket';
import { leakAudit, VirtualClock } from '@tsyncio/test-support';

import { addressOf, eachBackend, Echo, iterations, received, type World } from './support/world.js';

leakAudit();

/** Makes accepting fail when the test says so. */
class Failing {
  fail: OSError | null = null;
  started = 0;

  constructor(io: AcceptIo) {
    const start = io.startAccepting.bind(io);
    io.startAccepting = (listener, backlog, onAccept, onError, loop) => {
      this.started++;
      const acceptor = start(
        listener,
        backlog,
        (socket, peer) => {
          const { fail } = this;
          if (fail === null) return onAccept(socket, peer);
          this.fail = null;
          socket.close();
          acceptor.stop();
          onError(fail);
        },
        onError,
        loop,
      );
      return acceptor;
    };
  }
}

eachBackend(({ inLoop, makeLoop, dial, reset }) => {
  test(
    'SERVER-29 at most backlog connections are accepted in one iteration, the rest later',
    inLoop(async ({ loop }) => {
      let made = 0;
      const server = await createServer(loop, () => (made++, new Echo()), '127.0.0.1', 0, { backlog: 3 });
      const clients = [1, 2, 3, 4].map(() => dial(addressOf(server)));
      await iterations(3); // accepted in the first, welcomed in the second
      expect(made).toBe(3);
      await iterations(2);
      expect(made).toBe(4);
      for (const client of clients) client.close();
      await iterations(4);
      server.close();
    }),
  );

  test(
    'SERVER-31 a client that is gone before it is accepted disturbs nobody',
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0);
      const gone = dial(addressOf(server));
      reset(gone);
      const client = dial(addressOf(server));
      client.send(Buffer.from('hello'));
      await iterations(6);
      expect(received(client)).toBe('hello');
      client.close();
      await iterations(4);
      expect(events.filter((event) => event === 'made')).toHaveLength(
        events.filter((event) => event.startsWith('lost')).length,
      );
      server.close();
    }),
  );

  /** A test in which accepting fails when it says so. */
  const failing =
    (body: (world: World & { io: Failing; clock: VirtualClock }) => Promise<void>): (() => Promise<void>) =>
    () => {
      const clock = new VirtualClock(1);
      return inLoop(
        ({ loop, reports }) => body({ loop, reports, io: new Failing(loop.backend), clock }),
        () => makeLoop({ clock }),
      )();
    };

  test.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'])(
    'SERVER-32 SERVER-33 %s is reported once, and accepting goes on after one second',
    (code) =>
      failing(async ({ loop, reports, io, clock }) => {
        let made = 0;
        const server = await createServer(loop, () => (made++, new Echo()), '127.0.0.1', 0);
        io.fail = osError({ code, syscall: 'accept' });
        const clients = [dial(addressOf(server)), dial(addressOf(server))];
        await iterations(6);
        const [report, ...more] = reports.splice(0);
        expect(more).toEqual([]);
        expect(report).toEqual({
          message: 'socket.accept() out of system resource',
          exception: expect.objectContaining({ code }),
          socket: expect.anything(),
        });
        expect(report!.socket).toMatchObject({ fileno: expect.any(Function) });
        expect(String(report!.socket)).toBe(String(server.sockets[0]));
        expect(server.isServing()).toBe(true);
        expect(made).toBe(0);
        clock.advance(0.999);
        await iterations(3);
        expect([made, io.started]).toEqual([0, 1]);
        clock.advance(0.002);
        await iterations(5);
        expect([made, io.started]).toEqual([1, 2]);
        for (const client of clients) client.close();
        await iterations(4);
        server.close();
      })(),
  );

  test(
    'a server closed during that second does not come back',
    failing(async ({ loop, reports, io, clock }) => {
      const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
      io.fail = osError({ code: 'EMFILE', syscall: 'accept' });
      dial(addressOf(server)).close();
      await iterations(4);
      reports.splice(0);
      server.close();
      clock.advance(2);
      await iterations(4);
      expect(io.started).toBe(1);
    }),
  );

  test(
    'SERVER-34 any other error is reported, and accepting goes on',
    failing(async ({ loop, reports, io }) => {
      const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
      io.fail = osError({ code: 'EPERM', syscall: 'accept' });
      dial(addressOf(server)).close();
      await iterations(4);
      expect(reports.splice(0)).toEqual([
        {
          message: 'socket.accept() failed',
          exception: expect.objectContaining({ code: 'EPERM' }),
          socket: expect.anything(),
        },
      ]);
      const client = dial(addressOf(server));
      client.send(Buffer.from('x'));
      await iterations(6);
      expect(received(client)).toBe('x');
      client.close();
      await iterations(4);
      server.close();
    }),
  );

  test(
    'a listener that is broken for good is reported once',
    failing(async ({ loop, reports, io }) => {
      const server = await createServer(loop, () => new Echo(), '127.0.0.1', 0);
      io.fail = osError({ code: 'EINVAL', syscall: 'accept' });
      dial(addressOf(server)).close();
      await iterations(6);
      expect(reports.splice(0)).toHaveLength(1);
      expect(io.started).toBe(1);
      server.close();
    }),
  );

  test.each([
    [
      'throws',
      (): never => {
        throw new RangeError('on purpose');
      },
      'RangeError',
    ],
    ['gives nothing', (): never => undefined as never, 'TypeError'],
    ['is async', (): never => Promise.resolve(new Echo()) as never, 'TypeError'],
  ])('SERVER-35 a factory that %s drops its connection, in debug mode with a report', (_title, factory, name) =>
    inLoop(async ({ loop, reports }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      for (const debug of [false, true]) {
        const client = dial(addressOf(server));
        loop.setDebug(debug);
        await iterations(4);
        loop.setDebug(false);
        expect(received(client)).toBeNull();
        client.close();
      }
      expect(reports.splice(0)).toMatchObject([
        { message: 'Error on transport creation for incoming connection', exception: { name } },
      ]);
      server.close();
      await server.waitClosed();
    })(),
  );

  test(
    'SERVER-36 an error of connectionMade is reported; the connection stands',
    inLoop(async ({ loop, reports }) => {
      const error = new Error('on purpose');
      class Rude extends Echo {
        override connectionMade(transport: never): void {
          super.connectionMade(transport);
          throw error;
        }
      }
      const server = await createServer(loop, () => new Rude(), '127.0.0.1', 0);
      const client = dial(addressOf(server));
      client.send(Buffer.from('x'));
      await iterations(6);
      expect(received(client)).toBe('x');
      expect(reports.splice(0)).toMatchObject([
        { message: expect.stringMatching(/^Exception in callback connectionMade\(/), exception: error },
      ]);
      client.close();
      await iterations(4);
      server.close();
    }),
  );

  test(
    'hundreds of short connections leave nothing behind',
    inLoop(async ({ loop }) => {
      const events: string[] = [];
      const server = await createServer(loop, () => new Echo(events), '127.0.0.1', 0);
      const address = addressOf(server);
      for (let i = 0; i < 300; i += 20) {
        const clients = Array.from({ length: 20 }, () => dial(address));
        await iterations(2);
        for (const client of clients) client.close();
        await iterations(3);
      }
      server.close();
      await server.waitClosed();
      expect(events.filter((event) => event === 'made')).toHaveLength(300);
      expect(events.filter((event) => event.startsWith('lost'))).toHaveLength(300);
    }),
  );
});

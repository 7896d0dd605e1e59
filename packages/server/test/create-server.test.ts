import type { TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import { createServer, type Server } from '@tsyncio/server';
import {
  AF_INET,
  AI_PASSIVE,
  AF_INET6,
  AF_UNIX,
  IPPROTO_TCP,
  SO_ACCEPTCONN,
  SO_KEEPALIVE,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_DGRAM,
  SOCK_STREAM,
  Socket,
  SOL_SOCKET,
  type InetAddress,
} from '@tsyncio/socket';
import { E, systemCalls } from '@tsyncio/socket/native';
import { badCall, leakAudit } from '@tsyncio/test-support';

import { addressOf, eachBackend, Echo, iterations, received } from './support/world.js';

const audit = leakAudit();

const factory = (): Echo => new Echo();
const ports = (server: Server): number[] => server.sockets.map((socket) => (socket.getsockname() as InetAddress)[1]);
const hosts = (server: Server): string[] => server.sockets.map((socket) => (socket.getsockname() as InetAddress)[0]);

const hasIpv6 = ((): boolean => {
  try {
    using socket = new Socket(AF_INET6);
    socket.bind(['::1', 0]);
    return true;
  } catch {
    return false;
  }
})();
const testIpv6 = hasIpv6 ? test : test.skip;

/** The backlog that the kernel has noted for a listening socket (TCP_INFO). */
function backlogOf(server: Server): number {
  return server.sockets[0]!.getsockopt(IPPROTO_TCP, 11, 104).readUInt32LE(28);
}

eachBackend(({ inLoop, makeLoop, dial }) => {
  test(
    'SERVER-01 SERVER-17 SERVER-30 a server accepts, and every connection gets its own protocol',
    inLoop(async ({ loop }) => {
      const protocols: Echo[] = [];
      const server = await createServer(
        loop,
        () => {
          protocols.push(new Echo());
          return protocols.at(-1)!;
        },
        '127.0.0.1',
        0,
      );
      expect(server.getLoop()).toBe(loop);
      expect(server.isServing()).toBe(true);
      const address = addressOf(server);
      expect(address[0]).toBe('127.0.0.1');
      expect(address[1]).toBeGreaterThan(0);
      const clients = [dial(address), dial(address)];
      await iterations(5);
      expect(protocols.map((protocol) => protocol.events)).toEqual([['made'], ['made']]);
      for (const [i, client] of clients.entries()) {
        client.send(Buffer.from(`number ${i}`));
        await iterations(3);
        expect(received(client)).toBe(`number ${i}`);
        const { transport } = protocols[i]!;
        expect(transport.getExtraInfo('peername')).toEqual(client.getsockname());
        expect(transport.getExtraInfo('sockname')).toEqual(address);
        client.close();
      }
      await iterations(4);
      expect(protocols.map((protocol) => protocol.events.at(-1))).toEqual(['lost null', 'lost null']);
      server.close();
    }),
  );

  testIpv6(
    'SERVER-02 SERVER-04 NETARG-08 no host, and an empty one, is all interfaces: a socket for each family',
    inLoop(async ({ loop }) => {
      for (const host of [null, '']) {
        const server = await createServer(loop, factory, host, 0);
        expect(hosts(server).sort()).toEqual(['0.0.0.0', '::']);
        const [one, two] = ports(server);
        expect(one).not.toBe(two);
        server.close();
      }
      const other = await createServer(loop, factory, '127.0.0.1', 0);
      const [, port] = addressOf(other);
      other.close();
      const server = await createServer(loop, factory, null, port); // one port for both families
      expect(ports(server)).toEqual([port, port]);
      for (const host of ['127.0.0.1', '::1']) {
        const client = dial([host, port]);
        client.send(Buffer.from(host));
        await iterations(6);
        expect(received(client)).toBe(host);
        client.close();
      }
      await iterations(3);
      server.close();
    }),
  );

  test(
    'SERVER-02 the family chooses among all interfaces',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, null, 0, { family: AF_INET });
      expect(hosts(server)).toEqual(['0.0.0.0']);
      server.close();
    }),
  );

  test(
    'SERVER-03 several hosts: equal ones are bound once, none at all is a server without sockets',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, ['127.0.0.1', '127.0.0.2', '127.0.0.1'], 0);
      expect(hosts(server).sort()).toEqual(['127.0.0.1', '127.0.0.2']);
      server.close();
      const from = await createServer(loop, factory, new Set(['127.0.0.3']), 0);
      expect(hosts(from)).toEqual(['127.0.0.3']);
      from.close();
      const empty = await createServer(loop, factory, [], 0);
      expect(empty.sockets).toEqual([]);
      expect(empty.isServing()).toBe(true);
      empty.close();
      expect(empty.isServing()).toBe(false);
    }),
  );

  test(
    'keepAlive: SO_KEEPALIVE for the listening sockets, from which connections inherit it; off by default',
    inLoop(async ({ loop }) => {
      const states = [];
      for (const keepAlive of [undefined, false, true]) {
        const server = await createServer(loop, factory, '127.0.0.1', 0, { keepAlive });
        states.push(server.sockets[0]!.getsockopt(SOL_SOCKET, SO_KEEPALIVE));
        server.close();
      }
      expect(states).toEqual([0, 0, 1]);
    }),
  );

  test(
    'SERVER-05 SERVER-06 reuseAddress is on by default, reusePort off',
    inLoop(async ({ loop }) => {
      const options = async (given: object): Promise<number[]> => {
        const server = await createServer(loop, factory, '127.0.0.1', 0, given);
        const [socket] = server.sockets;
        const set = [SO_REUSEADDR, SO_REUSEPORT].map((name) => socket!.getsockopt(SOL_SOCKET, name));
        server.close();
        return set;
      };
      expect(await options({})).toEqual([1, 0]);
      expect(await options({ reuseAddress: null, reusePort: null })).toEqual([1, 0]);
      expect(await options({ reuseAddress: false })).toEqual([0, 0]);
      expect(await options({ reuseAddress: true, reusePort: true })).toEqual([1, 1]);
      const one = await createServer(loop, factory, '127.0.0.1', 0, { reusePort: true });
      const two = await createServer(loop, factory, '127.0.0.1', addressOf(one)[1], { reusePort: true });
      expect(addressOf(two)).toEqual(addressOf(one));
      one.close();
      two.close();
    }),
  );

  test(
    'SERVER-07 NETARG-09 an address in use: the OSError names it, and what was bound before is closed',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const [, port] = addressOf(server);
      await expect(createServer(loop, factory, ['127.0.0.2', '127.0.0.1'], port)).rejects.toMatchObject({
        name: 'OSError',
        code: 'EADDRINUSE',
        syscall: 'bind',
        address: '127.0.0.1',
        port,
        message: `bind EADDRINUSE 127.0.0.1:${port}`,
      });
      expect(() => dial(['127.0.0.2', port])).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
      await expect(createServer(loop, factory, '192.0.2.1', 0)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
      server.close();
    }),
  );

  test(
    'NETARG-07 SERVER-10 host or port together with sock, none of them, and a sock that is no stream',
    inLoop(async ({ loop }) => {
      const sock = new Socket();
      const datagram = new Socket(AF_INET, SOCK_DGRAM);
      const create = createServer as unknown as (...args: unknown[]) => Promise<Server>;
      for (const args of [
        ['127.0.0.1', 0, { sock }],
        [null, 0, { sock }],
        ['', null, { sock }],
        [[], null, { sock }],
        [],
        [null, null],
        [{}],
        [{ sock: datagram }],
      ]) {
        await expect(create(loop, factory, ...args)).rejects.toMatchObject({ name: 'ValueError' });
      }
      expect([sock.closed, datagram.closed]).toEqual([false, false]);
      sock.close();
      datagram.close();
    }),
  );

  test(
    'SERVER-12 a given socket is the one that listens, whatever its family',
    inLoop(async ({ loop }) => {
      const sock = new Socket();
      sock.bind(['127.0.0.1', 0]);
      const server = await createServer(loop, factory, { sock });
      expect(server.sockets.map((socket) => socket.fileno())).toEqual([sock.fileno()]);
      expect(sock.getblocking()).toBe(false);
      dial(addressOf(server)).close();
      server.close();
      expect(sock.closed).toBe(true);

      const unix = new Socket(AF_UNIX);
      unix.bind(`\0tsyncio-server-${process.pid}`);
      const local = await createServer(loop, factory, { sock: unix });
      const client = dial(unix.getsockname());
      client.send(Buffer.from('x'));
      await iterations(6);
      expect(received(client)).toBe('x');
      local.close();
      client.close();
      await iterations(3);
    }),
  );

  test(
    'SERVER-13 the backlog is 100 by default, and the one given otherwise',
    inLoop(async ({ loop }) => {
      for (const [options, expected] of [
        [{}, 100],
        [{ backlog: 7 }, 7],
        [{ backlog: 0 }, 0],
        [{ backlog: -5 }, 0],
      ] as const) {
        const server = await createServer(loop, factory, '127.0.0.1', 0, options);
        expect(backlogOf(server)).toBe(expected);
        server.close();
      }
    }),
  );

  test(
    'SERVER-14 startServing: false binds without listening',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, '127.0.0.1', 0, { startServing: false });
      const address = addressOf(server);
      expect(server.isServing()).toBe(false);
      expect(server.sockets[0]!.getsockopt(SOL_SOCKET, SO_ACCEPTCONN)).toBe(0);
      expect(() => dial(address)).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
      await server.startServing();
      expect(server.isServing()).toBe(true);
      dial(address).close();
      await iterations(5);
      server.close();
    }),
  );

  test(
    'SERVER-15 one iteration passes before the server is returned',
    inLoop(async ({ loop }) => {
      const log: string[] = [];
      loop.callSoon(() => log.push('iteration'));
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      expect(log).toEqual(['iteration']);
      server.close();
      log.length = 0;
      const idle = await createServer(loop, factory, '127.0.0.1', 0, { startServing: false });
      expect(idle.isServing()).toBe(false);
      idle.close();
    }),
  );

  test(
    'a cancelled createServer closes its sockets; one that was given stays open',
    inLoop(async ({ loop }) => {
      const task = loop.createTask(() => createServer(loop, factory, '127.0.0.1', 0));
      await iterations(1);
      task.cancel();
      await expect(task).rejects.toMatchObject({ name: 'CancelledError' });
      const sock = new Socket();
      sock.bind(['127.0.0.1', 0]);
      const given = createServer(loop, factory, { sock });
      given.cancel();
      await expect(given).rejects.toMatchObject({ name: 'CancelledError' });
      expect(sock.closed).toBe(false);
      expect(loop.backend.active).toBe(false);
      sock.close();
    }),
  );

  test(
    'a socket that cannot listen: the error is passed on, and a given one stays open',
    inLoop(async ({ loop }) => {
      const first = new Socket();
      const second = new Socket();
      for (const socket of [first, second]) socket.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
      first.bind(['127.0.0.1', 0]);
      second.bind(first.getsockname()); // two may be bound, one may listen
      first.listen();
      await expect(createServer(loop, factory, { sock: second })).rejects.toMatchObject({ code: 'EADDRINUSE' });
      expect(second.closed).toBe(false);
      const server = await createServer(loop, factory, { sock: second, startServing: false });
      await expect(server.startServing()).rejects.toMatchObject({ code: 'EADDRINUSE' });
      expect(server.isServing()).toBe(false);
      first.close();
      await server.startServing();
      expect(server.isServing()).toBe(true);
      server.close();
    }),
  );

  test(
    'of several sockets all listen or none accepts',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, ['127.0.0.1', '127.0.0.2'], 0, { startServing: false });
      const taken = new Socket();
      taken.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1);
      taken.bind(server.sockets[1]!.getsockname());
      taken.listen();
      await expect(server.startServing()).rejects.toMatchObject({ code: 'EADDRINUSE' });
      expect(server.isServing()).toBe(false);
      expect(loop.backend.active).toBe(false);
      taken.close();
      await server.startServing();
      expect(server.isServing()).toBe(true);
      server.close();
    }),
  );

  test(
    'SERVER-08 an address whose socket cannot be made is passed over, unless there is no other',
    inLoop(async ({ loop }) => {
      const calls = systemCalls();
      const real = calls.socket.bind(calls);
      const spy = jest
        .spyOn(calls, 'socket')
        .mockImplementation((family, ...rest) => (family === AF_INET6 ? -E.EAFNOSUPPORT : real(family, ...rest)));
      try {
        loop.setDebug(true);
        const server = await createServer(loop, factory, null, 0);
        loop.setDebug(false);
        expect(hosts(server)).toEqual(['0.0.0.0']);
        server.close();
        const warnings = audit.takeRecords().filter(({ level }) => level === 'warning');
        expect(warnings).toMatchObject([{ message: expect.stringMatching(/no socket of family \d+: .*EAFNOSUPPORT/) }]);
        await expect(createServer(loop, factory, '::1', 0)).rejects.toMatchObject({ code: 'EAFNOSUPPORT' });
      } finally {
        spy.mockRestore();
      }
    }),
  );

  const create = createServer as unknown as (...args: unknown[]) => Promise<unknown>;
  const inside =
    (...args: unknown[]) =>
    (loop: TaskLoop<SelectorIo>): unknown =>
      loop.runUntilComplete(() => create(loop, ...args));

  badCall('createServer', makeLoop, {
    wrong: {
      'a factory that is no function': {
        call: inside({}, '127.0.0.1', 0),
        throws: 'TypeError',
        message: /protocolFactory/,
      },
      'SERVER-11 ssl: true': {
        call: inside(factory, '127.0.0.1', 0, { ssl: true }),
        throws: 'TypeError',
        message: /ssl/,
      },
      'SERVER-11 ssl: false': {
        call: inside(factory, '127.0.0.1', 0, { ssl: false }),
        throws: 'TypeError',
        message: /ssl/,
      },
      'options that are no object': { call: inside(factory, '127.0.0.1', 0, 7), throws: 'TypeError' },
      'a host that is no string': { call: inside(factory, 7, 0), throws: 'TypeError', message: /host/ },
      'a host in a list that is no string': { call: inside(factory, [7], 0), throws: 'TypeError', message: /host/ },
      'SERVER-09 a port out of range': {
        call: inside(factory, '127.0.0.1', 65536),
        throws: 'ValueError',
        message: /port/,
      },
      'a port that is no number': { call: inside(factory, '127.0.0.1', {}), throws: 'TypeError', message: /port/ },
      'a backlog that is no number': { call: inside(factory, '127.0.0.1', 0, { backlog: '1' }), throws: 'TypeError' },
      'a backlog that is no integer': { call: inside(factory, '127.0.0.1', 0, { backlog: 1.5 }), throws: 'ValueError' },
      'a sock that is no Socket': { call: inside(factory, { sock: 7 }), throws: 'TypeError', message: /sock/ },
      'SERVER-09 a name that nobody knows': {
        call: inside(factory, 'no such host.invalid', 0),
        throws: 'GaiError',
        message: /EAI_NONAME/,
      },
      'SERVER-09 one such name among literals': {
        call: inside(factory, ['127.0.0.1', 'no such host.invalid'], 0),
        throws: 'GaiError',
      },
      'a service that nobody knows': { call: inside(factory, '127.0.0.1', 'no-such-service'), throws: 'GaiError' },
    },
    afterClose: { call: (loop) => create(loop, factory, '127.0.0.1', 0), throws: 'RuntimeError' },
  });

  test(
    'SERVER-03 SERVER-15 NETARG-08 names are looked up at the same time, by the loop; equal addresses are bound once',
    inLoop(async ({ loop }) => {
      const asked: unknown[][] = [];
      const gate = loop.createFuture<void>();
      Object.assign(loop, {
        getaddrinfo: (...args: unknown[]) => {
          asked.push(args);
          const [, port] = args;
          // Nobody is answered before all have asked.
          if (asked.length === 3) gate.setResult(undefined);
          return gate.then(() => [[AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', port]]]);
        },
      });
      const server = await createServer(loop, factory, ['one', 'two', 'three', '127.0.0.1'], 0);
      expect(asked.map(([host]) => host)).toEqual(['one', 'two', 'three']);
      // DNS-10 NDNS-10: host and port, and the rest as options.
      expect(asked[0]).toEqual(['one', 0, { family: 0, type: SOCK_STREAM, proto: 0, flags: AI_PASSIVE }]);
      expect(server.sockets).toHaveLength(1);
      server.close();
    }),
  );

  test(
    'SERVER-09 NETARG-08 an empty answer is an OSError',
    inLoop(async ({ loop }) => {
      Object.assign(loop, { getaddrinfo: () => Promise.resolve([]) });
      await expect(createServer(loop, factory, 'nowhere', 0)).rejects.toMatchObject({
        name: 'OSError',
        message: "getaddrinfo('nowhere') returned an empty list",
      });
    }),
  );

  test(
    'SERVER-02 names and services are looked up',
    inLoop(async ({ loop }) => {
      const server = await createServer(loop, factory, 'localhost', 0, { family: AF_INET });
      expect(addressOf(server)[0]).toBe('127.0.0.1');
      server.close();
    }),
  );

  test('in debug mode a server and its connections are logged', async () => {
    const loop = makeLoop();
    loop.setDebug(true);
    await loop.runUntilComplete(async () => {
      const server = await createServer(loop, factory, '127.0.0.1', 0);
      const client = dial(addressOf(server));
      await iterations(4);
      client.close();
      await iterations(4);
      server.close();
    });
    loop.close();
    const messages = audit.takeRecords().map(({ level, message }) => `${level} ${message}`);
    expect(messages).toContainEqual(
      expect.stringMatching(/^info <Server sockets=\[<TransportSocket fd=.*>\]> is serving$/),
    );
    expect(messages).toContainEqual(
      expect.stringMatching(/^debug <Server .*> got a new connection from 127\.0\.0\.1,\d+: <Socket /),
    );
  });
});

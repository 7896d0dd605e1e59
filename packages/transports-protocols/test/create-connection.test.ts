import { AsyncLocalStorage } from 'node:async_hooks';

import { gather, sleep, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  IPPROTO_TCP,
  SOCK_DGRAM,
  Socket,
  TCP_NODELAY,
  type InetAddress,
} from '@tsyncio/socket';
import { E, systemCalls } from '@tsyncio/socket/native';
import { badCall, leakAudit, recordExceptions } from '@tsyncio/test-support';
import { createConnection, Protocol, type Transport } from '@tsyncio/transports-protocols';

import { failure } from '@tsyncio/test-support/loops/failure';
import { Recorder } from '@tsyncio/test-support/loops/recorder';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { drain, iterations, listen } from '@tsyncio/test-support/loops/world';

const audit = leakAudit();

const factory = (): Protocol => new Protocol();

const hasIpv6 = ((): boolean => {
  try {
    listen('::1').close();
    return true;
  } catch {
    return false;
  }
})();
const testIpv6 = hasIpv6 ? test : test.skip;

eachBackend(({ inLoop, makeLoop, pair, listen: listenAt, kernelTest }) => {
  /** A listener to connect to, and its port. */
  function listen(host?: string): { listener: Socket; port: number } {
    const listener = listenAt(host);
    return { listener, port: (listener.getsockname() as InetAddress)[1] };
  }

  /** A port where nobody listens. */
  function freePort(): number {
    const { listener, port } = listen();
    listener.close();
    return port;
  }

  test.each([['127.0.0.1', AF_INET], ...(hasIpv6 ? [['::1', AF_INET6] as const] : [])] as const)(
    'CONN-01 CONN-02 CONN-03 a connection to %s',
    (host, family) =>
      inLoop(async ({ loop }) => {
        const { listener, port } = listen(host);
        const calls: unknown[][] = [];
        let protocol!: Recorder;
        const made = await createConnection(
          loop,
          (...args: unknown[]) => {
            calls.push(args);
            return (protocol = new Recorder(loop));
          },
          host,
          port,
        );
        expect(calls).toEqual([[]]);
        expect(made).toEqual([protocol.transport, protocol]);
        expect(protocol.events).toEqual(['made']);
        const [transport] = made;
        const socket = transport.getExtraInfo('socket')!;
        expect(socket.family).toBe(family);
        expect(socket.getsockopt(IPPROTO_TCP, TCP_NODELAY)).toBe(1);
        const [peer, address] = listener.accept({ nonblocking: true });
        expect(transport.getExtraInfo('sockname')).toEqual(address);
        expect(transport.getExtraInfo('peername')).toEqual(listener.getsockname());
        transport.write(Buffer.from('ping'));
        expect(drain(peer)!.toString()).toBe('ping');
        peer.send(Buffer.from('pong'));
        expect((await protocol.bytes(4)).toString()).toBe('pong');
        peer.close();
        await protocol.lost;
        listener.close();
      })(),
  );

  test(
    'CONN-06 a refused connection is the OSError itself, with the fields of Node',
    inLoop(async ({ loop }) => {
      const port = freePort();
      let called = 0;
      const connecting = createConnection(loop, () => (called++, new Protocol()), '127.0.0.1', port);
      await expect(connecting).rejects.toMatchObject({
        name: 'ConnectionRefusedError',
        code: 'ECONNREFUSED',
        syscall: 'connect',
        address: '127.0.0.1',
        port,
        message: `connect ECONNREFUSED 127.0.0.1:${port}`,
      });
      expect(called).toBe(0);
    }),
  );

  testIpv6(
    'CONN-05 CONN-07 CONN-13 no host is this machine: its addresses are tried in turn, their errors told together',
    inLoop(async ({ loop }) => {
      const { listener, port } = listen();
      const [transport] = await createConnection(loop, factory, null, port);
      expect(transport.getExtraInfo('peername')).toEqual(['127.0.0.1', port]);
      transport.abort();
      listener.close();
      await expect(createConnection(loop, factory, null, port)).rejects.toMatchObject({
        name: 'OSError',
        message: `Multiple exceptions: connect ECONNREFUSED ::1:${port}, connect ECONNREFUSED 127.0.0.1:${port}`,
      });
      for (const happyEyeballsDelay of [null, 0.25]) {
        const all = await failure(createConnection(loop, factory, null, port, { allErrors: true, happyEyeballsDelay }));
        expect(all).toBeInstanceOf(AggregateError);
        const { errors } = all as unknown as AggregateError;
        expect(errors.map(({ code, address }) => [code, address])).toEqual([
          ['ECONNREFUSED', '::1'],
          ['ECONNREFUSED', '127.0.0.1'],
        ]);
      }
      await expect(createConnection(loop, factory, null, port, { family: AF_INET })).rejects.toMatchObject({ port });
      await iterations(2);
    }),
  );

  test(
    'CONN-13 a host without a port is port 0, and a port may be given as digits',
    inLoop(async ({ loop }) => {
      await expect(createConnection(loop, factory, '127.0.0.1', null)).rejects.toMatchObject({ port: 0 });
      await expect(createConnection(loop, factory, '127.0.0.1', '')).rejects.toMatchObject({ port: 0 });
      const port = freePort();
      await expect(createConnection(loop, factory, '127.0.0.1', String(port))).rejects.toMatchObject({ port });
    }),
  );

  test(
    'CONN-12 a connected socket is taken as it is, also a Unix one',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      ours.setblocking(true);
      const [transport, protocol] = await createConnection(loop, () => new Recorder(loop), { sock: ours });
      expect(ours.getblocking()).toBe(false);
      transport.write(Buffer.from('hello'));
      expect(peer.recv(10).toString()).toBe('hello');
      peer.close();
      await protocol.lost;
      expect(ours.closed).toBe(true);
    }),
  );

  test(
    'NETARG-01 CONN-11 CONN-12 host or port together with sock, none of them, and a sock that is no stream',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const datagram = new Socket(AF_INET, SOCK_DGRAM);
      const refused = async (operation: Operation<unknown>): Promise<void> => {
        await expect(operation).rejects.toMatchObject({ name: 'ValueError' });
      };
      await refused(createConnection(loop, factory, '127.0.0.1', 1, { sock: ours }));
      await refused(createConnection(loop, factory, null, 1, { sock: ours }));
      await refused(createConnection(loop, factory, '127.0.0.1', null, { sock: ours }));
      await refused(createConnection(loop, factory, null, null));
      await refused(createConnection(loop, factory, {}));
      await refused((createConnection as (...args: unknown[]) => Operation<unknown>)(loop, factory));
      await refused(createConnection(loop, factory, { sock: datagram }));
      expect([ours.closed, datagram.closed]).toEqual([false, false]);
      for (const socket of [ours, peer, datagram]) socket.close();
    }),
  );

  test(
    'NETARG-02 CONN-19 CONN-21 options of TLS without ssl, even empty ones',
    inLoop(async ({ loop }) => {
      for (const options of [{ serverHostname: '' }, { serverHostname: 'x' }, { sslHandshakeTimeout: 10 }]) {
        await expect(createConnection(loop, factory, '127.0.0.1', 1, options)).rejects.toMatchObject({
          name: 'ValueError',
          message: expect.stringMatching(/is only meaningful with ssl$/),
        });
      }
      const absent = { serverHostname: null, sslHandshakeTimeout: undefined, sock: null };
      await expect(createConnection(loop, factory, '127.0.0.1', freePort(), absent)).rejects.toMatchObject({
        code: 'ECONNREFUSED',
      });
    }),
  );

  test(
    'CONN-10 an address whose socket cannot be made counts as a failed attempt',
    inLoop(async ({ loop }) => {
      const { listener, port } = listen();
      const calls = systemCalls();
      const real = calls.socket.bind(calls);
      const spy = jest
        .spyOn(calls, 'socket')
        .mockImplementation((family, ...rest) => (family === AF_INET6 ? -E.EAFNOSUPPORT : real(family, ...rest)));
      try {
        const [transport] = await createConnection(loop, factory, null, port);
        expect(transport.getExtraInfo('peername')).toEqual(['127.0.0.1', port]);
        transport.abort();
        listener.close();
        await expect(createConnection(loop, factory, null, port)).rejects.toMatchObject({
          message: `Multiple exceptions: socket EAFNOSUPPORT, connect ECONNREFUSED 127.0.0.1:${port}`,
        });
      } finally {
        spy.mockRestore();
      }
      await iterations(2);
    }),
  );

  type Call = (...args: unknown[]) => Promise<unknown>;
  const connect = createConnection as unknown as Call;
  /** Runs the operation in its loop. */
  const inside =
    (...args: unknown[]) =>
    (loop: TaskLoop<SelectorIo>): unknown =>
      loop.runUntilComplete(() => connect(loop, ...args));

  badCall('createConnection', makeLoop, {
    wrong: {
      'a factory that is no function': {
        call: inside('x', '127.0.0.1', 1),
        throws: 'TypeError',
        message: /protocolFactory/,
      },
      'an unknown option': {
        call: inside(factory, '127.0.0.1', 1, { tls: true }),
        throws: 'TypeError',
        message: /'tls'/,
      },
      'options that are no object': {
        call: inside(factory, '127.0.0.1', 1, 7),
        throws: 'TypeError',
        message: /options/,
      },
      'a host that is no string': { call: inside(factory, 7, 1), throws: 'TypeError', message: /host/ },
      'a list of hosts': { call: inside(factory, ['127.0.0.1'], 1), throws: 'TypeError', message: /host/ },
      'a port that is no number': { call: inside(factory, '127.0.0.1', {}), throws: 'TypeError', message: /port/ },
      'CONN-09 a port out of range': {
        call: inside(factory, '127.0.0.1', 65536),
        throws: 'ValueError',
        message: /port/,
      },
      'a negative port': { call: inside(factory, '127.0.0.1', -1), throws: 'ValueError', message: /port/ },
      'a fraction of a port': { call: inside(factory, '127.0.0.1', 1.5), throws: 'ValueError', message: /port/ },
      'CONN-14 a literal of the other family': {
        call: inside(factory, '127.0.0.1', 1, { family: AF_INET6 }),
        throws: 'GaiError',
        message: /EAI_ADDRFAMILY 127\.0\.0\.1/,
      },
      'a family that is none of the internet': {
        call: inside(factory, '127.0.0.1', 1, { family: AF_UNIX }),
        throws: 'GaiError',
        message: /EAI_FAMILY/,
      },
      'a family that is no number': { call: inside(factory, '127.0.0.1', 1, { family: 'x' }), throws: 'TypeError' },
      'a sock that is no Socket': { call: inside(factory, { sock: {} }), throws: 'TypeError', message: /sock/ },
      'CONN-14 a name that nobody knows': {
        call: inside(factory, 'no such host.invalid', 1),
        throws: 'GaiError',
        message: /EAI_NONAME/,
      },
      'a host that is no text': { call: inside(factory, 5, 1), throws: 'TypeError', message: /host/ },
      'an empty host name': { call: inside(factory, '', 1), throws: 'GaiError' },
      'CONN-15 a service that nobody knows': {
        call: inside(factory, '127.0.0.1', 'no-such-service'),
        throws: 'GaiError',
        message: /EAI_SERVICE/,
      },
      'a local address that is none': { call: inside(factory, '127.0.0.1', 1, { localAddr: 5 }), throws: 'TypeError' },
      'HEB-05 a delay that is no number': {
        call: inside(factory, '127.0.0.1', 1, { happyEyeballsDelay: '1' }),
        throws: 'TypeError',
        message: /happyEyeballsDelay/,
      },
      'a negative delay': { call: inside(factory, '127.0.0.1', 1, { happyEyeballsDelay: -1 }), throws: 'ValueError' },
      'an interleave that is no number': {
        call: inside(factory, '127.0.0.1', 1, { interleave: '1' }),
        throws: 'TypeError',
      },
      'a negative interleave': { call: inside(factory, '127.0.0.1', 1, { interleave: -1 }), throws: 'ValueError' },
    },
    afterClose: {
      call: (loop) => connect(loop, factory, '127.0.0.1', 1),
      throws: 'RuntimeError',
      message: /Event loop is closed/,
    },
  });

  test(
    'CONN-24 an error of the factory is passed on; a socket made here is closed, a given one is not',
    inLoop(async ({ loop }) => {
      const { listener, port } = listen();
      const [ours, peer] = pair();
      const error = new Error('on purpose');
      const failing = (): Protocol => {
        throw error;
      };
      await expect(createConnection(loop, failing, '127.0.0.1', port)).rejects.toBe(error);
      const [end] = listener.accept({ nonblocking: true });
      expect(drain(end)).toBeNull();
      await expect(createConnection(loop, failing, { sock: ours })).rejects.toBe(error);
      expect(ours.closed).toBe(false);
      for (const wrong of [undefined, null, 7, Promise.resolve(new Protocol())]) {
        await expect(createConnection(loop, () => wrong as never, { sock: ours })).rejects.toMatchObject({
          name: 'TypeError',
        });
      }
      expect(ours.closed).toBe(false);
      for (const socket of [listener, end, ours, peer]) socket.close();
    }),
  );

  test.each(['throws', 'rejects'] as const)(
    'CONN-25 connectionMade that %s is reported; the connection stands',
    (way) =>
      inLoop(async ({ loop, reports }) => {
        const [ours, peer] = pair();
        const error = new Error('on purpose');
        class Failing extends Recorder {
          override connectionMade(): void {
            if (way === 'throws') throw error;
            return Promise.reject(error) as never;
          }
        }
        const protocol = new Failing(loop);
        const [transport] = await createConnection(loop, () => protocol, { sock: ours });
        await iterations(1);
        const [report] = reports.splice(0);
        expect(report).toMatchObject({ exception: error, handle: expect.anything() });
        expect(report!.message).toMatch(/^Exception in callback connectionMade\(<StreamTransport .*>?\)$/);
        expect(transport.isClosing()).toBe(false);
        peer.send(Buffer.from('x'));
        await protocol.bytes(1);
        peer.close();
        await protocol.lost;
      })(),
  );

  test.each(['close', 'abort'] as const)('CONN-26 the transport may be ended inside connectionMade: %s', (how) =>
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      peer.send(Buffer.from('never read'));
      const protocol = new Recorder(loop);
      protocol.connectionMade = (transport: Transport) => {
        protocol.events.push('made');
        transport[how]();
      };
      const made = await createConnection(loop, () => protocol, { sock: ours });
      expect(made[1]).toBe(protocol);
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost null']);
      peer.close();
    })(),
  );

  test(
    'NETARG-05 CONN-22 a cancelled connect closes its socket and leaves nothing behind',
    inLoop(async ({ loop }) => {
      const sockets: Socket[] = [];
      loop.backend.connect = function* (_loop, socket) {
        sockets.push(socket);
        yield* loop.createFuture<void>(); // nobody answers
      };
      const task = loop.createTask(() => createConnection(loop, factory, '127.0.0.1', 9));
      await sleep(0);
      await sleep(0);
      expect(sockets.map((socket) => socket.closed)).toEqual([false]);
      task.cancel();
      await expect(task).rejects.toMatchObject({ name: 'CancelledError' });
      expect(sockets.map((socket) => socket.closed)).toEqual([true]);
      const operation = createConnection(loop, factory, null, 9);
      operation.cancel();
      await expect(operation).rejects.toMatchObject({ name: 'CancelledError' });
      expect(sockets.map((socket) => socket.closed)).toEqual([true, true]);
      expect(loop.backend.active).toBe(false);
    }),
  );

  kernelTest(
    'CONN-22 a real connect that is pending is cancelled without a trace',
    inLoop(async ({ loop }) => {
      // A listener whose queue is full answers no more.
      const listener = new Socket(AF_INET);
      listener.bind(['127.0.0.1', 0]);
      listener.listen(0);
      const [, port] = listener.getsockname() as InetAddress;
      const fillers = [1, 2, 3].map(() => {
        const filler = new Socket(AF_INET, undefined, undefined, { nonblocking: true });
        filler.tryConnect(['127.0.0.1', port]);
        return filler;
      });
      const task = loop.createTask(() => createConnection(loop, factory, '127.0.0.1', port));
      await iterations(3);
      expect(task.done()).toBe(false);
      task.cancel();
      await expect(task).rejects.toMatchObject({ name: 'CancelledError' });
      expect(loop.backend.active).toBe(false);
      for (const socket of [listener, ...fillers]) socket.close();
    }),
  );

  test(
    'a cancellation between the connection and the end of the call closes the transport',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const protocol = new Recorder(loop);
      const task = loop.createTask(() => createConnection(loop, () => protocol, { sock: ours }));
      await iterations(1);
      task.cancel();
      await expect(task).rejects.toMatchObject({ name: 'CancelledError' });
      await protocol.lost;
      expect(protocol.events).toEqual(['made', 'lost null']);
      expect(drain(peer)).toBeNull();
      peer.close();
    }),
  );

  test(
    'a socket has one transport: a second call is refused and leaves it alone; so is a closed socket',
    inLoop(async ({ loop }) => {
      const [ours, peer] = pair();
      const [transport, protocol] = await createConnection(loop, () => new Recorder(loop), { sock: ours });
      await expect(createConnection(loop, factory, { sock: ours })).rejects.toMatchObject({ name: 'RuntimeError' });
      transport.write(Buffer.from('alive'));
      expect(drain(peer)!.toString()).toBe('alive');
      transport.close();
      await protocol.lost;
      let called = 0;
      const counting = (): Protocol => (called++, new Protocol());
      await expect(createConnection(loop, counting, { sock: ours })).rejects.toMatchObject({ code: 'EBADF' });
      expect(called).toBe(0);
      peer.close();
    }),
  );

  test(
    'the factory and the callbacks run in the async context of the call',
    inLoop(async ({ loop }) => {
      const store = new AsyncLocalStorage<string>();
      const log: unknown[] = [];
      const { listener, port } = listen();
      const connecting = store.run('caller', () =>
        createConnection(
          loop,
          () => {
            log.push(store.getStore());
            return {
              connectionMade: () => log.push(store.getStore()),
              connectionLost: () => log.push(store.getStore()),
            };
          },
          '127.0.0.1',
          port,
        ),
      );
      const [transport] = await connecting;
      transport.close();
      await iterations(2);
      expect(log).toEqual(['caller', 'caller', 'caller']);
      listener.close();
    }),
  );

  test('CONN-28 in debug mode a connection is logged', async () => {
    const loop = makeLoop();
    const reports = recordExceptions(loop);
    loop.setDebug(true);
    await loop.runUntilComplete(async () => {
      const { listener, port } = listen();
      const [transport] = await createConnection(loop, factory, '127.0.0.1', port);
      transport.close();
      listener.close();
      await iterations(2);
      const messages = audit.takeRecords().filter(({ level }) => level === 'debug');
      expect(messages.map(({ message }) => message)).toContainEqual(
        expect.stringMatching(new RegExp(`connected to 127\\.0\\.0\\.1:${port}: .*StreamTransport.*Protocol`)),
      );
    });
    loop.close();
    audit.takeRecords();
    expect(reports).toEqual([]);
  });

  test(
    'many connections at once',
    inLoop(async ({ loop }) => {
      const { listener, port } = listen();
      const made = await gather(
        ...Array.from({ length: 100 }, () => () => createConnection(loop, () => new Recorder(loop), '127.0.0.1', port)),
      );
      const peers: Socket[] = [];
      for (const [transport] of made) {
        peers.push(listener.accept({ nonblocking: true })[0]);
        transport.write(Buffer.from('x'));
      }
      for (const peer of peers) peer.close();
      for (const [transport, protocol] of made) {
        transport.abort();
        await protocol.lost;
      }
      listener.close();
    }),
  );
});

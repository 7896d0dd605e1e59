import { CancelledError, isOSError, type OSError } from '@tsyncio/core';
import { waitFor, type CoroutineGenerator, type Operation, type TaskLoop } from '@tsyncio/futures-tasks';
import type { SelectorIo } from '@tsyncio/selector-io';
import {
  AF_INET,
  AF_INET6,
  AI_NUMERICHOST,
  type AddrInfo,
  type InetAddress,
  IPPROTO_TCP,
  Socket,
  SOCK_STREAM,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';
import { createConnection, type ConnectionOptions } from '@tsyncio/transports-protocols';

import { Recorder } from '@tsyncio/test-support/loops/recorder';
import { eachBackend } from '@tsyncio/test-support/loops/backends';
import { ca } from '@tsyncio/test-support/loops/certificates';
import { until } from '@tsyncio/test-support/loops/until';
import { iterations } from '@tsyncio/test-support/loops/world';
import { failure } from '@tsyncio/test-support/loops/failure';

leakAudit();

function info([host, port]: InetAddress): AddrInfo {
  return [host.includes(':') ? AF_INET6 : AF_INET, SOCK_STREAM, IPPROTO_TCP, '', [host, port]];
}

function addressOf(listener: Socket): InetAddress {
  const [host, port] = listener.getsockname() as InetAddress;
  return [host, port];
}

/** Lets names stand for addresses, and remembers what was asked. */
function naming(loop: TaskLoop<SelectorIo>, names: Record<string, InetAddress[]>): unknown[][] {
  const asked: unknown[][] = [];
  Object.assign(loop, {
    getaddrinfo: (...args: unknown[]) => {
      asked.push(args);
      return Promise.resolve(names[args[0] as string]!.map(info));
    },
  });
  return asked;
}

/** Connects, tells the peer's address, and closes. */
async function reached(
  loop: TaskLoop<SelectorIo>,
  host: string,
  port: number | string,
  options: ConnectionOptions = {},
) {
  const protocol = new Recorder(loop);
  const [transport] = await createConnection(loop, () => protocol, host, port, options);
  const names = [transport.getExtraInfo('peername'), transport.getExtraInfo('sockname')] as const;
  transport.close();
  await protocol.lost;
  return names;
}

eachBackend(({ inLoop, listen, kernelTest }) => {
  /** An address where nobody listens. */
  function nobody(host?: string): InetAddress {
    using listener = listen(host);
    return addressOf(listener);
  }

  describe('names', () => {
    test(
      'CONN-01 CONN-14 a name is looked up by the system',
      inLoop(async ({ loop }) => {
        using listener = listen();
        const [peer] = await reached(loop, 'localhost', addressOf(listener)[1], { family: AF_INET });
        expect(peer).toEqual(addressOf(listener));
      }),
    );

    test(
      'CONN-05 the addresses of a name are tried one after the other; sockets that failed are closed',
      inLoop(async ({ loop }) => {
        using listener = listen();
        naming(loop, { host: [nobody(), nobody(), addressOf(listener)] });
        expect((await reached(loop, 'host', 1))[0]).toEqual(addressOf(listener));
      }),
    );

    test(
      'CONN-07 NETARG-04 errors that differ are told together, in order; equal ones once',
      inLoop(async ({ loop }) => {
        const [first, second] = [nobody(), nobody('::1')];
        naming(loop, { two: [first, second], same: [first, first] });
        const error = await failure(reached(loop, 'two', 1));
        expect([error.name, error.message]).toEqual([
          'OSError',
          `Multiple exceptions: connect ECONNREFUSED 127.0.0.1:${first[1]}, connect ECONNREFUSED ::1:${second[1]}`,
        ]);
        expect(await failure(reached(loop, 'same', 1))).toMatchObject({ code: 'ECONNREFUSED', port: first[1] });
      }),
    );

    test(
      'NETARG-03 CONN-08 an empty answer is an OSError, for the remote and for the local address',
      inLoop(async ({ loop }) => {
        naming(loop, { nowhere: [], there: [nobody()] });
        const remote = await failure(reached(loop, 'nowhere', 1));
        const local = await failure(reached(loop, 'there', 1, { localAddr: ['nowhere', 0] }));
        for (const error of [remote, local]) {
          expect([error.name, error.message]).toEqual(['OSError', "getaddrinfo('nowhere') returned an empty list"]);
        }
      }),
    );

    test(
      'CONN-14 NDNS-10 family, proto and flags go to the lookup, which asks for streams',
      inLoop(async ({ loop }) => {
        using listener = listen();
        const asked = naming(loop, { host: [addressOf(listener)] });
        await reached(loop, 'host', 80, { family: AF_INET, proto: IPPROTO_TCP, flags: AI_NUMERICHOST });
        expect(asked).toEqual([
          ['host', 80, { family: AF_INET, type: SOCK_STREAM, proto: IPPROTO_TCP, flags: AI_NUMERICHOST }],
        ]);
      }),
    );

    test(
      'CONN-15 a service is looked up',
      inLoop(async ({ loop }) => {
        using listener = listen();
        const asked = naming(loop, { '127.0.0.1': [addressOf(listener)] });
        expect((await reached(loop, '127.0.0.1', 'my-service'))[0]).toEqual(addressOf(listener));
        expect(asked[0]!.slice(0, 2)).toEqual(['127.0.0.1', 'my-service']);
      }),
    );

    test(
      'CONN-16 a scoped literal is looked up, and its scope used',
      inLoop(async ({ loop }) => {
        // Nobody has that address: but the kernel is asked for it on the interface.
        const error = await failure(waitFor(() => reached(loop, 'fe80::dead:beef%lo', 9), 5));
        expect(isOSError(error)).toBe(true);
        expect(error.syscall).toBe('connect');
      }),
    );

    test(
      'cancelled while the name is looked up, nothing is left',
      inLoop(async ({ loop }) => {
        Object.assign(loop, { getaddrinfo: () => loop.createFuture() });
        const task = loop.createTask(() => createConnection(loop, () => new Recorder(loop), 'host', 1));
        await iterations(2);
        task.cancel();
        expect(await failure(task)).toBeInstanceOf(CancelledError);
      }),
    );
  });

  test(
    'NETARG-05 CONN-09 an error that is no OSError ends it at once, and the socket is closed',
    inLoop(async ({ loop }) => {
      using listener = listen();
      naming(loop, { host: [nobody(), addressOf(listener)] });
      const sockets: Socket[] = [];
      const odd = new RangeError('odd');
      loop.backend.connect = function* (_loop, socket) {
        sockets.push(socket);
        yield;
        throw odd;
      };
      expect(await failure(reached(loop, 'host', 1))).toBe(odd);
      expect(sockets.map(({ closed }) => closed)).toEqual([true]);
    }),
  );

  describe('localAddr', () => {
    test(
      'CONN-17 binds before connecting; it may be a name',
      inLoop(async ({ loop }) => {
        using listener = listen();
        const [, port] = nobody();
        const [, sockname] = await reached(loop, ...addressOf(listener), { localAddr: ['127.0.0.1', port] });
        expect(sockname).toEqual(['127.0.0.1', port]);
        const [, named] = await reached(loop, ...addressOf(listener), { localAddr: ['localhost', 0], family: AF_INET });
        expect((named as InetAddress)[0]).toBe('127.0.0.1');
      }),
    );

    test(
      'CONN-18 an address that cannot be had is an OSError with it',
      inLoop(async ({ loop }) => {
        using listener = listen();
        const taken = addressOf(listener);
        const error = await failure(reached(loop, ...taken, { localAddr: taken }));
        expect(error).toMatchObject({ code: 'EADDRINUSE', syscall: 'bind', address: '127.0.0.1', port: taken[1] });
        const other = await failure(reached(loop, ...taken, { localAddr: ['192.0.2.1', 0] }));
        expect(other).toMatchObject({ code: 'EADDRNOTAVAIL', address: '192.0.2.1' });
      }),
    );

    test(
      'CONN-18 of several each is tried; those of another family are passed over',
      inLoop(async ({ loop }) => {
        using listener = listen();
        const taken = addressOf(listener);
        const names = {
          local: [['::1', 0], taken, ['127.0.0.1', 0]] as InetAddress[],
          bad: [taken, ['192.0.2.1', 0]] as InetAddress[],
        };
        naming(loop, { ...names, six: [['::1', 0]] });
        const [peer, sockname] = await reached(loop, ...taken, { localAddr: ['local', 0] });
        expect([peer, (sockname as InetAddress)[0]]).toEqual([taken, '127.0.0.1']);
        const error = await failure(reached(loop, ...taken, { localAddr: ['bad', 0] }));
        expect(error.message).toMatch(
          /^Multiple exceptions: bind EADDRINUSE 127.*, bind EADDRNOTAVAIL 192\.0\.2\.1:0$/,
        );
        const none = await failure(reached(loop, ...taken, { localAddr: ['six', 0] }));
        expect(none.message).toContain('no local address of family');
      }),
    );
  });

  test(
    'HEB-15 CONN-05 only the connecting is raced: the handshake is with the one that won, and its failure is the end',
    inLoop(async ({ loop }) => {
      using silent = listen();
      using other = listen();
      naming(loop, { host: [addressOf(silent), addressOf(other)] });
      const start = loop.time();
      const options = { ssl: { ca }, serverHostname: 'localhost', happyEyeballsDelay: 0.01 };
      const task = loop.createTask(() => createConnection(loop, () => new Recorder(loop), 'host', 1, options));
      await until(() => loop.time() - start > 0.05); // five times the delay, in the middle of the handshake
      expect(() => other.accept()).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
      const [peer] = silent.accept({ nonblocking: true });
      peer.send(Buffer.from('this is no TLS, and long enough to be seen as such'));
      expect((await failure(task)).message).toMatch(/wrong version number|ERR_SSL/);
      expect(() => other.accept()).toThrow(expect.objectContaining({ code: 'EAGAIN' }));
      peer.close();
    }),
  );

  describe('happy eyeballs', () => {
    /** A loop whose connects end as the test says: `answers` by host. */
    class Plan {
      readonly begun: string[] = [];
      readonly pending = new Set<string>();

      constructor(
        readonly loop: TaskLoop<SelectorIo>,
        private readonly hosts: Record<string, { readonly after: number; readonly fails?: unknown }>,
      ) {
        loop.backend.connect = (_loop, _socket, address) => this.connectLater((address as InetAddress)[0]);
        naming(loop, { host: Object.keys(hosts).map((host) => [host, 1]) });
      }

      private *connectLater(host: string): CoroutineGenerator<void> {
        const { after, fails } = this.hosts[host]!;
        this.begun.push(host);
        this.pending.add(host);
        const done = this.loop.createFuture<void>();
        const timer = this.loop.callLater(after, () => done.setResult(undefined));
        try {
          yield* done;
        } finally {
          timer.cancel();
          this.pending.delete(host);
        }
        if (fails !== undefined) throw fails;
      }

      connect(options: ConnectionOptions): Operation<unknown> {
        return createConnection(this.loop, () => new Recorder(this.loop), 'host', 1, options);
      }
    }

    const refused = (text: string): OSError => Object.assign(new Error(text), { code: 'X' }) as never;
    const osError = (text: string): unknown => {
      // A real OSError: by the library's own way of making one.
      try {
        new Socket(77, 1);
      } catch (error) {
        (error as Error).message = text;
        return error;
      }
      throw refused(text);
    };

    test(
      'HEB-01 without a delay attempts are sequential',
      inLoop(async ({ loop }) => {
        const plan = new Plan(loop, { '10.0.0.1': { after: 60 }, '10.0.0.2': { after: 0 } });
        const error = await failure(waitFor(() => plan.connect({}), 0.05));
        expect([error.name, plan.begun, plan.pending.size]).toEqual(['TimeoutError', ['10.0.0.1'], 0]);
      }),
    );

    test(
      'HEB-02 HEB-03 the next attempt begins after the delay; the first to succeed wins, the others are closed',
      inLoop(async ({ loop }) => {
        const plan = new Plan(loop, {
          '10.0.0.1': { after: 60 },
          '10.0.0.2': { after: 0.01 },
          '10.0.0.3': { after: 0 },
        });
        const start = loop.time();
        const [transport] = (await plan.connect({ happyEyeballsDelay: 0.05 })) as [{ abort(): void }];
        expect(plan.begun).toEqual(['10.0.0.1', '10.0.0.2']);
        expect(loop.time() - start).toBeGreaterThanOrEqual(0.05);
        expect(plan.pending.size).toBe(0);
        transport.abort();
        await iterations(2);
      }),
    );

    test(
      'HEB-02 a failure begins the next one at once',
      inLoop(async ({ loop }) => {
        const plan = new Plan(loop, { '10.0.0.1': { after: 0, fails: osError('one') }, '10.0.0.2': { after: 0 } });
        const start = loop.time();
        const [transport] = (await plan.connect({ happyEyeballsDelay: 30 })) as [{ abort(): void }];
        expect(loop.time() - start).toBeLessThan(10);
        expect(plan.begun).toEqual(['10.0.0.1', '10.0.0.2']);
        transport.abort();
        await iterations(2);
      }),
    );

    test(
      'HEB-08 HEB-09 all fail: their errors in the order of their beginning',
      inLoop(async ({ loop }) => {
        const plan = new Plan(loop, {
          '10.0.0.1': { after: 0.02, fails: osError('one') },
          '10.0.0.2': { after: 0, fails: osError('two') },
        });
        const error = await failure(plan.connect({ happyEyeballsDelay: 0 }));
        expect(error.message).toBe('Multiple exceptions: one, two');
      }),
    );

    test(
      'HEB-14 an error that is no OSError counts as a failed attempt, and is raised if there is no other',
      inLoop(async ({ loop }) => {
        const odd = new TypeError('odd');
        const good = new Plan(loop, { '10.0.0.1': { after: 0, fails: odd }, '10.0.0.2': { after: 0 } });
        const [transport] = (await good.connect({ happyEyeballsDelay: 1 })) as [{ abort(): void }];
        transport.abort();
        await iterations(2);
        const bad = new Plan(loop, { '10.0.0.1': { after: 0, fails: odd } });
        expect(await failure(bad.connect({ happyEyeballsDelay: 1 }))).toBe(odd);
      }),
    );

    test(
      'HEB-10 cancelled, every attempt has ended and closed its socket',
      inLoop(async ({ loop }) => {
        const plan = new Plan(loop, {
          '10.0.0.1': { after: 60 },
          '10.0.0.2': { after: 60 },
          '10.0.0.3': { after: 60 },
        });
        const task = loop.createTask(() => plan.connect({ happyEyeballsDelay: 0 }));
        while (plan.begun.length < 3) await iterations(1);
        task.cancel();
        expect(await failure(task)).toBeInstanceOf(CancelledError);
        expect(plan.pending.size).toBe(0);
      }),
    );

    test(
      'HEB-05 HEB-07 NETARG-06 families alternate with a delay, or when asked to; interleave 0 keeps the order',
      inLoop(async ({ loop }) => {
        const hosts = ['::1', '::2', '127.0.0.1', '127.0.0.2'];
        const failing = Object.fromEntries(hosts.map((host) => [host, { after: 0, fails: osError(host) }]));
        const order = async (options: ConnectionOptions): Promise<string[]> => {
          const plan = new Plan(loop, failing);
          await failure(plan.connect(options));
          return plan.begun;
        };
        expect(await order({})).toEqual(hosts);
        const mixed = ['::1', '127.0.0.1', '::2', '127.0.0.2'];
        expect(await order({ happyEyeballsDelay: 0.01 })).toEqual(mixed);
        expect(await order({ interleave: 1 })).toEqual(mixed);
        expect(await order({ happyEyeballsDelay: 0.01, interleave: 0 })).toEqual(hosts);
        expect(await order({ interleave: 2 })).toEqual(['::1', '::2', '127.0.0.1', '127.0.0.2']);
      }),
    );

    kernelTest(
      'HEB-03 over real sockets: an address that does not answer is passed by',
      inLoop(async ({ loop }) => {
        using full = new Socket(AF_INET);
        full.bind(['127.0.0.1', 0]);
        full.listen(0);
        // A backlog that is full drops further attempts without an answer.
        const stuffing: Socket[] = [];
        for (let i = 0; i < 4; i++) {
          const socket = new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: true });
          socket.tryConnect(addressOf(full));
          stuffing.push(socket);
        }
        using listener = listen();
        naming(loop, { host: [addressOf(full), addressOf(listener)] });
        const [peer] = await reached(loop, 'host', 1, { happyEyeballsDelay: 0.05 });
        expect(peer).toEqual(addressOf(listener));
        for (const socket of stuffing) socket.close();
      }),
    );
  });
});

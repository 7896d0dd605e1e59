import { execFileSync } from 'node:child_process';

import type { GaiError } from '@tsyncio/core';
import { operation, sleep, TaskLoop, type Operation } from '@tsyncio/futures-tasks';
import * as socket from '@tsyncio/socket';
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  AI_CANONNAME,
  AI_NUMERICHOST,
  AI_PASSIVE,
  EAI_ADDRFAMILY,
  EAI_NONAME,
  EAI_SERVICE,
  ensureResolved,
  getaddrinfo,
  getnameinfo,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  NI_NAMEREQD,
  NI_NUMERICHOST,
  NI_NUMERICSERV,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_STREAM,
  type AddrInfo,
  type AddrInfoOptions,
  type HostAndPort,
} from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

const audit = leakAudit();

/** Runs `body` as a task of a loop without any I/O. */
async function inLoop<T>(body: (loop: TaskLoop) => Promise<T>): Promise<T> {
  const loop = new TaskLoop();
  try {
    return await loop.runUntilComplete(() => body(loop));
  } finally {
    loop.close();
  }
}

async function failure(promise: PromiseLike<unknown>): Promise<GaiError> {
  try {
    await promise;
  } catch (error) {
    return error as GaiError;
  }
  throw new Error('an error was expected');
}

const hasPython = ((): boolean => {
  try {
    execFileSync('python3', ['-c', 'import socket'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();
const testPython = hasPython ? test : test.skip;

describe('getaddrinfo', () => {
  test('DNS-01 NDNS-01 gives family, type, protocol, canonical name and address', () =>
    inLoop(async (loop) => {
      const found = await getaddrinfo(loop, 'localhost', 80, { type: SOCK_STREAM });
      expect(found.length).toBeGreaterThan(0);
      for (const [family, type, proto, canonname, [host, port]] of found) {
        expect([AF_INET, AF_INET6]).toContain(family);
        expect([type, proto, canonname]).toEqual([SOCK_STREAM, IPPROTO_TCP, '']);
        expect([['127.0.0.1', '::1'].includes(host as string), port]).toEqual([true, 80]);
      }
      const [[, , , canonname]] = (await getaddrinfo(loop, 'localhost', 0, { flags: AI_CANONNAME })) as [AddrInfo];
      expect(canonname.length).toBeGreaterThan(0);
    }));

  test('DNS-02 it runs off the thread: timers fire while it is in progress, and the loop turns', () =>
    inLoop(async (loop) => {
      const events: string[] = [];
      loop.callSoon(() => events.push('callback'));
      const lookup = getaddrinfo(loop, 'localhost', 80);
      expect(lookup.done()).toBe(false);
      await lookup;
      expect(events).toEqual(['callback']);
      // Many at once: the rest waits its turn, in order, and the loop is never blocked.
      const order: number[] = [];
      const all = Array.from({ length: 20 }, (_, i) =>
        loop.createTask(async () => {
          await getaddrinfo(loop, 'localhost', i);
          order.push(i);
        }),
      );
      let turns = 0;
      while (!all.every((task) => task.done())) {
        turns++;
        await sleep(0);
      }
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i));
      expect(turns).toBeGreaterThan(5);
    }));

  test('DNS-03 a numeric host without a type gives an entry for each type of socket, at once', () =>
    inLoop(async (loop) => {
      const lookup = getaddrinfo(loop, '127.0.0.1', 80);
      expect(lookup.done()).toBe(true);
      expect(await lookup).toEqual([
        [AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', 80]],
        [AF_INET, SOCK_DGRAM, IPPROTO_UDP, '', ['127.0.0.1', 80]],
        [AF_INET, SOCK_RAW, 0, '', ['127.0.0.1', 80]],
      ]);
      expect(await getaddrinfo(loop, '127.0.0.1', 80, { type: SOCK_DGRAM })).toEqual([
        [AF_INET, SOCK_DGRAM, IPPROTO_UDP, '', ['127.0.0.1', 80]],
      ]);
    }));

  test('DNS-04 ports are numbers, digits, names of services, or nothing', () =>
    inLoop(async (loop) => {
      const port = async (given: number | string | Uint8Array | null): Promise<unknown> =>
        (await getaddrinfo(loop, '127.0.0.1', given, { type: SOCK_STREAM }))[0]![4][1];
      expect([await port(80), await port('80'), await port('http'), await port(null)]).toEqual([80, 80, 80, 0]);
      expect(await port(Buffer.from('https'))).toBe(443);
    }));

  test('DNS-05 NDNS-03 no host with the passive flag gives the wildcard addresses', () =>
    inLoop(async (loop) => {
      const hosts = async (options: AddrInfoOptions): Promise<unknown[]> =>
        (await getaddrinfo(loop, null, 80, { type: SOCK_STREAM, ...options })).map(([, , , , address]) => address[0]);
      expect((await hosts({ flags: AI_PASSIVE })).sort()).toEqual(['0.0.0.0', '::']);
      expect((await hosts({})).sort()).toEqual(['127.0.0.1', '::1']);
    }));

  test('DNS-06 NDNS-01 addresses of IPv6 carry flow and scope', () =>
    inLoop(async (loop) => {
      const [info] = await getaddrinfo(loop, '::1', 80, { type: SOCK_STREAM });
      expect(info).toEqual([AF_INET6, SOCK_STREAM, IPPROTO_TCP, '', ['::1', 80, 0, 0]]);
      const [scoped] = await getaddrinfo(loop, 'fe80::1%lo', 80, { type: SOCK_STREAM });
      expect(scoped![4]).toEqual(['fe80::1', 80, 0, 1]);
    }));

  test.each([
    ['an unknown name', 'no such host.invalid', 80, {}, 'EAI_NONAME', EAI_NONAME],
    ['an unknown service', '127.0.0.1', 'no-such-service', { type: SOCK_STREAM }, 'EAI_SERVICE', EAI_SERVICE],
    ['a literal of another family', '127.0.0.1', 80, { family: AF_INET6 }, 'EAI_ADDRFAMILY', EAI_ADDRFAMILY],
    ['a name where a number must be', 'localhost', 80, { flags: AI_NUMERICHOST }, 'EAI_NONAME', EAI_NONAME],
    ['neither host nor port', null, null, {}, 'EAI_NONAME', EAI_NONAME],
  ] as const)('DNS-07 NDNS-02 %s is a GaiError with the resolver’s code', (_, host, port, options, code, errno) =>
    inLoop(async (loop) => {
      const error = await failure(getaddrinfo(loop, host, port, options));
      expect(error).toMatchObject({ name: 'GaiError', code, errno, syscall: 'getaddrinfo' });
      expect(error.message).toContain(`getaddrinfo ${code}`);
    }),
  );

  test('wrong arguments arrive through the operation and name what is wrong', () =>
    inLoop(async (loop) => {
      const call = (...args: unknown[]) => failure((getaddrinfo as (...all: unknown[]) => Operation)(loop, ...args));
      expect(await call(5, 80)).toMatchObject({ name: 'TypeError', message: expect.stringContaining('host') });
      expect(await call('localhost', {})).toMatchObject({
        name: 'TypeError',
        message: expect.stringContaining('port'),
      });
      expect(await call('localhost', 1.5)).toMatchObject({ name: 'ValueError' });
      // DNS-01: what Python takes by keyword is an option here.
      expect(await call('localhost', 80, AF_INET)).toMatchObject({ name: 'TypeError' });
      expect(await call('localhost', 80, { family: 'inet' })).toMatchObject({
        message: expect.stringContaining('family'),
      });
      expect(await call('local\0host', 80)).toMatchObject({
        name: 'TypeError',
        message: expect.stringContaining('NUL'),
      });
    }));

  test('cancelled, the wait ends at once; one that has not begun never does, and the others go on', () =>
    inLoop(async (loop) => {
      const tasks = Array.from({ length: 8 }, () => loop.createTask(() => getaddrinfo(loop, 'localhost', 80)));
      await sleep(0);
      for (const task of tasks.slice(0, 7)) task.cancel();
      await sleep(0);
      expect(tasks.map((task) => task.cancelled())).toEqual([...Array<boolean>(7).fill(true), false]);
      expect((await tasks[7]!).length).toBeGreaterThan(0);
    }));

  test('a loop that is closed meanwhile hears nothing of it; a closed loop looks up nothing', async () => {
    const loop = new TaskLoop();
    await loop.runUntilComplete(async () => {
      void loop.createTask(() => getaddrinfo(loop, 'localhost', 80));
      await sleep(0);
    });
    loop.close();
    expect(await failure(getaddrinfo(loop, '127.0.0.1', 80))).toMatchObject({ message: 'Event loop is closed' });
    expect(await failure(getnameinfo(loop, ['127.0.0.1', 80]))).toMatchObject({ message: 'Event loop is closed' });
    // Until those in the background have ended.
    await inLoop((other) => getaddrinfo(other, 'localhost', 80));
    audit.takeRecords();
  });

  test.each([
    ['DNS-09 NDNS-05 fast', 10, 'debug'],
    ['DNS-09 NDNS-05 slow', 0, 'info'],
  ])('%s ones are logged in debug mode, before and after', (_, slow, level) =>
    inLoop(async (loop) => {
      loop.setDebug(true);
      loop.slowCallbackDuration = 10;
      audit.takeRecords();
      loop.slowCallbackDuration = slow;
      await getaddrinfo(loop, 'localhost', 80, { type: SOCK_STREAM, proto: 0 });
      loop.slowCallbackDuration = 10;
      const records = audit.takeRecords().filter(({ message }) => /address info/.test(message));
      expect(records.map((record) => record.level)).toEqual(['debug', level]);
      expect(records[0]!.message).toBe(`Get address info localhost:80, type=${SOCK_STREAM}`);
      expect(records[1]!.message).toMatch(/^Getting address info localhost:80, type=1 took [0-9.]+ms: \[\[/);
    }),
  );

  testPython('the same lists as Python gives (skipped without python3)', () =>
    inLoop(async (loop) => {
      const cases: [string | null, number | string | null, AddrInfoOptions][] = [
        ['127.0.0.1', 80, {}],
        ['127.0.0.1', '80', { type: SOCK_DGRAM }],
        ['::1', 'http', { type: SOCK_STREAM }],
        ['127.0.0.1', 'http', {}],
        ['localhost', 80, { type: SOCK_STREAM }],
        ['localhost', 80, { family: AF_INET6 }],
        [null, 80, { flags: AI_PASSIVE }],
        [null, 'http', { type: SOCK_STREAM }],
        ['127.1', 80, { type: SOCK_STREAM }],
        ['0x7f.1', 80, { type: SOCK_STREAM }],
        ['::ffff:1.2.3.4', 80, { type: SOCK_STREAM }],
        ['127.0.0.1', 80, { proto: IPPROTO_UDP }],
        ['1.2.3', 80, { type: SOCK_STREAM }],
        ['127.0.0.1', 80, { family: AF_INET6 }],
        ['', 80, { type: SOCK_STREAM }],
        ['127.0.0.1', 'nope', { type: SOCK_STREAM }],
        ['127.0.0.1', 65_536, { type: SOCK_STREAM }],
        ['127.0.0.1', 80, { type: 77 }],
        ['127.0.0.1', 80, { family: 77 }],
      ];
      const program = `
import json, socket, sys
for host, port, o in json.loads(sys.argv[1]):
    try:
        print(json.dumps(socket.getaddrinfo(host, port, o.get('family', 0), o.get('type', 0), o.get('proto', 0), o.get('flags', 0))))
    except socket.gaierror as error:
        print(json.dumps(error.errno))`;
      const text = execFileSync('python3', ['-c', program, JSON.stringify(cases)], { encoding: 'utf8' });
      const python: unknown[] = text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
      const ours: unknown[] = [];
      for (const [host, port, options] of cases) {
        ours.push(await getaddrinfo(loop, host, port, options).catch((error: GaiError) => error.errno));
      }
      expect(ours).toEqual(python);
    }),
  );
});

describe('getnameinfo', () => {
  test('DNS-08 NDNS-04 gives host and service; numbers with the numeric flags', () =>
    inLoop(async (loop) => {
      const numeric = NI_NUMERICHOST | NI_NUMERICSERV;
      expect(await getnameinfo(loop, ['127.0.0.1', 80], numeric)).toEqual(['127.0.0.1', '80']);
      expect(await getnameinfo(loop, ['::1', 443, 0, 0], numeric)).toEqual(['::1', '443']);
      const [host, service] = await getnameinfo(loop, ['127.0.0.1', 80]);
      expect([host.length > 0, service]).toEqual([true, 'http']);
    }));

  test('DNS-07 NDNS-04 what cannot be told is a GaiError', () =>
    inLoop(async (loop) => {
      const error = await failure(getnameinfo(loop, ['localhost', 80]));
      expect(error).toMatchObject({ name: 'GaiError', code: 'EAI_NONAME', syscall: 'getnameinfo' });
      const nameless = await failure(getnameinfo(loop, ['127.77.77.77', 80], NI_NAMEREQD));
      expect(nameless.name).toBe('GaiError');
    }));

  test('wrong arguments', () =>
    inLoop(async (loop) => {
      const call = (...args: unknown[]) => failure((getnameinfo as (...all: unknown[]) => Operation)(loop, ...args));
      for (const bad of ['127.0.0.1', null, [], [5, 80], ['127.0.0.1', '80'], ['127.0.0.1', 80, 0]]) {
        expect(await call(bad)).toBeInstanceOf(TypeError);
      }
      expect(await call(['127.0.0.1', 80], 'x')).toBeInstanceOf(TypeError);
      expect(await call(['127.0.0.1', 70_000])).toMatchObject({ name: 'ValueError' });
    }));
});

describe('the short cut of connecting methods', () => {
  /** What `ensureResolved` gives, and whether the loop was asked. */
  async function resolved(address: HostAndPort, options: AddrInfoOptions = {}): Promise<[AddrInfo[], unknown[]]> {
    const loop = new TaskLoop();
    const asked: unknown[] = [];
    const answer: AddrInfo[] = [[AF_INET, SOCK_STREAM, IPPROTO_TCP, 'asked', ['9.9.9.9', 9]]];
    const asking = Object.assign(loop, {
      getaddrinfo: (...args: unknown[]) => {
        asked.push(args);
        return Promise.resolve(answer);
      },
    });
    try {
      const found = await loop.runUntilComplete(() =>
        operation(loop, ensureResolved(asking, address, { type: SOCK_STREAM, ...options })),
      );
      return [found, asked];
    } finally {
      loop.close();
    }
  }

  test.each([
    ['127.0.0.1', 80, {}, [AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', 80]]],
    ['127.0.0.1', 80, { type: SOCK_DGRAM }, [AF_INET, SOCK_DGRAM, IPPROTO_UDP, '', ['127.0.0.1', 80]]],
    ['::1', 80, { family: AF_INET6 }, [AF_INET6, SOCK_STREAM, IPPROTO_TCP, '', ['::1', 80, 0, 0]]],
    ['127.0.0.1', '80', { proto: IPPROTO_TCP }, [AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', 80]]],
    ['127.0.0.1', null, {}, [AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', 0]]],
    ['127.0.0.1', '', {}, [AF_INET, SOCK_STREAM, IPPROTO_TCP, '', ['127.0.0.1', 0]]],
    [Buffer.from('::1'), Buffer.from('80'), {}, [AF_INET6, SOCK_STREAM, IPPROTO_TCP, '', ['::1', 80, 0, 0]]],
  ] as const)('DNS-11 DNS-12 DNS-14 %s, port %j: nobody is asked', async (host, port, options, info) => {
    expect(await resolved([host, port], options)).toEqual([[info], []]);
  });

  test.each([
    ['::1', 80, {}],
    ['127.0.0.1', '80', { type: SOCK_DGRAM }],
  ] as const)('NDNS-06 NDNS-07 the protocol comes from the type (%s, %j)', async (host, port, options) => {
    const [[info], asked] = await resolved([host, port], options);
    expect([info![2], asked]).toEqual(['type' in options ? IPPROTO_UDP : IPPROTO_TCP, []]);
  });

  test('NDNS-09 DNS-12 flow and scope of an address are kept', async () => {
    const [[info]] = await resolved(['fe80::1', 80, 5, 7]);
    expect(info![4]).toEqual(['fe80::1', 80, 5, 7]);
  });

  test.each([
    ['a name', 'localhost', 80, {}],
    ['no host', null, 80, {}],
    ['an empty host', '', 80, {}],
    ['a raw socket', '127.0.0.1', 80, { type: SOCK_RAW }],
    ['no type', '127.0.0.1', 80, { type: 0 }],
    ['another protocol', '127.0.0.1', 80, { proto: IPPROTO_SCTP }],
    ['another family', '127.0.0.1', 80, { family: AF_INET6 }],
    ['a scope', 'fe80::1%lo', 80, {}],
    ['an incomplete literal', '1.2.3', 80, {}],
    ['a literal with zeros', '01.2.3.4', 80, {}],
    ['a service', '127.0.0.1', 'http', {}],
  ] as const)('DNS-13 NDNS-08 NDNS-07 %s: the loop is asked', async (_, host, port, options) => {
    const [[info], asked] = await resolved([host, port], options);
    expect(info![3]).toBe('asked');
    expect(asked).toEqual([[host, port, { family: AF_UNSPEC, type: SOCK_STREAM, proto: 0, flags: 0, ...options }]]);
  });

  test.each(['operation', 'future', 'promise', 'task'])('DNS-10 NDNS-10 an override may give an %s', async (kind) => {
    const loop = new TaskLoop();
    const answer: AddrInfo[] = [[AF_INET, SOCK_STREAM, IPPROTO_TCP, kind, ['9.9.9.9', 9]]];
    function* looking(): Generator<unknown, AddrInfo[], unknown> {
      yield;
      return answer;
    }
    const asking = Object.assign(loop, {
      getaddrinfo: () => {
        if (kind === 'operation') return operation(loop, looking());
        if (kind === 'task') return loop.createTask(looking());
        if (kind === 'promise') return Promise.resolve(answer);
        const future = loop.createFuture<AddrInfo[]>();
        loop.callSoon(() => future.setResult(answer));
        return future;
      },
    });
    const found = await loop.runUntilComplete(() => operation(loop, ensureResolved(asking, ['name', 1], {})));
    loop.close();
    expect(found).toBe(answer);
  });

  test('a loop without a method of its own uses the function', () =>
    inLoop(async (loop) => {
      const found = await operation(loop, ensureResolved(loop, ['localhost', 'http'], { type: SOCK_STREAM }));
      expect(found[0]![4][1]).toBe(80);
    }));
});

test('flags and codes have the names of netdb.h', () => {
  const names = Object.keys(socket).filter((name) => /^(AI|NI|EAI)_/.test(name));
  expect(names).toHaveLength(24);
});

import { closeSync } from 'node:fs';

import { NodeHost } from '@tsyncio/core';
import { AF_UNIX, setDescriptorDebug, SOCK_STREAM, Socket, socketpair } from '@tsyncio/socket';
import {
  collectGarbage,
  type CompiledPackages,
  compilePackages,
  leakAudit,
  quiet,
  runProgram,
} from '@tsyncio/test-support';

import { descriptorDebug } from '../src/ownership.js';
import { thrown } from './support/errors.js';

const audit = leakAudit();

let warnings: [message: string, category: string][];
let spy: jest.SpyInstance;
beforeEach(() => {
  warnings = [];
  spy = jest.spyOn(NodeHost.prototype, 'warn').mockImplementation((...warning) => void warnings.push(warning));
  setDescriptorDebug(true);
});
afterEach(() => {
  setDescriptorDebug(false);
  spy.mockRestore();
});

/** The only record that was logged: its lines. */
function record(): string[] {
  const records = audit.takeRecords();
  expect(records.map(({ level }) => level)).toEqual(['error']);
  return records[0]!.message.split('\n');
}

/** Opens a socket under a name that shows in a stack. */
function culprit(): Socket {
  return new Socket();
}

/** Tells when objects have been collected. */
class Collected {
  private waiting = 0;
  private readonly registry = new FinalizationRegistry(() => this.waiting--);

  watch(object: object): void {
    this.waiting++;
    this.registry.register(object, null);
  }

  /** Waits for all of them, and until other finalizers have run too. */
  async all(): Promise<void> {
    expect(await collectGarbage(() => this.waiting === 0)).toBe(true);
    await quiet();
  }
}

describe('a descriptor that somebody else has closed', () => {
  test('is reported when its socket is closed, with where that was opened', () => {
    const socket = culprit();
    const fd = socket.fileno();
    closeSync(fd);
    expect(thrown(() => socket.close())).toMatchObject({ code: 'EBADF', syscall: 'close' });
    const lines = record();
    expect(lines.slice(0, 2)).toEqual([
      `descriptor ${fd} was closed already when its socket was: somebody else closed it`,
      'It was opened at (most recent call last):',
    ]);
    expect(lines.at(-1)).toMatch(/^ {2}at culprit \(.*ownership\.test\.ts:\d+:\d+\)$/);
    socket.close();
  });

  test('also by a second owner of the number', () => {
    const socket = culprit();
    const second = new Socket(socket.family, socket.type, 0, { fileno: socket.fileno() });
    expect(record()[0]).toMatch(/or two sockets were made of it$/);
    socket.close();
    expect(thrown(() => second.close())).toMatchObject({ code: 'EBADF' });
    expect(record()[0]).toMatch(/was closed already/);
  });

  test('is reported without a place if the debug mode was off then', () => {
    setDescriptorDebug(false);
    const socket = culprit();
    setDescriptorDebug(true);
    closeSync(socket.fileno());
    expect(thrown(() => socket.close())).toMatchObject({ code: 'EBADF' });
    expect(record()).toHaveLength(1);
  });

  test.each<[string, (other: Socket) => Socket]>([
    ['new Socket', () => new Socket()],
    [
      'socketpair',
      () => {
        const [a, b] = socketpair();
        b.close();
        return a;
      },
    ],
    ['Socket.dup', (other) => other.dup()],
  ])('is reported when its number comes back: %s', (way, open) => {
    const other = culprit();
    const lost = culprit();
    const fd = lost.fileno();
    closeSync(fd);
    const next = open(other);
    expect(next.fileno()).toBe(fd);
    const lines = record();
    expect(lines.slice(0, 2)).toEqual([
      `descriptor ${fd} belongs to a new socket while one that has it is still open: somebody else closed it, ` +
        'or two sockets were made of it',
      'It was opened at (most recent call last):',
    ]);
    const heading = lines.indexOf('The new socket was opened at (most recent call last):');
    expect(lines[heading - 1]).toMatch(/^ {2}at culprit \(.*ownership\.test\.ts/);
    expect(lines.slice(heading).join('\n')).toMatch(/ownership\.test\.ts/);
    if (way !== 'new Socket') expect(lines.at(-1)).toMatch(new RegExp(`^  at ${way} \\(.*socket\\.ts`));
    // It is the other one's now: closing the lost one would take it away.
    lost.detach();
    next.close();
    other.close();
    expect(audit.takeRecords()).toEqual([]);
  });
});

describe('a socket that is collected without having been closed', () => {
  test('is reported with where it was opened', async () => {
    const fds = ((): number[] => [culprit().fileno(), socketpair()[0].fileno()])();
    const all = await collectGarbage(() => warnings.length === 3);
    expect(all).toBe(true);
    const messages = new Map(warnings.map(([message, category]) => [message.split('\n')[0]!, { message, category }]));
    const { message, category } = messages.get(`unclosed socket, descriptor ${fds[0]!}`)!;
    expect(category).toBe('ResourceWarning');
    expect(message).toMatch(
      /\nIt was opened at \(most recent call last\):\n[^]* at culprit \(.*ownership\.test\.ts:\d+:\d+\)$/,
    );
    expect(messages.get(`unclosed socket, descriptor ${fds[1]!}`)!.message).toMatch(/ at socketpair \(.*socket\.ts/);
    // It stays open, and its number may get a new socket.
    closeSync(fds[0]!);
    closeSync(fds[1]!);
    const others = warnings
      .map(([text]) => Number(/descriptor (\d+)/.exec(text)![1]))
      .filter((fd) => !fds.includes(fd));
    others.forEach((fd) => closeSync(fd));
    culprit().close();
  });

  test('not if the debug mode was turned off since', async () => {
    const collected = new Collected();
    const fd = ((): number => {
      const socket = culprit();
      collected.watch(socket);
      return socket.fileno();
    })();
    setDescriptorDebug(false);
    setDescriptorDebug(true);
    await collected.all();
    expect(warnings).toEqual([]);
    closeSync(fd);
  });
});

test('what is right is not reported', async () => {
  const collected = new Collected();
  (() => {
    const used: Socket[] = [];
    const server = culprit();
    server.bind(['127.0.0.1', 0]);
    server.listen();
    const client = culprit();
    client.connect(server.getsockname());
    const [accepted] = server.accept();
    server.setblocking(false);
    const second = culprit();
    second.connect(server.getsockname());
    const tried = server.tryAccept() as Socket;
    used.push(server, client, accepted, second, tried, client.dup(), ...socketpair(AF_UNIX, SOCK_STREAM));
    for (const socket of used) {
      socket.close();
      socket.close(); // twice is nothing
    }
    // The same numbers again, in every way.
    const detached = culprit();
    const taken = Socket.fromFd(detached.detach());
    detached.close();
    const again = new Socket(taken.family, taken.type, taken.proto, { fileno: taken.detach() });
    closeSync(again.detach()); // another owner may do that
    {
      using scoped = culprit();
      used.push(scoped);
    }
    expect(thrown(() => new Socket(99))).toMatchObject({ code: 'EAFNOSUPPORT' });
    used.push(detached, taken, again);
    used.forEach((socket) => collected.watch(socket));
  })();
  await collected.all();
  expect(warnings).toEqual([]);
  expect(audit.takeRecords()).toEqual([]);
});

test('off, nothing is reported', () => {
  setDescriptorDebug(false);
  expect(descriptorDebug()).toBe(false);
  const socket = culprit();
  closeSync(socket.fileno());
  const next = culprit();
  expect(next.fileno()).toBe(socket.fileno());
  socket.close();
  expect(thrown(() => next.close())).toMatchObject({ code: 'EBADF' });
  expect(audit.takeRecords()).toEqual([]);
  expect(thrown(() => setDescriptorDebug('on' as never)).message).toBe('enabled must be a boolean, not string');
});

describe('the environment', () => {
  let packages: CompiledPackages;
  beforeAll(() => {
    packages = compilePackages('core', 'futures-tasks', 'socket');
  });
  afterAll(() => packages.remove());

  test.each<[string, Record<string, string>, RegExp]>([
    [
      'TSYNCIO_DEBUG',
      { TSYNCIO_DEBUG: '1' },
      /^\(node:\d+\) ResourceWarning: unclosed socket, descriptor \d+\nIt was [^]* at forget \(/,
    ],
    ['PYTHONASYNCIODEBUG', { PYTHONASYNCIODEBUG: '0' }, /ResourceWarning: unclosed socket/],
    ['neither', {}, /^$/],
  ])('%s', async (_title, env, warned) => {
    const { stderr, status } = await runProgram(
      `const { Socket } = require('@tsyncio/socket');
      function forget() { new Socket(); }
      forget();
      let rounds = 0;
      (function collect() { gc(); if (rounds++ < 20) setImmediate(collect); })();`,
      { cwd: packages.folder, type: 'commonjs', env, nodeOptions: ['--expose-gc'] },
    );
    expect(status).toBe(0);
    expect(stderr).toMatch(warned);
  });
});

import { openSync, closeSync } from 'node:fs';

import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  addReader,
  addWriter,
  DefaultSelector,
  EVENT_READ,
  EVENT_WRITE,
  removeReader,
  removeWriter,
  SelectorIo,
  SelectSelector,
} from '@tsyncio/selector-io';
import { AF_INET, type Address, SO_ERROR, SOCK_STREAM, SOL_SOCKET, Socket, socketpair } from '@tsyncio/socket';
import { E } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';
import { countWakeUps } from '@tsyncio/test-support/loops/wake-ups';

import { thrown } from './support/errors.js';

leakAudit();

const BOTH = EVENT_READ | EVENT_WRITE;
/** Iterations and wake-ups of a loop that sleeps in between; what spins makes thousands. */
const FEW = 50;
const bytes = Buffer.from('x');

/** An address where nobody listens. */
function nobody(): Address {
  using socket = new Socket(AF_INET, SOCK_STREAM);
  socket.bind(['127.0.0.1', 0]);
  return socket.getsockname();
}

test('SEL-36 it is the default', () => {
  expect(DefaultSelector).toBe(SelectSelector);
});

test('SEL-34 512 sockets for each direction; the next one is a ValueError when it is registered', () => {
  using selector = new SelectSelector();
  const [first, peer] = socketpair();
  const sockets: Socket[] = [first];
  while (sockets.length < 513) sockets.push(first.dup());
  const last = sockets.at(-1)!;
  for (const socket of sockets.slice(0, 512)) selector.register(socket, EVENT_READ);
  const refused = { name: 'ValueError', message: 'too many sockets for select(): FD_SETSIZE is 512' };
  expect(thrown(() => selector.register(last, EVENT_READ))).toMatchObject(refused);
  expect(thrown(() => selector.getKey(last)).name).toBe('ValueError');
  expect(selector.select(0)).toEqual([]);

  selector.register(last, EVENT_WRITE); // the other direction
  expect(thrown(() => selector.modify(last, BOTH))).toMatchObject(refused);
  expect(selector.getMap()!.has(last)).toBe(false);
  peer.send(bytes);
  expect(selector.select(1).map(([key, events]) => [key.fileobj, events])).toEqual(
    sockets.slice(0, 512).map((socket) => [socket, EVENT_READ]),
  );
  selector.unregister(first);
  selector.register(last, EVENT_READ);
  expect(selector.select(0)).toHaveLength(512);
  for (const socket of [...sockets, peer]) socket.close();
});

test('SEL-37 a connect that failed makes its socket writable', () => {
  using selector = new SelectSelector();
  using socket = new Socket(AF_INET, SOCK_STREAM, 0, { nonblocking: true });
  expect(socket.tryConnect(nobody())).toBe(-E.EINPROGRESS);
  const key = selector.register(socket, EVENT_WRITE);
  expect(selector.select(10)).toEqual([[key, EVENT_WRITE]]);
  expect(socket.getsockopt(SOL_SOCKET, SO_ERROR)).toBe(E.ECONNREFUSED);
});

test('SEL-37 empty sets are a sleep', () => {
  using selector = new SelectSelector();
  const start = performance.now();
  expect(selector.select(0.05)).toEqual([]);
  expect(performance.now() - start).toBeGreaterThanOrEqual(50);
});

test('SEL-08 what is no socket is refused: ENOTSOCK, and nothing is registered', () => {
  using selector = new SelectSelector();
  const file = openSync(__filename, 'r');
  expect(thrown(() => selector.register(file, EVENT_READ))).toMatchObject({ code: 'ENOTSOCK', syscall: 'select' });
  expect(selector.getMap()!.size).toBe(0);
  expect(selector.select(0)).toEqual([]);
  closeSync(file);
});

test('SEL-09 a socket closed behind its back makes every select fail, until it is unregistered', () => {
  using selector = new SelectSelector();
  const [a, b] = socketpair();
  selector.register(a, EVENT_READ);
  selector.register(b, EVENT_WRITE);
  a.close();
  for (let i = 0; i < 2; i++) {
    expect(thrown(() => selector.select(0))).toMatchObject({ name: 'OSError', code: 'ENOTSOCK', syscall: 'select' });
  }
  selector.unregister(a);
  expect(selector.select(0)).toHaveLength(1);
  b.close();
});

describe('a loop over it', () => {
  let loop: TaskLoop<SelectorIo>;
  let a: Socket;
  let b: Socket;
  let polls: jest.SpyInstance;
  let wakeUps: () => number;

  beforeEach(() => {
    loop = new TaskLoop({ backend: new SelectorIo() });
    polls = jest.spyOn(loop.backend, 'poll');
    wakeUps = countWakeUps();
    [a, b] = socketpair(undefined, undefined, 0, { nonblocking: true });
  });

  afterEach(() => {
    jest.restoreAllMocks();
    loop.close();
    a.close();
    b.close();
  });

  /** Runs the loop until it is stopped; gives back how many iterations and wake-ups that took. */
  async function effort(): Promise<number> {
    await loop.runForever();
    return polls.mock.calls.length + wakeUps();
  }

  const later = (action: () => void): void => void setTimeout(action, 20);

  test('sleeps until a socket is readable, writable, or both', async () => {
    const seen: string[] = [];
    addReader(loop, a, () => {
      seen.push(String(a.recv(10)));
      if (seen.length === 3) loop.stop();
      else
        later(() => {
          if (seen.length === 1)
            addWriter(loop, a, () => void (removeWriter(loop, a) && seen.push('w') && later(send)));
          else send();
        });
    });
    const send = (): void => void b.send(bytes);
    later(send);
    expect(await effort()).toBeLessThan(FEW);
    expect(seen).toEqual(['x', 'w', 'x']);
  });

  test('what was asked for and is asked for no more wakes nobody', async () => {
    addReader(loop, a, () => undefined);
    addWriter(loop, b, () => void removeWriter(loop, b));
    later(() => {
      removeReader(loop, a);
      b.send(bytes);
      later(() => loop.stop());
    });
    // Nothing is watched any more; a timer keeps it running.
    loop.callLater(10, () => undefined);
    expect(await effort()).toBeLessThan(FEW);
  });

  test('sleeps through what it was told once and nobody takes, while it is busy with something else', async () => {
    addReader(loop, a, () => void removeReader(loop, a));
    b.send(bytes);
    loop.callLater(0.1, () => loop.stop());
    expect(await effort()).toBeLessThan(FEW);
  });

  test('a socket that becomes another one in between is watched like any', async () => {
    addReader(loop, a, () => undefined);
    later(() => {
      removeReader(loop, a);
      a.close();
      b.close();
      [a, b] = socketpair();
      addReader(loop, a, () => loop.stop());
      later(() => b.send(bytes));
    });
    expect(await effort()).toBeLessThan(FEW);
  });

  test('READER-16 a socket that is closed while it is watched ends the run: ENOTSOCK', async () => {
    addReader(loop, a, () => undefined);
    later(() => {
      a.close();
      loop.callSoonThreadsafe(() => undefined);
    });
    await expect(loop.runForever()).rejects.toMatchObject({ code: 'ENOTSOCK', syscall: 'select' });
    removeReader(loop, a);
  });

  test('watched, a blocking socket becomes non-blocking, and says so', async () => {
    const [c, d] = socketpair();
    expect(c.getblocking()).toBe(true);
    addReader(loop, c, () => loop.stop());
    later(() => d.send(bytes));
    await loop.runForever();
    expect(c.getblocking()).toBe(false);
    removeReader(loop, c);
    c.close();
    d.close();
  });

  test('many sockets', async () => {
    const pairs = Array.from({ length: 100 }, () => socketpair(undefined, undefined, 0, { nonblocking: true }));
    let count = 0;
    for (const [reader] of pairs) {
      addReader(loop, reader, () => {
        reader.recv(1);
        removeReader(loop, reader);
        if (++count === pairs.length) loop.stop();
      });
    }
    later(() => {
      for (const [, writer] of pairs) writer.send(bytes);
    });
    await loop.runForever();
    expect(count).toBe(100);
    for (const pair of pairs) for (const each of pair) each.close();
  });
});

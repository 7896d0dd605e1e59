import { closeSync, openSync, readFileSync } from 'node:fs';

import { EpollSelector, EVENT_READ, EVENT_WRITE } from '@tsyncio/selector-io';
import { type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';

const BOTH = EVENT_READ | EVENT_WRITE;
let selector: EpollSelector;
let a: Socket;
let b: Socket;

beforeEach(() => {
  selector = new EpollSelector();
  [a, b] = socketpair();
});

afterEach(() => {
  selector.close();
  a.close();
  b.close();
});

leakAudit();

test('SEL-07 regular files and closed descriptors are refused by the kernel, and leave no key', () => {
  const file = openSync(__filename, 'r');
  const refused = { name: 'PermissionError', code: 'EPERM', syscall: 'epoll_ctl' };
  expect(thrown(() => selector.register(file, EVENT_READ))).toMatchObject(refused);
  expect(thrown(() => selector.getKey(file)).name).toBe('ValueError');
  closeSync(file);
  expect(thrown(() => selector.register(file, EVENT_READ))).toMatchObject({ code: 'EBADF', syscall: 'epoll_ctl' });
  expect(selector.getMap()!.size).toBe(0);
});

test('SEL-09 a descriptor closed behind its back is not reported', () => {
  selector.register(a, EVENT_WRITE);
  expect(selector.select(0)).toHaveLength(1);
  a.close();
  expect(selector.select(0)).toEqual([]);
});

test('SEL-15 if the kernel refuses a modification, the descriptor is unregistered', () => {
  const fd = a.fileno();
  selector.register(fd, EVENT_READ);
  a.close();
  expect(thrown(() => selector.modify(fd, BOTH))).toMatchObject({ code: 'EBADF', syscall: 'epoll_ctl' });
  expect(thrown(() => selector.getKey(fd)).name).toBe('ValueError');
});

test('SEL-32 an event for a descriptor that is not in the map is dropped', () => {
  const copy = a.dup();
  const fd = a.fileno();
  selector.register(fd, EVENT_READ);
  a.close(); // the kernel still reports it, because the copy keeps it open
  b.send(Buffer.from('x'));
  expect(selector.select(0)).toHaveLength(1);
  selector.unregister(fd);
  expect(selector.select(0)).toEqual([]);
  copy.close();
});

test('SEL-33 its descriptor is there before anything is registered, and is closed with it', () => {
  const fd = selector.fileno();
  expect(fd).toBeGreaterThan(2);
  expect(selector.fileno()).toBe(fd);
  expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\s+02000002/); // close-on-exec
  selector.close();
  expect(thrown(() => readFileSync(`/proc/self/fdinfo/${fd}`))).toMatchObject({ code: 'ENOENT' });
  expect(thrown(() => selector.fileno()).name).toBe('ValueError');
});

test('SEL-34 more than 1024 at once', () => {
  const sockets = Array.from({ length: 700 }, () => socketpair()).flat();
  for (const socket of sockets) selector.register(socket, EVENT_WRITE);
  expect(selector.select(0)).toHaveLength(1400);
  for (const socket of sockets) socket.close();
  expect(selector.select(0)).toEqual([]);
}, 30_000);

const room = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
const testMany = room >= 10_500 ? test : test.skip;
testMany(
  `with 10,000 descriptors and one of them ready, it sees one event, by one call (${room} allowed)`,
  () => {
    class Counted extends EpollSelector {
      readonly results: number[] = [];
      protected override wait(seconds: number): number {
        const ready = super.wait(seconds);
        this.results.push(ready);
        return ready;
      }
    }
    const many = new Counted();
    const sockets = Array.from({ length: 5000 }, () => socketpair()).flat();
    for (const socket of sockets) many.register(socket, EVENT_READ);
    sockets[4242]!.send(Buffer.from('x'));
    const visited: unknown[] = [];
    for (const timeout of [0, null, 1]) many.harvest(timeout, (key) => visited.push(key.fileobj));
    expect(visited.every((file) => file === sockets[4243])).toBe(true);
    expect(visited).toHaveLength(3);
    expect(many.results).toEqual([1, 1, 1]);
    many.close();
    for (const socket of sockets) socket.close();
  },
  30_000,
);

import { closeSync, openSync } from 'node:fs';

import { DefaultSelector, EpollSelector, EVENT_READ, EVENT_WRITE, SelectorKey } from '@tsyncio/selector-io';
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

const bytes = Buffer.from('x');

describe('EpollSelector registers', () => {
  test('SEL-01 SEL-02 an integer or an object, with a mask and data', () => {
    expect([EVENT_READ, EVENT_WRITE]).toEqual([1, 2]);
    const data = { any: 'thing' };
    const key = selector.register(a, BOTH, data);
    expect([key.fileobj, key.fd, key.events, key.data]).toEqual([a, a.fileno(), 3, data]);
    expect(key.fileobj).toBe(a);
    const other = selector.register(b.fileno(), EVENT_READ);
    expect([other.fileobj, other.fd, other.data]).toEqual([b.fileno(), b.fileno(), null]);
  });

  test('SEL-03 a key is an immutable record', () => {
    const key = selector.register(a.fileno(), EVENT_READ);
    expect(Object.keys(key)).toEqual(['fileobj', 'fd', 'events', 'data']);
    expect(key).toEqual(new SelectorKey(a.fileno(), a.fileno(), EVENT_READ, null));
    expect(() => Object.assign(key, { fd: 1 })).toThrow(TypeError);
  });

  test.each([0, 4, 5, -1, 1.5, NaN])('SEL-04 a mask of %p is refused', (events) => {
    expect(thrown(() => selector.register(a, events)).name).toBe('ValueError');
    expect(selector.getMap()!.size).toBe(0);
  });

  test('SEL-04 a mask that is no number is refused', () => {
    expect(() => selector.register(a, 'read' as never)).toThrow(/events must be a number, not string/);
  });

  test.each([-1, 1.5, 'x', null, {}, { fileno: 3 }])('SEL-05 %p is no descriptor', (file) => {
    expect(thrown(() => selector.register(file as never, EVENT_READ)).name).toBe('ValueError');
    expect(selector.getMap()!.size).toBe(0);
  });

  test('SEL-06 a descriptor once only', () => {
    const key = selector.register(a, EVENT_READ);
    for (const file of [a, a.fileno(), { fileno: () => a.fileno() }]) {
      expect(thrown(() => selector.register(file, EVENT_WRITE)).message).toBe(
        `descriptor ${a.fileno()} is already registered`,
      );
    }
    expect(selector.getKey(a)).toBe(key);
  });

  test('SEL-07 what the kernel refuses leaves no key', () => {
    const file = openSync(__filename, 'r');
    expect(thrown(() => selector.register(file, EVENT_READ))).toMatchObject({
      name: 'PermissionError',
      code: 'EPERM',
      syscall: 'epoll_ctl',
    });
    expect(thrown(() => selector.getKey(file)).name).toBe('ValueError');
    closeSync(file);
    expect(thrown(() => selector.register(file, EVENT_READ))).toMatchObject({ code: 'EBADF' });
    expect(selector.getMap()!.size).toBe(0);
  });
});

describe('EpollSelector unregisters', () => {
  test('SEL-10 once, and the descriptor can be registered again', () => {
    const key = selector.register(a, EVENT_READ);
    expect(selector.unregister(a)).toBe(key);
    expect(thrown(() => selector.unregister(a)).name).toBe('ValueError');
    expect(thrown(() => selector.unregister(999)).name).toBe('ValueError');
    selector.register(a, EVENT_READ);
  });

  test('SEL-11 SEL-12 what is closed, by number or by identity', () => {
    const fd = a.fileno();
    selector.register(a, EVENT_READ);
    a.close();
    expect(selector.getMap()!.has(a)).toBe(true);
    expect(selector.getKey(a).fd).toBe(fd);
    expect(selector.unregister(a).fd).toBe(fd);
    expect(thrown(() => selector.unregister(a)).name).toBe('ValueError');
    selector.register(b, EVENT_READ);
    const number = b.fileno();
    b.close();
    const [c, d] = socketpair(); // one of them has the number now
    expect([c.fileno(), d.fileno()]).toContain(number);
    expect(selector.unregister(number).fileobj).toBe(b);
    c.close();
    d.close();
  });

  test('SEL-09 a descriptor closed behind its back is not reported', () => {
    selector.register(a, EVENT_WRITE);
    expect(selector.select(0)).toHaveLength(1);
    a.close();
    expect(selector.select(0)).toEqual([]);
  });
});

describe('EpollSelector modifies', () => {
  test('SEL-13 data left out becomes null; unknown is refused', () => {
    selector.register(a, EVENT_READ, 'data');
    const key = selector.modify(a, EVENT_WRITE);
    expect([key.events, key.data]).toEqual([EVENT_WRITE, null]);
    expect(selector.getKey(a)).toBe(key);
    expect(selector.select(0).map(([k, mask]) => [k, mask])).toEqual([[key, EVENT_WRITE]]);
    expect(thrown(() => selector.modify(b, EVENT_READ)).name).toBe('ValueError');
  });

  test('SEL-14 data alone makes no system call; nothing changed gives the same key', () => {
    const key = selector.register(a, EVENT_READ, 1);
    expect(selector.modify(a, EVENT_READ, 1)).toBe(key);
    closeSync(a.fileno()); // a system call would fail now
    expect(selector.modify(a, EVENT_READ, 2).data).toBe(2);
    expect(selector.getKey(a).data).toBe(2);
    a.detach();
  });

  test('SEL-15 if the kernel refuses, the descriptor is unregistered', () => {
    const fd = a.fileno();
    selector.register(fd, EVENT_READ);
    a.close();
    expect(thrown(() => selector.modify(fd, BOTH))).toMatchObject({ code: 'EBADF', syscall: 'epoll_ctl' });
    expect(thrown(() => selector.getKey(fd)).name).toBe('ValueError');
  });

  test('SEL-16 the object first registered stays in the key', () => {
    selector.register(a, EVENT_READ);
    expect(selector.modify(a.fileno(), EVENT_WRITE).fileobj).toBe(a);
  });

  test('SEL-17 a wrong mask is refused and the registration kept', () => {
    const key = selector.register(a, EVENT_READ);
    expect(thrown(() => selector.modify(a, 8)).name).toBe('ValueError');
    expect(selector.getKey(a)).toBe(key);
  });
});

describe('EpollSelector tells what it knows', () => {
  test('SEL-18 getKey', () => {
    const key = selector.register(a, EVENT_READ);
    expect(selector.getKey(a.fileno())).toBe(key);
    expect(thrown(() => selector.getKey(b)).name).toBe('ValueError');
    selector.close();
    expect(thrown(() => selector.getKey(a)).name).toBe('RuntimeError');
  });

  test('SEL-19 the map is live and read-only', () => {
    const map = selector.getMap()!;
    expect(map).toBe(selector.getMap());
    const second = selector.register(b, EVENT_READ);
    const first = selector.register(a, EVENT_READ);
    expect(map.size).toBe(2);
    expect([...map]).toEqual([b.fileno(), a.fileno()]);
    expect([...map.keys()]).toEqual([b.fileno(), a.fileno()]);
    expect([...map.values()]).toEqual([second, first]);
    expect([...map.entries()]).toEqual([
      [b.fileno(), second],
      [a.fileno(), first],
    ]);
    expect([map.has(a), map.has(a.fileno()), map.has(999)]).toEqual([true, true, false]);
    expect(map.get(a)).toBe(first);
    expect(thrown(() => map.get(999)).name).toBe('ValueError');
    expect('set' in map || 'delete' in map).toBe(false);
    selector.unregister(b);
    expect(map.size).toBe(1);
  });

  test('SEL-20 SEL-21 close, twice, and everything after it', () => {
    const map = selector.getMap()!;
    selector.register(a, EVENT_READ);
    selector.close();
    selector.close();
    expect(selector.getMap()).toBeNull();
    expect(map.size).toBe(0);
    expect(thrown(() => map.get(a)).name).toBe('ValueError');
    const calls = [
      () => selector.register(a, EVENT_READ),
      () => selector.unregister(a),
      () => selector.modify(a, EVENT_READ),
      () => selector.select(0),
      () => selector.fileno(),
    ];
    for (const call of calls)
      expect(thrown(call)).toMatchObject({ name: 'ValueError', message: 'the selector is closed' });
  });

  test('SEL-22 it is disposable', () => {
    using inner = new EpollSelector();
    inner.register(a, EVENT_READ);
  });

  test('SEL-33 SEL-36 the descriptor, and the default', () => {
    expect(selector.fileno()).toBeGreaterThan(2);
    expect(selector.fileno()).toBe(selector.fileno());
    expect(new DefaultSelector()).toBeInstanceOf(EpollSelector);
  });

  test('one that was never used holds nothing', () => {
    const unused = new EpollSelector();
    expect(unused.getMap()!.size).toBe(0);
    unused.close();
  });
});

describe('EpollSelector selects', () => {
  test('SEL-23 SEL-31 what is ready and asked for, as long as it is', () => {
    const key = selector.register(a, EVENT_READ);
    expect(selector.select(0)).toEqual([]);
    b.send(bytes);
    for (let i = 0; i < 3; i++) expect(selector.select()).toEqual([[key, EVENT_READ]]);
    a.recv(1);
    expect(selector.select(0)).toEqual([]);
  });

  test('SEL-24 SEL-25 a timeout is waited for, and never ends early', () => {
    selector.register(a, EVENT_READ);
    const timed = (timeout: number): number => {
      const start = performance.now();
      expect(selector.select(timeout)).toEqual([]);
      return performance.now() - start;
    };
    expect(timed(0)).toBeLessThan(50);
    expect(timed(-5)).toBeLessThan(50);
    expect(timed(0.0001)).toBeGreaterThanOrEqual(1);
    expect(timed(0.1)).toBeGreaterThanOrEqual(100);
  });

  test('SEL-24 a timeout of a wrong type or NaN', () => {
    expect(() => selector.select('1' as never)).toThrow(/timeout must be a number of seconds or null, not string/);
    expect(() => selector.select(NaN)).toThrow(/NaN/);
  });

  test('SEL-26 nothing registered', () => {
    expect(selector.select(0)).toEqual([]);
    expect(selector.select(0.001)).toEqual([]);
  });

  test('SEL-28 both directions are one result', () => {
    b.send(bytes);
    const key = selector.register(a, BOTH);
    expect(selector.select()).toEqual([[key, BOTH]]);
  });

  test.each([EVENT_READ, EVENT_WRITE, BOTH])('SEL-29 SEL-30 hang-up counts as both, cut down to %d', (events) => {
    const key = selector.register(a, events);
    b.close();
    expect(selector.select(0)).toEqual([[key, events]]);
  });

  test('SEL-32 an event for a descriptor that is not in the map is dropped', () => {
    const copy = a.dup();
    const fd = a.fileno();
    selector.register(fd, EVENT_READ);
    a.close(); // the kernel still reports it, because the copy keeps it open
    b.send(bytes);
    expect(selector.select(0)).toHaveLength(1);
    selector.unregister(fd);
    expect(selector.select(0)).toEqual([]);
    copy.close();
  });

  test('SEL-34 more than 1024 at once', () => {
    const pairs: [Socket, Socket][] = [];
    for (let i = 0; i < 700; i++) pairs.push(socketpair());
    for (const [c, d] of pairs) {
      selector.register(c, EVENT_WRITE);
      selector.register(d, EVENT_WRITE);
    }
    expect(selector.select(0)).toHaveLength(1400);
    for (const [c, d] of pairs) {
      c.close();
      d.close();
    }
    expect(selector.select(0)).toEqual([]);
  });
});

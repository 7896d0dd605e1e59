import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { selectorContract } from '@tsyncio/contract-tests';
import {
  type BaseSelector,
  EpollSelector,
  EVENT_READ,
  EVENT_WRITE,
  PollSelector,
  SelectorKey,
  SelectSelector,
} from '@tsyncio/selector-io';
import { type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';

const BOTH = EVENT_READ | EVENT_WRITE;
const bytes = Buffer.from('x');

leakAudit();

const descriptors = (): number => readdirSync('/proc/self/fd').length;

describe.each([
  ['EpollSelector', EpollSelector],
  ['PollSelector', PollSelector],
  ['SelectSelector', SelectSelector],
] as const)('%s', (name, Selector) => {
  selectorContract(name, () => ({ selector: new Selector(), pair: () => socketpair() }));

  describe(`${name} by the rows`, () => {
    let selector: BaseSelector;
    let a: Socket;
    let b: Socket;

    beforeEach(() => {
      selector = new Selector();
      [a, b] = socketpair();
    });

    afterEach(() => {
      selector.close();
      a.close();
      b.close();
    });

    /** A selector that writes down what it asks of the kernel, and can be made to fail. */
    class Watched extends (Selector as unknown as typeof PollSelector) {
      readonly calls: string[] = [];
      fails = false;
      protected override add(fd: number, events: number): void {
        this.calls.push('add');
        if (this.fails) throw new Error('refused');
        super.add(fd, events);
      }
      protected override change(fd: number, events: number): void {
        this.calls.push('change');
        if (this.fails) throw new Error('refused');
        super.change(fd, events);
      }
      protected override remove(fd: number): void {
        this.calls.push('remove');
        super.remove(fd);
      }
      protected override wait(seconds: number): number {
        this.calls.push('wait');
        return super.wait(seconds);
      }
      protected override release(): void {
        this.calls.push('release');
        super.release();
      }
    }

    test('SEL-03 a key is an immutable record of four fields', () => {
      const key = selector.register(a.fileno(), EVENT_READ);
      expect(Object.keys(key)).toEqual(['fileobj', 'fd', 'events', 'data']);
      expect(key).toEqual(new SelectorKey(a.fileno(), a.fileno(), EVENT_READ, null));
      expect(() => Object.assign(key, { fd: 1 })).toThrow(TypeError);
    });

    test('SEL-04 events that are no number are a TypeError', () => {
      expect(() => selector.register(a, 'read' as never)).toThrow(/events must be a number, not string/);
      selector.register(a, EVENT_READ);
      expect(() => selector.modify(a, null as never)).toThrow(/events must be a number/);
    });

    test('SEL-06 SEL-10 the messages name the descriptor', () => {
      selector.register(a, EVENT_READ);
      const fd = a.fileno();
      expect(thrown(() => selector.register(fd, EVENT_READ)).message).toBe(`descriptor ${fd} is already registered`);
      expect(thrown(() => selector.unregister(b)).message).toBe(`descriptor ${b.fileno()} is not registered`);
    });

    test('SEL-07 what the kernel refuses leaves no key', () => {
      const watched = new Watched();
      watched.fails = true;
      expect(thrown(() => watched.register(a, EVENT_READ)).message).toBe('refused');
      expect(thrown(() => watched.getKey(a)).name).toBe('ValueError');
      watched.close();
    });

    test('SEL-14 data alone, or nothing, is a matter of the key: no kernel call, no register, no unregister', () => {
      const watched = new Watched();
      watched.register(a, EVENT_READ, 1);
      watched.register = watched.unregister = () => {
        throw new Error('not to be called');
      };
      watched.modify(a, EVENT_READ, 1);
      watched.modify(a, EVENT_READ, 2);
      expect(watched.calls).toEqual(['add']);
      watched.close();
    });

    test('SEL-15 if the kernel refuses a modification, the descriptor is unregistered', () => {
      const watched = new Watched();
      watched.register(a, EVENT_READ);
      watched.fails = true;
      expect(thrown(() => watched.modify(a, BOTH)).message).toBe('refused');
      expect(thrown(() => watched.getKey(a)).name).toBe('ValueError');
      watched.close();
    });

    test('SEL-16 with other events the key names the object of the first registration, or (select) the last one', () => {
      selector.register(a, EVENT_READ);
      const fd = a.fileno();
      expect(selector.modify(fd, EVENT_READ, 'data alone').fileobj).toBe(a);
      expect(selector.modify(fd, EVENT_WRITE).fileobj).toBe(Selector === SelectSelector ? fd : a);
    });

    test('SEL-19 the map is one view, which refuses to be written to', () => {
      const map = selector.getMap()!;
      expect(selector.getMap()).toBe(map);
      const key = selector.register(a, EVENT_READ);
      for (const method of ['set', 'delete', 'clear']) expect(method in map).toBe(false);
      expect(() => Object.assign(map, { [a.fileno()]: null })).toThrow(TypeError);
      expect(() => Object.assign(map, { size: 0 })).toThrow(TypeError);
      expect(map.get(a)).toBe(key);
      expect(thrown(() => map.get(-1)).name).toBe('ValueError');
    });

    test('SEL-20 SEL-21 a closed one says so, whether it was used or not', () => {
      for (const closed of [selector, new Selector()]) {
        if (closed === selector) closed.register(a, EVENT_READ);
        closed.close();
        const expected = { name: 'ValueError', message: 'the selector is closed' };
        expect(thrown(() => closed.register(b, EVENT_READ))).toMatchObject(expected);
        expect(thrown(() => closed.unregister(a))).toMatchObject(expected);
        expect(thrown(() => closed.modify(a, EVENT_WRITE))).toMatchObject(expected);
        expect(thrown(() => closed.harvest(0, () => undefined))).toMatchObject(expected);
        expect(thrown(() => closed.select(-1))).toMatchObject(expected);
      }
    });

    test('SEL-20 the kernel is asked once to forget it all', () => {
      const watched = new Watched();
      watched.close();
      watched.close();
      expect(watched.calls).toEqual(['release']);
    });

    test('SEL-22 it is disposable', () => {
      let inner: BaseSelector;
      {
        using used = new Selector();
        inner = used;
        inner.register(a, EVENT_READ);
        expect(inner.select(0)).toEqual([]);
      }
      expect(inner.getMap()).toBeNull();
    });

    test('SEL-23 a result holds the stored key', () => {
      b.send(bytes);
      selector.register(a, EVENT_READ, 1);
      const key = selector.modify(a, EVENT_READ, 2);
      const [[found, events]] = selector.select() as [[SelectorKey, number]];
      expect(found).toBe(key);
      expect(events).toBe(EVENT_READ);
    });

    test('SEL-24 more than a second', () => {
      selector.register(a, EVENT_READ);
      const start = performance.now();
      expect(selector.select(1.05)).toEqual([]);
      expect(performance.now() - start).toBeGreaterThanOrEqual(1050);
    });

    test('SEL-24 a timeout of a wrong type, or NaN', () => {
      expect(() => selector.select('1' as never)).toThrow(/timeout must be a number of seconds or null, not string/);
      expect(() => selector.select(NaN)).toThrow(/NaN/);
    });

    test('SEL-28 both directions are one result', () => {
      b.send(bytes);
      const key = selector.register(a, BOTH);
      expect(selector.select()).toEqual([[key, BOTH]]);
    });

    describe('watches the ends of a pipe', () => {
      let folder: string;
      let reading: number;
      let writing: number;

      beforeEach(() => {
        folder = mkdtempSync(path.join(tmpdir(), 'tsyncio-fifo-'));
        const fifo = path.join(folder, 'fifo');
        execFileSync('mkfifo', [fifo]);
        reading = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
        writing = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
        rmSync(folder, { recursive: true });
      });

      test.each([EVENT_READ, EVENT_WRITE, BOTH])('SEL-30 a reader that is gone is news for %d', (events) => {
        const key = selector.register(writing, events);
        expect(selector.select(0)).toEqual(events === EVENT_READ ? [] : [[key, EVENT_WRITE]]);
        closeSync(reading);
        expect(selector.select(0)).toEqual([[key, events]]);
        selector.unregister(writing);
        closeSync(writing);
      });

      test('SEL-30 a writer that is gone is news for whoever reads', () => {
        const key = selector.register(reading, EVENT_READ);
        expect(selector.select(0)).toEqual([]);
        closeSync(writing);
        expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
        selector.unregister(reading);
        closeSync(reading);
      });
    });

    test('SEL-32 what goes while results are handed out is not handed out', () => {
      const sockets = [a, b, ...socketpair(), ...socketpair()];
      for (const socket of sockets) selector.register(socket, EVENT_WRITE);
      const visited: unknown[] = [];
      selector.harvest(0, (key) => {
        visited.push(key.fileobj);
        for (const socket of sockets) if (socket !== key.fileobj) selector.unregister(socket);
      });
      expect(visited).toHaveLength(1);
      expect(selector.select(0).map(([key]) => key.fileobj)).toEqual(visited);
      for (const socket of sockets) socket.close();
    });

    test('SEL-32 what comes while results are handed out is reported the next time', () => {
      const more = Array.from({ length: 100 }, () => socketpair()).flat();
      selector.register(a, EVENT_WRITE);
      let visits = 0;
      selector.harvest(0, () => {
        visits++;
        for (const socket of more) selector.register(socket, EVENT_WRITE);
        selector.modify(a, BOTH);
      });
      expect(visits).toBe(1);
      expect(selector.select(0)).toHaveLength(201);
      for (const socket of more) socket.close();
      selector.close();
    });

    test('SEL-23 events that nobody asks for any more are not handed out', () => {
      b.send(bytes);
      a.send(bytes);
      const visited: [unknown, number][] = [];
      for (const socket of [a, b]) selector.register(socket, BOTH);
      selector.harvest(0, (key, events) => {
        visited.push([key.fileobj, events]);
        selector.modify(key.fileobj === a ? b : a, EVENT_READ);
      });
      expect(visited.map(([, events]) => events)).toEqual([BOTH, EVENT_READ]);
    });

    test('closing it while results are handed out ends that', () => {
      selector.register(a, EVENT_WRITE);
      selector.register(b, EVENT_WRITE);
      let visits = 0;
      selector.harvest(0, () => {
        visits++;
        selector.close();
      });
      expect(visits).toBe(1);
    });

    test('a visitor that throws does no harm', () => {
      selector.register(a, EVENT_WRITE);
      expect(() =>
        selector.harvest(0, () => {
          throw new Error('of the visitor');
        }),
      ).toThrow('of the visitor');
      expect(selector.select(0)).toHaveLength(1);
    });

    test('one that was never used holds no descriptor', () => {
      const before = descriptors();
      const unused = new Selector();
      expect(unused.getMap()!.size).toBe(0);
      expect(descriptors()).toBe(before);
      unused.close();
    });

    test('5,000 times registered and unregistered leave as many descriptors as before', () => {
      selector.select(0);
      const before = descriptors();
      for (let i = 0; i < 5000; i++) {
        selector.register(a, EVENT_READ);
        if (i % 3 === 0) selector.modify(a, BOTH);
        if (i % 100 === 0) selector.select(0);
        selector.unregister(a);
      }
      for (let i = 0; i < 500; i++) {
        const made = new Selector();
        made.register(a, EVENT_READ);
        made.close();
      }
      expect(descriptors()).toBe(before);
      expect(selector.getMap()!.size).toBe(0);
      selector.register(a, EVENT_WRITE);
      expect(selector.select(0)).toHaveLength(1);
    }, 30_000);
  });
});

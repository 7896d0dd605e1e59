import type { Selector, SelectorKey, SelectorMap } from '@tsyncio/selector-io';

/** One end of a connection; `Socket` of `@tsyncio/socket` is one. */
export interface ConnectionEnd {
  /** The open descriptor; negative or an exception after `close`. */
  fileno(): number;
  send(data: Uint8Array): unknown;
  recv(length: number): unknown;
  /** Idempotent. */
  close(): void;
}

/** A selector, and how to get something to watch. */
export interface SelectorUnderTest {
  readonly selector: Selector;
  /** Two connected, non-blocking ends: `socketpair()` of `@tsyncio/socket`. */
  pair(): readonly [ConnectionEnd, ConnectionEnd];
}

const READ = 1; // EVENT_READ
const WRITE = 2; // EVENT_WRITE
const BOTH = 3;

const byte = Uint8Array.of(120);

/**
 * What a loop, and everybody else, relies on in a {@link Selector}. The IDs in the titles are rows of the list of asyncio's behaviours.
 *
 * @param name - For the titles.
 * @param make - A fresh selector for each test.
 */
export function selectorContract(name: string, make: () => SelectorUnderTest): void {
  describe(`${name} as a Selector`, () => {
    let selector: Selector;
    let a: ConnectionEnd;
    let b: ConnectionEnd;
    let ends: ConnectionEnd[];
    let more: () => readonly [ConnectionEnd, ConnectionEnd];

    beforeEach(() => {
      const made = make();
      ({ selector } = made);
      ends = [];
      more = () => {
        const pair = made.pair();
        ends.push(...pair);
        return pair;
      };
      [a, b] = more();
    });

    afterEach(() => {
      selector.close();
      for (const end of ends) end.close();
    });

    /** What is ready now, a mask for each key. (kqueue tells of each direction by itself.) */
    function ready(timeout: number | null = 0): Map<SelectorKey, number> {
      const masks = new Map<SelectorKey, number>();
      for (const [key, events] of selector.select(timeout)) masks.set(key, (masks.get(key) ?? 0) | events);
      return masks;
    }

    const map = (): SelectorMap => selector.getMap()!;

    describe('register', () => {
      test('SEL-01 SEL-02 takes an object or a number, events and data', () => {
        const data = { any: 'thing' };
        const key = selector.register(a, BOTH, data);
        expect([key.fd, key.events]).toEqual([a.fileno(), BOTH]);
        expect(key.fileobj).toBe(a);
        expect(key.data).toBe(data);
        const other = selector.register(b.fileno(), READ);
        expect([other.fileobj, other.fd, other.events, other.data]).toEqual([b.fileno(), b.fileno(), READ, null]);
      });

      test.each([0, 4, 5, -1, 1.5, NaN])('SEL-04 refuses events of %p', (events) => {
        expect(nameOf(() => selector.register(a, events))).toBe('ValueError');
        expect(map().size).toBe(0);
      });

      test.each([-1, 1.5, 'x', null, {}, { fileno: 3 }])('SEL-05 refuses %p, which is no descriptor', (file) => {
        expect(nameOf(() => selector.register(file as never, READ))).toBe('ValueError');
        expect(map().size).toBe(0);
      });

      test('SEL-06 refuses a descriptor that is registered, under whatever name', () => {
        const key = selector.register(a, READ, 'first');
        for (const file of [a, a.fileno(), { fileno: () => a.fileno() }]) {
          expect(nameOf(() => selector.register(file, WRITE))).toBe('ValueError');
        }
        expect(selector.getKey(a)).toBe(key);
        expect(ready()).toEqual(new Map());
      });
    });

    describe('unregister', () => {
      test('SEL-10 gives the key, once; then the descriptor can be registered again', () => {
        const key = selector.register(a, READ);
        expect(selector.unregister(a)).toBe(key);
        expect(nameOf(() => selector.unregister(a))).toBe('ValueError');
        expect(nameOf(() => selector.unregister(b))).toBe('ValueError');
        selector.register(a, WRITE);
        expect([...ready().values()]).toEqual([WRITE]);
      });

      test('SEL-11 SEL-12 finds a closed object by identity', () => {
        const fd = a.fileno();
        selector.register(a, READ);
        a.close();
        expect(map().has(a)).toBe(true);
        expect(selector.getKey(a).fd).toBe(fd);
        expect(map().get(a).fd).toBe(fd);
        expect(selector.modify(a, READ, 'data').fd).toBe(fd);
        expect(selector.unregister(a).fd).toBe(fd);
      });

      test('SEL-12 a closed object that is not registered is no descriptor', () => {
        a.close();
        const calls = [
          () => selector.unregister(a),
          () => selector.modify(a, READ),
          () => selector.getKey(a),
          () => map().get(a),
          () => map().has(a),
        ];
        for (const call of calls) expect(nameOf(call)).toBe('ValueError');
      });

      test('SEL-11 takes the number of a closed descriptor, also when it is in use again', () => {
        const numbers = [a.fileno(), b.fileno()] as const;
        selector.register(numbers[0], READ);
        selector.register(numbers[1], WRITE);
        a.close();
        expect(selector.unregister(numbers[0]).fd).toBe(numbers[0]);
        b.close();
        const [c, d] = more(); // the numbers are theirs now
        expect([c.fileno(), d.fileno()]).toContain(numbers[1]);
        expect(selector.unregister(numbers[1]).fd).toBe(numbers[1]);
        expect(ready()).toEqual(new Map());
      });
    });

    describe('modify', () => {
      test('SEL-13 replaces events and data; data left out becomes null', () => {
        selector.register(a, READ, 'data');
        const key = selector.modify(a, WRITE);
        expect([key.fd, key.events, key.data]).toEqual([a.fileno(), WRITE, null]);
        expect(selector.getKey(a)).toBe(key);
        expect(ready()).toEqual(new Map([[key, WRITE]]));
        const again = selector.modify(a.fileno(), READ, 'more');
        expect([again.events, again.data]).toEqual([READ, 'more']);
        expect(ready()).toEqual(new Map());
        expect(nameOf(() => selector.modify(b, READ))).toBe('ValueError');
      });

      test('SEL-14 gives the same key if nothing changes, and one with the new data if only that does', () => {
        const key = selector.register(a, READ, 1);
        expect(selector.modify(a, READ, 1)).toBe(key);
        const next = selector.modify(a, READ, 2);
        expect([next.events, next.data, key.data]).toEqual([READ, 2, 1]);
        expect(next.fileobj).toBe(a);
        expect(selector.getKey(a)).toBe(next);
      });

      test.each([0, 8, 1.5])('SEL-17 refuses events of %p and keeps the registration', (events) => {
        const key = selector.register(a, READ);
        expect(nameOf(() => selector.modify(a, events))).toBe('ValueError');
        expect(selector.getKey(a)).toBe(key);
        b.send(byte);
        expect(ready()).toEqual(new Map([[key, READ]]));
      });
    });

    describe('getKey and getMap', () => {
      test('SEL-18 getKey gives the key of what is registered', () => {
        const key = selector.register(a, READ);
        expect(selector.getKey(a)).toBe(key);
        expect(selector.getKey(a.fileno())).toBe(key);
        expect(nameOf(() => selector.getKey(b))).toBe('ValueError');
      });

      test('SEL-19 the map is live, and in the order of registration', () => {
        const view = map();
        const second = selector.register(b, READ);
        const first = selector.register(a, READ);
        expect(view.size).toBe(2);
        expect([...view]).toEqual([b.fileno(), a.fileno()]);
        expect([...view.keys()]).toEqual([b.fileno(), a.fileno()]);
        expect([...view.values()]).toEqual([second, first]);
        expect([...view.entries()]).toEqual([
          [b.fileno(), second],
          [a.fileno(), first],
        ]);
        expect([view.has(a), view.has(a.fileno())]).toEqual([true, true]);
        expect(view.get(a)).toBe(first);
        selector.unregister(b);
        expect([view.size, view.has(b)]).toEqual([1, false]);
        expect(nameOf(() => view.get(b))).toBe('ValueError');
      });
    });

    describe('close', () => {
      test('SEL-20 may be called again; the map is gone, and one from before is empty', () => {
        const view = map();
        selector.register(a, READ);
        selector.close();
        selector.close();
        expect(selector.getMap()).toBeNull();
        expect([view.size, ...view]).toEqual([0]);
        expect(nameOf(() => view.get(a))).toBe('ValueError');
        expect(nameOf(() => selector.getKey(a))).toBe('RuntimeError');
      });

      test('SEL-21 nothing works after it', () => {
        selector.register(a, READ);
        selector.close();
        const calls = [
          () => selector.register(b, READ),
          () => selector.unregister(a),
          () => selector.modify(a, WRITE),
          () => selector.select(0),
        ];
        if (selector.fileno !== undefined) calls.push(() => selector.fileno!() as never);
        for (const call of calls) expect(nameOf(call)).toBe('ValueError');
      });

      test('leaves the registered descriptors open', () => {
        selector.register(a, READ);
        selector.close();
        a.send(byte);
        expect(b.recv(1)).toEqual(expect.objectContaining({ length: 1 }));
      });
    });

    describe('select', () => {
      test('SEL-23 SEL-31 gives what is ready and asked for, again and again while it is', () => {
        const key = selector.register(a, READ);
        selector.register(b, READ);
        expect(ready()).toEqual(new Map());
        b.send(byte);
        for (let i = 0; i < 3; i++) expect(ready(null)).toEqual(new Map([[key, READ]]));
        a.recv(1);
        expect(ready()).toEqual(new Map());
      });

      test('SEL-28 both directions', () => {
        const key = selector.register(a, BOTH);
        expect(ready()).toEqual(new Map([[key, WRITE]]));
        b.send(byte);
        expect(ready()).toEqual(new Map([[key, BOTH]]));
      });

      test.each([READ, WRITE, BOTH])('SEL-29 a peer that is gone is news for whoever asks for %d', (events) => {
        const key = selector.register(a, events);
        b.close();
        expect(ready()).toEqual(new Map([[key, events]]));
      });

      test('SEL-32 nothing of what was unregistered', () => {
        selector.register(a, BOTH);
        selector.register(b, WRITE);
        b.send(byte);
        expect(ready().size).toBe(2);
        selector.unregister(a);
        expect([...ready().keys()].map((key) => key.fileobj)).toEqual([b]);
      });

      test('SEL-24 a timeout of zero or less does not wait, a greater one is waited for', () => {
        selector.register(a, READ);
        for (const timeout of [0, -5, -Infinity]) expect(timed(() => selector.select(timeout))).toBeLessThan(1000);
        // It may last longer on a busy machine, but never shorter.
        expect(timed(() => expect(selector.select(0.1)).toEqual([]))).toBeGreaterThanOrEqual(100);
      });

      test('SEL-25 a small timeout is not cut down to nothing', () => {
        selector.register(a, READ);
        expect(timed(() => selector.select(0.0001))).toBeGreaterThanOrEqual(0.1);
        expect(timed(() => selector.select(0.0105))).toBeGreaterThanOrEqual(10.5);
      });

      test('SEL-26 with nothing registered', () => {
        expect(selector.select(0)).toEqual([]);
        expect(timed(() => expect(selector.select(0.02)).toEqual([]))).toBeGreaterThanOrEqual(20);
      });

      test('SEL-33 a descriptor of its own, if it has one, stays the same', () => {
        if (selector.fileno === undefined) return;
        const fd = selector.fileno();
        expect(Number.isInteger(fd) && fd >= 0).toBe(true);
        selector.register(a, READ);
        expect([a.fileno(), b.fileno()]).not.toContain(fd);
        expect(selector.fileno()).toBe(fd);
      });
    });
  });
}

/** The name of the error that `action` throws; fails if it throws nothing. */
function nameOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).name;
  }
  throw new Error('nothing was thrown');
}

/** How many milliseconds `action` takes. */
function timed(action: () => unknown): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

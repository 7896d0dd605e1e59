import fc from 'fast-check';

import {
  EpollSelector,
  EVENT_READ,
  EVENT_WRITE,
  PollSelector,
  type Selector,
  SelectSelector,
} from '@tsyncio/selector-io';
import { type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

/** What a registration is, in Python's `selectors`: an entry of a dictionary. */
interface Entry {
  events: number;
  data: unknown;
}

/** One of the connections: the watched end, its peer, and what is known about them without asking the kernel. */
class Connection {
  readonly watched: Socket;
  private readonly peer: Socket;
  private pending = 0;
  private peerGone = false;

  constructor() {
    [this.watched, this.peer] = socketpair();
  }
  send(): void {
    if (this.peerGone) return;
    this.peer.send(Buffer.from('x'));
    this.pending++;
  }
  drain(): void {
    if (this.pending > 0) this.watched.recv(100);
    this.pending = 0;
  }
  closePeer(): void {
    this.peer.close();
    this.peerGone = true;
  }
  close(): void {
    this.watched.close();
    this.peer.close();
  }
  /** Level-triggered: unread data, or the end of the stream; there is always room. */
  get ready(): number {
    return (this.pending > 0 || this.peerGone ? EVENT_READ : 0) | EVENT_WRITE;
  }
}

const CONNECTIONS = 5;

/** The selectors side by side, and the model that they are compared with. */
class World {
  readonly selectors: readonly Selector[] = [new EpollSelector(), new PollSelector(), new SelectSelector()];
  readonly connections = Array.from({ length: CONNECTIONS }, () => new Connection());
  readonly entries = new Map<Socket, Entry>();

  /** All selectors do it, all of them alike, and as the model says: a result, or ValueError. */
  private all(expected: 'done' | 'ValueError', action: (selector: Selector) => unknown): void {
    const outcomes = this.selectors.map((selector) => {
      try {
        action(selector);
        return 'done';
      } catch (error) {
        return (error as Error).name;
      }
    });
    expect(outcomes).toEqual(this.selectors.map(() => expected));
  }

  register(i: number, events: number, data: unknown): void {
    const { watched } = this.connections[i]!;
    const fresh = !this.entries.has(watched) && events <= 3;
    this.all(fresh ? 'done' : 'ValueError', (selector) => selector.register(watched, events, data));
    if (fresh) this.entries.set(watched, { events, data });
  }

  modify(i: number, events: number, data: unknown): void {
    const { watched } = this.connections[i]!;
    const known = this.entries.has(watched) && events <= 3;
    this.all(known ? 'done' : 'ValueError', (selector) => selector.modify(watched, events, data));
    if (known) this.entries.set(watched, { events, data });
  }

  unregister(i: number, byNumber: boolean): void {
    const { watched } = this.connections[i]!;
    const known = this.entries.delete(watched);
    const file = byNumber ? watched.fileno() : watched;
    this.all(known ? 'done' : 'ValueError', (selector) => selector.unregister(file));
  }

  /** Closes the connection, unregisters it afterwards, and puts a new one, with the same numbers, in its place. */
  replace(i: number): void {
    const old = this.connections[i]!;
    old.close();
    const known = this.entries.delete(old.watched);
    this.all(known ? 'done' : 'ValueError', (selector) => selector.unregister(old.watched));
    this.connections[i] = new Connection();
  }

  check(): void {
    const ready = new Map<Socket, number>();
    for (const { watched, ready: now } of this.connections) {
      const events = now & (this.entries.get(watched)?.events ?? 0);
      if (events !== 0) ready.set(watched, events);
    }
    const keys = [...this.entries].map(([file, { events, data }]) => ({
      fileobj: file,
      fd: file.fileno(),
      events,
      data,
    }));
    for (const selector of this.selectors) {
      const results = selector.select(0);
      expect(new Map(results.map(([key, events]) => [key.fileobj, events]))).toEqual(ready);
      expect(results.length).toBe(ready.size);
      for (const [key] of results) expect(selector.getKey(key.fd)).toBe(key);
      const map = selector.getMap()!;
      expect([...map.values()].map((key) => ({ ...key }))).toEqual(keys);
      expect([...map]).toEqual(keys.map(({ fd }) => fd));
      for (const { watched } of this.connections) expect(map.has(watched)).toBe(this.entries.has(watched));
    }
  }

  close(): void {
    for (const selector of this.selectors) selector.close();
    for (const connection of this.connections) connection.close();
  }
}

const index = fc.nat({ max: CONNECTIONS - 1 });
const events = fc.integer({ min: 1, max: 4 }); // 4 is refused
const data = fc.constantFrom(null, 1, 'data');

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('register' as const), i: index, events, data }),
    fc.record({ do: fc.constant('modify' as const), i: index, events, data }),
    fc.record({ do: fc.constant('unregister' as const), i: index, byNumber: fc.boolean() }),
    fc.record({ do: fc.constantFrom('send' as const, 'drain' as const, 'closePeer' as const), i: index }),
    fc.record({ do: fc.constant('replace' as const), i: index }),
  ),
  { minLength: 1, maxLength: 40 },
);

test('SEL-13 SEL-19 SEL-23 any sequence of calls gives the same on all selectors, and what a Map would give', () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const world = new World();
      try {
        for (const step of sequence) {
          if (step.do === 'register') world.register(step.i, step.events, step.data);
          else if (step.do === 'modify') world.modify(step.i, step.events, step.data);
          else if (step.do === 'unregister') world.unregister(step.i, step.byNumber);
          else if (step.do === 'replace') world.replace(step.i);
          else world.connections[step.i]![step.do]();
          world.check();
        }
      } finally {
        world.close();
      }
    }),
    { numRuns: 100 },
  );
}, 60_000);

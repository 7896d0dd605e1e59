import { constants } from 'node:os';

import { selectorContract } from '@tsyncio/contract-tests';
import { EVENT_READ, EVENT_WRITE, KqueueSelector, PollSelector } from '@tsyncio/selector-io';
import { socketpair } from '@tsyncio/socket';
import { EV_ADD, EVFILT_READ, EVFILT_WRITE, type KernelQueue } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';

const BOTH = EVENT_READ | EVENT_WRITE;

leakAudit();

/** A kqueue that writes down what it is asked, fails when told to, and reports what it is given. */
class ScriptedQueue implements KernelQueue {
  readonly fd = 77;
  readonly calls: string[] = [];
  readonly failing = new Map<string, number>();
  events: (readonly [fd: number, filter: number])[] = [];

  control(fd: number, filter: number, flags: number): number {
    const call = `${flags === EV_ADD ? 'add' : 'delete'} ${filter === EVFILT_READ ? 'read' : 'write'} ${fd}`;
    this.calls.push(call);
    return this.failing.get(call) ?? 0;
  }
  wait(atMost: number, seconds: number): number {
    this.calls.push(`wait ${atMost} ${seconds}`);
    return this.events.length;
  }
  fdAt(index: number): number {
    return this.events[index]![0];
  }
  filterAt(index: number): number {
    return this.events[index]![1];
  }
  close(): void {
    this.calls.push('close');
  }
  taken(): string[] {
    return this.calls.splice(0);
  }
}

function over<Q extends KernelQueue>(queue: Q): [KqueueSelector, Q] {
  const selector = new KqueueSelector();
  Reflect.set(selector, 'kqueue', queue);
  return [selector, queue];
}

describe('KqueueSelector over a scripted queue', () => {
  test('SEL-35 one filter for each direction; exactly those are removed', () => {
    const [selector, queue] = over(new ScriptedQueue());
    selector.register(5, EVENT_READ);
    selector.register(6, EVENT_WRITE);
    selector.register(7, BOTH);
    expect(queue.taken()).toEqual(['add read 5', 'add write 6', 'add read 7', 'add write 7']);
    for (const fd of [5, 6, 7]) selector.unregister(fd);
    expect(queue.taken()).toEqual(['delete read 5', 'delete write 6', 'delete read 7', 'delete write 7']);
    selector.close();
    selector.close();
    expect(queue.taken()).toEqual(['close']);
  });

  test('SEL-35 errors of removal are ignored: the descriptor is closed', () => {
    const [selector, queue] = over(new ScriptedQueue());
    const key = selector.register(7, BOTH);
    queue.failing.set('delete read 7', -constants.errno.EBADF).set('delete write 7', -constants.errno.ENOENT);
    expect(selector.unregister(7)).toBe(key);
    expect(selector.getMap()!.size).toBe(0);
  });

  test('SEL-07 what the kernel refuses leaves neither a key nor the other filter', () => {
    const [selector, queue] = over(new ScriptedQueue());
    queue.failing.set('add write 7', -constants.errno.EBADF);
    expect(thrown(() => selector.register(7, BOTH))).toMatchObject({ code: 'EBADF', syscall: 'kevent' });
    expect(queue.taken()).toEqual(['add read 7', 'add write 7', 'delete read 7']);
    expect(thrown(() => selector.getKey(7)).name).toBe('ValueError');
  });

  test('SEL-14 SEL-16 modify asks for the difference only, and names the object anew', () => {
    const [selector, queue] = over(new ScriptedQueue());
    const file = { fileno: () => 7 };
    selector.register(file, EVENT_READ);
    queue.taken();
    expect(selector.modify(7, EVENT_READ, 'data').fileobj).toBe(file);
    expect(queue.taken()).toEqual([]);
    expect(selector.modify(7, BOTH).fileobj).toBe(7);
    expect(queue.taken()).toEqual(['add write 7']);
    selector.modify(7, EVENT_WRITE);
    expect(queue.taken()).toEqual(['delete read 7']);
    selector.modify(7, EVENT_READ);
    expect(queue.taken()).toEqual(['add read 7', 'delete write 7']);
  });

  test('SEL-15 if the kernel refuses a modification, nothing is left', () => {
    const [selector, queue] = over(new ScriptedQueue());
    selector.register(7, EVENT_READ);
    queue.taken();
    queue.failing.set('add write 7', -constants.errno.EBADF);
    expect(thrown(() => selector.modify(7, BOTH))).toMatchObject({ code: 'EBADF' });
    expect(queue.taken()).toEqual(['add write 7', 'delete read 7']);
    expect(selector.getMap()!.size).toBe(0);
  });

  test('SEL-28 SEL-32 a result for each direction that is asked for, none for the unknown', () => {
    const [selector, queue] = over(new ScriptedQueue());
    const seven = selector.register(7, BOTH);
    const eight = selector.register(8, EVENT_WRITE);
    queue.events = [
      [7, EVFILT_READ],
      [9, EVFILT_READ],
      [8, EVFILT_WRITE],
      [7, EVFILT_WRITE],
      [8, EVFILT_READ],
    ];
    expect(selector.select()).toEqual([
      [seven, EVENT_READ],
      [eight, EVENT_WRITE],
      [seven, EVENT_WRITE],
    ]);
  });

  test('SEL-24 SEL-26 room for all events, at least for one; the time as it was given', () => {
    const [selector, queue] = over(new ScriptedQueue());
    selector.select(0);
    selector.select(-5);
    expect(queue.taken()).toEqual(['wait 1 0', 'wait 1 0']);
    selector.register(7, BOTH);
    selector.register(8, EVENT_READ);
    queue.taken();
    queue.events = [[7, EVFILT_READ]];
    selector.select(1.25);
    expect(queue.taken()).toEqual(['wait 4 1.25']);
  });

  test.each([null, Infinity, 1e9])('SEL-23 SEL-24 a wait of %p is made of pieces that an int can hold', (timeout) => {
    const [selector, queue] = over(new ScriptedQueue());
    const key = selector.register(7, EVENT_READ);
    queue.taken();
    let waits = 0;
    queue.wait = (_atMost, seconds) => {
      queue.calls.push(`wait ${seconds}`);
      if (++waits === 3) queue.events = [[7, EVFILT_READ]];
      return queue.events.length;
    };
    expect(selector.select(timeout)).toEqual([[key, EVENT_READ]]);
    expect(queue.taken()).toEqual(Array(3).fill('wait 2147483.647'));
  });

  test('SEL-33 its descriptor', () => {
    const [selector] = over(new ScriptedQueue());
    expect(selector.fileno()).toBe(77);
    selector.close();
    expect(thrown(() => selector.fileno()).name).toBe('ValueError');
  });
});

/** A kqueue made of `poll`: one filter after the other, as kqueue reports them. */
class PolledQueue implements KernelQueue {
  readonly fd = 77;
  private readonly asked = new PollSelector();
  private found: (readonly [number, number])[] = [];

  control(fd: number, filter: number, flags: number): number {
    const event = filter === EVFILT_READ ? EVENT_READ : EVENT_WRITE;
    const key = this.asked.getMap()!.has(fd) ? this.asked.unregister(fd) : null;
    const events = flags === EV_ADD ? (key?.events ?? 0) | event : (key?.events ?? 0) & ~event;
    if (events !== 0) this.asked.register(fd, events);
    return 0;
  }
  wait(_atMost: number, seconds: number): number {
    this.found = [];
    this.asked.harvest(seconds, ({ fd }, events) => {
      if ((events & EVENT_READ) !== 0) this.found.push([fd, EVFILT_READ]);
      if ((events & EVENT_WRITE) !== 0) this.found.push([fd, EVFILT_WRITE]);
    });
    return this.found.length;
  }
  fdAt(index: number): number {
    return this.found[index]![0];
  }
  filterAt(index: number): number {
    return this.found[index]![1];
  }
  close(): void {
    this.asked.close();
  }
}

selectorContract('KqueueSelector over poll', () => {
  const [selector] = over(new PolledQueue());
  return { selector, pair: () => socketpair() };
});

import { closeSync, openSync, readdirSync } from 'node:fs';

import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  addReader,
  addWriter,
  EpollSelector,
  EVENT_READ,
  EVENT_WRITE,
  PollSelector,
  removeReader,
  removeWriter,
  type SelectorEvent,
  SelectorIo,
  SelectSelector,
} from '@tsyncio/selector-io';
import { socketpair } from '@tsyncio/socket';
import { Epoll } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { Mirror } from '../src/mirror.js';
import { SelectorSet } from '../src/mirror-set.js';
import { thrown } from './support/errors.js';
import { pipe } from './support/kernel-objects.js';
import { countWakeUps } from '@tsyncio/test-support/loops/wake-ups';

leakAudit();

const bytes = Buffer.from('x');
/** Iterations and wake-ups while something sleeps for some milliseconds; what spins makes thousands. */
const FEW = 50;

describe.each([
  ['PollSelector', PollSelector],
  ['SelectSelector', SelectSelector],
])('a loop that sleeps over the mirror of a %s', (_name, Selector) => {
  let loop: TaskLoop<SelectorIo>;
  let a: ReturnType<typeof socketpair>[0];
  let b: typeof a;
  let polls: jest.SpyInstance;
  let wakeUps: () => number;

  beforeEach(() => {
    loop = new TaskLoop({ backend: new SelectorIo(new Selector()) });
    polls = jest.spyOn(loop.backend, 'poll');
    wakeUps = countWakeUps();
    [a, b] = socketpair();
  });

  afterEach(() => {
    jest.restoreAllMocks();
    loop.close();
    a.close();
    b.close();
  });

  /** Runs the loop until it is stopped; gives back how many iterations and wake-ups that took. */
  async function effort(): Promise<number> {
    polls.mockClear();
    const before = wakeUps();
    await loop.runForever();
    return polls.mock.calls.length + wakeUps() - before;
  }

  /** Lets the loop sleep for some milliseconds, if it can. */
  function sleepFor(ms: number): Promise<number> {
    loop.callLater(ms / 1000, () => loop.stop());
    return effort();
  }

  /** Lets the loop fall asleep, so that the kernel knows of everything. */
  async function fallAsleep(): Promise<void> {
    const arm = loop.backend.arm.bind(loop.backend);
    jest.spyOn(loop.backend, 'arm').mockImplementationOnce((turn) => {
      arm(turn);
      setImmediate(() => loop.stop());
    });
    await loop.runForever();
  }

  /** Something that Node does while the loop sleeps. */
  const soon = (action: () => void): void => void setTimeout(action, 3);

  test('wakes for what becomes ready, and sleeps in between', async () => {
    let reads = 0;
    addReader(loop, a, () => {
      a.recv(1);
      if (++reads === 5) loop.stop();
      else soon(() => b.send(bytes));
    });
    soon(() => b.send(bytes));
    expect(await effort()).toBeLessThan(FEW);
  });

  test('sees what is added, changed and removed while it sleeps', async () => {
    const log: string[] = [];
    const [c, d] = socketpair();
    addReader(loop, a, () => {
      log.push('a');
      loop.stop();
    });
    soon(() => {
      addReader(loop, c, () => {
        log.push('c');
        c.recv(1);
        soon(() => {
          addWriter(loop, a, () => {
            log.push('room');
            removeWriter(loop, a);
            soon(() => {
              removeReader(loop, c);
              d.send(bytes);
              soon(() => b.send(bytes));
            });
          });
        });
      });
      d.send(bytes);
    });
    expect(await effort()).toBeLessThan(FEW);
    expect(log).toEqual(['c', 'room', 'a']);
    c.close();
    d.close();
  });

  test('nothing stays of a descriptor that was closed before it was removed, though a duplicate lives on', async () => {
    const log: string[] = [];
    const [c, d] = socketpair();
    addReader(loop, a, () => {
      log.push('a');
      loop.stop();
    });
    addReader(loop, c, () => log.push('c'));
    await fallAsleep();
    const number = c.fileno();
    const duplicate = c.dup();
    c.close();
    removeReader(loop, number);
    d.send(bytes); // the duplicate is readable from now on
    const [e, f] = socketpair();
    expect(e.fileno()).toBe(number);
    addReader(loop, e, () => log.push('e'));
    setTimeout(() => b.send(bytes), 40);
    expect(await effort()).toBeLessThan(FEW);
    expect(log).toEqual(['a']);
    for (const socket of [duplicate, d, e, f]) socket.close();
  });

  test('what is closed and then removed while the loop sleeps does not keep it from waking', async () => {
    const [c, d] = socketpair();
    addReader(loop, a, () => loop.stop());
    addReader(loop, c, () => undefined);
    await fallAsleep();
    soon(() => {
      const number = c.fileno();
      c.close();
      removeReader(loop, number);
      soon(() => b.send(bytes));
    });
    await loop.runForever();
    d.close();
  });

  test('a number that stands for another file by now is watched as that', async () => {
    const [c, d] = socketpair();
    const number = c.fileno();
    addReader(loop, number, () => undefined);
    await fallAsleep();
    c.close();
    const other = a.dup();
    expect(other.fileno()).toBe(number);
    addReader(loop, number, () => loop.stop()); // for the same events: the selector need not be told
    soon(() => b.send(bytes));
    await loop.runForever();
    removeReader(loop, number);
    other.close();
    d.close();
  });

  test('what is always ready leaves turns to Node, to timers and to other callbacks', async () => {
    const file = openSync(__filename, 'r');
    let calls = 0;
    const log = new Set<string>();
    const done = (what: string): void => {
      if (log.add(what).size === 6) loop.stop();
    };
    addReader(loop, file, () => {
      if (++calls > 5) done('calls');
    });
    setTimeout(done, 2, 'timeout');
    setImmediate(done, 'immediate');
    void new Promise<void>((resolve) => setTimeout(resolve, 4)).then(() => done('promise'));
    loop.callLater(0.004, done, 'later');
    loop.callSoon(done, 'soon');
    await loop.runForever();
    expect([...log].sort()).toEqual(['calls', 'immediate', 'later', 'promise', 'soon', 'timeout']);
    const stopped = calls;
    const before = wakeUps();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([calls, wakeUps() - before < FEW]).toEqual([stopped, true]); // a stopped loop rests
    removeReader(loop, file);
    closeSync(file);
    expect(await sleepFor(20)).toBeLessThan(FEW);
  });

  test('an interest costs no system call in a loop that is busy', async () => {
    const add = jest.spyOn(Epoll.prototype, 'add');
    const modify = jest.spyOn(Epoll.prototype, 'modify');
    let rounds = 0;
    loop.callSoon(function again() {
      addReader(loop, a, () => undefined);
      addWriter(loop, a, () => undefined);
      removeWriter(loop, a);
      if (++rounds % 2 === 0) removeReader(loop, a);
      if (rounds < 100) loop.callSoon(again);
      else loop.stop();
    });
    await loop.runForever();
    expect([add.mock.calls.length, modify.mock.calls.length]).toEqual([0, 0]);
    addReader(loop, a, () => undefined);
    await fallAsleep();
    expect([add.mock.calls.length, modify.mock.calls.length]).toEqual([1, 0]);
  });

  test('without a descriptor to spare the one who asks hears of it, and nothing is registered', async () => {
    removeReader(loop, a);
    const hoard: number[] = [];
    thrown(() => {
      for (;;) hoard.push(openSync('/dev/null', 'r'));
    });
    const error = thrown(() => addReader(loop, a, () => undefined));
    hoard.forEach((fd) => closeSync(fd));
    expect(error).toMatchObject({ code: 'EMFILE', syscall: 'epoll_create1' });
    expect([loop.backend.active, loop.backend.selector.getMap()!.size]).toEqual([false, 0]);
    addReader(loop, a, () => loop.stop());
    setTimeout(() => b.send(bytes), 2);
    await loop.runForever();
  });

  test('a loop without descriptors opens none', async () => {
    const before = readdirSync('/proc/self/fd').length;
    await fallAsleep();
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });
});

test('hang-up, which select() does not tell to a writer, does not keep a loop awake', async () => {
  const loop = new TaskLoop({ backend: new SelectorIo(new SelectSelector()) });
  const [readEnd, writeEnd] = pipe();
  const [a, b] = socketpair();
  let calls = 0;
  addWriter(loop, readEnd, () => undefined); // never ready
  const soon = (): void => void setTimeout(() => b.send(bytes), 40);
  addReader(loop, a, () => {
    a.recv(1);
    if (++calls === 2) loop.stop();
    else soon();
  });
  closeSync(writeEnd); // for epoll: EPOLLHUP from now on, whatever was asked
  const wakeUps = countWakeUps();
  soon();
  await loop.runForever();
  jest.restoreAllMocks();
  expect(wakeUps()).toBeLessThan(FEW);
  loop.close();
  closeSync(readEnd);
  a.close();
  b.close();
});

/** Knows of nothing for the first few times. */
class Forgetful extends PollSelector {
  misses = 0;
  hits = 0;
  override select(timeout?: number | null): SelectorEvent[] {
    const found = super.select(timeout);
    if (found.length === 0) return found;
    if (this.misses > 0) {
      this.misses--;
      return [];
    }
    this.hits++;
    return found;
  }
}

test.each([1, 2, 9])('a selector that overlooks something %i times is asked again', async (misses) => {
  const selector = new Forgetful();
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const [a, b] = socketpair();
  let received = '';
  const soon = (): void => {
    selector.misses = misses;
    setTimeout(() => b.send(bytes), 3);
  };
  addReader(loop, a, () => {
    received += String(a.recv(10));
    if (received.length === 5) loop.stop();
    else soon();
  });
  soon();
  await loop.runForever();
  expect(received).toBe('xxxxx');
  expect(selector.hits).toBe(5);
  loop.close();
  a.close();
  b.close();
});

test('what the kernel cannot watch and the selector does not report: the loop asks again and again, and lets Node work', async () => {
  const done = new Set<string>();
  const also = (what: string): void => {
    if (done.add(what).size === 2) loop.stop();
  };
  class Silent extends PollSelector {
    selects = 0;
    override select(): SelectorEvent[] {
      if (++this.selects > 10) also('selects');
      return [];
    }
  }
  const selector = new Silent();
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const file = openSync(__filename, 'r');
  addReader(loop, file, () => undefined);
  expect(selector.getKey(file).events).toBe(EVENT_READ);
  setTimeout(also, 5, 'timeout');
  await loop.runForever();
  expect([...done].sort()).toEqual(['selects', 'timeout']);
  closeSync(file);
  loop.close();
});

/** As on macOS, but for the kernel. */
test('a mirror may be made of a selector that has a descriptor', async () => {
  const mirror = new Mirror(() => new SelectorSet(new EpollSelector()));
  const [a, b] = socketpair();
  const file = openSync(__filename, 'r');
  const woken = (): Promise<void> => new Promise((resolve) => mirror.arm(resolve));
  mirror.open();
  mirror.want(a.fileno(), EVENT_READ);
  setTimeout(() => b.send(bytes), 2);
  await woken();
  mirror.confirm();
  await woken(); // still ready
  await woken(); // doubts itself
  mirror.disarm();
  a.recv(1);
  mirror.want(a.fileno(), EVENT_READ | EVENT_WRITE);
  await woken();
  mirror.want(file, EVENT_READ);
  await woken(); // at once: it cannot be watched
  mirror.forget(file);
  mirror.forget(a.fileno());
  mirror.confirm();
  let calls = 0;
  mirror.arm(() => void calls++);
  await new Promise((resolve) => setTimeout(resolve, 5));
  expect(calls).toBe(0);
  mirror.want(a.fileno(), EVENT_READ);
  mirror.arm(() => void calls++);
  a.close(); // and the kernel forgets it
  mirror.want(b.fileno(), EVENT_WRITE);
  await woken();
  mirror.close();
  mirror.close();
  closeSync(file);
  b.close();
});

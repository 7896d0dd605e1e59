import { closeSync, openSync } from 'node:fs';

import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  addReader,
  addWriter,
  DefaultSelector,
  EpollSelector,
  EVENT_READ,
  PollSelector,
  removeReader,
  type Selector,
  type SelectorEvent,
  SelectorIo,
  type SelectorKey,
  type SelectorMap,
} from '@tsyncio/selector-io';
import { type FileDescriptorLike, type Socket, socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { thrown } from './support/errors.js';
import { iterations } from './support/loops.js';

leakAudit();

/** A plugin author's selector: sees and counts everything. */
class CountingSelector extends EpollSelector {
  selects = 0;
  override select(timeout?: number | null): SelectorEvent[] {
    this.selects++;
    return super.select(timeout);
  }
}

test('a selector that overrides select is asked by it', async () => {
  const selector = new CountingSelector();
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const [a, b] = socketpair();
  let calls = 0;
  addReader(loop, a, () => void calls++);
  b.send(Buffer.from('x'));
  await iterations(loop, 2);
  expect([selector.selects, calls]).toEqual([2, 2]);
  removeReader(loop, a);
  loop.close();
  expect(selector.getMap()).toBeNull();
  a.close();
  b.close();
});

test("keys of someone else's in the selector are passed over", async () => {
  const selector = new EpollSelector();
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const [a, b] = socketpair();
  const [c, d] = socketpair();
  selector.register(c, EVENT_READ, 'not ours');
  d.send(Buffer.from('x'));
  let calls = 0;
  addReader(loop, a, () => void calls++);
  b.send(Buffer.from('x'));
  await iterations(loop, 1);
  expect(calls).toBe(1);
  loop.close();
  for (const socket of [a, b, c, d]) socket.close();
});

/** A selector that only implements the interface, over one of ours. */
class OwnSelector implements Selector {
  selects = 0;
  /** Thrown by the next `select`. */
  failure: unknown = null;
  constructor(protected readonly inner: PollSelector | EpollSelector) {}
  register(file: FileDescriptorLike, events: number, data?: unknown): SelectorKey {
    return this.inner.register(file, events, data);
  }
  unregister(file: FileDescriptorLike): SelectorKey {
    return this.inner.unregister(file);
  }
  modify(file: FileDescriptorLike, events: number, data?: unknown): SelectorKey {
    return this.inner.modify(file, events, data);
  }
  select(timeout?: number | null): readonly SelectorEvent[] {
    this.selects++;
    const { failure } = this;
    this.failure = null;
    if (failure !== null) throw failure;
    return this.inner.select(timeout);
  }
  getKey(file: FileDescriptorLike): SelectorKey {
    return this.inner.getKey(file);
  }
  getMap(): SelectorMap | null {
    return this.inner.getMap();
  }
  close(): void {
    this.inner.close();
  }
}

class OwnSelectorWithDescriptor extends OwnSelector {
  constructor(protected override readonly inner: EpollSelector) {
    super(inner);
  }
  fileno(): number {
    return this.inner.fileno();
  }
}

describe.each<[string, () => OwnSelector]>([
  ['without a descriptor', () => new OwnSelector(new PollSelector())],
  ['without a descriptor, over epoll', () => new OwnSelector(new EpollSelector())],
  ['with a descriptor', () => new OwnSelectorWithDescriptor(new EpollSelector())],
])("a selector of the user's own class, %s", (_name, make) => {
  let selector: OwnSelector;
  let loop: TaskLoop<SelectorIo>;
  let a: Socket;
  let b: Socket;

  beforeEach(() => {
    selector = make();
    loop = new TaskLoop({ backend: new SelectorIo(selector) });
    [a, b] = socketpair();
  });

  afterEach(() => {
    loop.close();
    a.close();
    b.close();
  });

  test('WAKE-01 drives a loop, that sleeps while nothing is ready', async () => {
    let received = '';
    const soon = (): void => void setTimeout(() => b.send(Buffer.from('x')), 2);
    addReader(loop, a, () => {
      received += String(a.recv(10));
      if (received.length === 5) loop.stop();
      else soon();
    });
    soon();
    await loop.runForever();
    expect(loop.backend.selector).toBe(selector);
    expect(selector.selects).toBeLessThan(50);
    expect(removeReader(loop, a)).toBe(true);
    expect(selector.getMap()!.size).toBe(0);
    loop.close();
    expect(selector.getMap()).toBeNull();
  });

  test('what its select throws ends the run, and the queue is intact', async () => {
    const log: string[] = [];
    addReader(loop, a, () => {
      log.push('reader');
      loop.stop();
    });
    b.send(Buffer.from('x'));
    loop.callSoon(() => log.push('queued'));
    const error = new Error('on purpose');
    selector.failure = error;
    await expect(loop.runForever()).rejects.toBe(error);
    expect([log, loop.isRunning()]).toEqual([[], false]);
    await loop.runForever();
    expect(log).toEqual(['queued', 'reader']);
  });

  test('what it throws while the loop sleeps ends the run as well', async () => {
    const error = new Error('on purpose');
    addReader(loop, a, () => undefined);
    setTimeout(() => {
      selector.failure = error;
      loop.callSoon(() => undefined);
    }, 2);
    await expect(loop.runForever()).rejects.toBe(error);
    expect(loop.isRunning()).toBe(false);
  });
});

test('a selector that refuses to register or to change: the caller hears of it, and nothing stays', async () => {
  class Refusing extends OwnSelector {
    refuses = true;
    override register(file: FileDescriptorLike, events: number, data?: unknown): SelectorKey {
      if (this.refuses) throw new Error('no room');
      return super.register(file, events, data);
    }
    override modify(file: FileDescriptorLike): never {
      this.inner.unregister(file);
      throw new Error('no change');
    }
  }
  const selector = new Refusing(new PollSelector());
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const [a, b] = socketpair();
  expect(thrown(() => addReader(loop, a, () => undefined)).message).toBe('no room');
  expect(loop.backend.active).toBe(false);
  selector.refuses = false;
  addReader(loop, a, () => undefined);
  expect(thrown(() => addWriter(loop, a, () => undefined)).message).toBe('no change');
  expect([loop.backend.active, removeReader(loop, a)]).toEqual([false, false]);
  let calls = 0;
  addReader(loop, a, () => {
    calls++;
    loop.stop();
  });
  setTimeout(() => b.send(Buffer.from('x')), 2);
  await loop.runForever();
  expect(calls).toBe(1);
  loop.close();
  a.close();
  b.close();
});

test.each<[string, () => number, object]>([
  ['a regular file', () => openSync(__filename, 'r'), { name: 'PermissionError', code: 'EPERM', syscall: 'epoll_ctl' }],
  ['no open descriptor', () => 999_999, { code: 'EBADF', syscall: 'epoll_ctl' }],
  ['no descriptor', () => -1, { name: 'ValueError' }],
])('a selector whose fileno() is %s ends the run, not the process', async (name, make, error) => {
  const fd = make();
  class Wrong extends EpollSelector {
    override fileno(): number {
      return fd;
    }
  }
  const loop = new TaskLoop({ backend: new SelectorIo(new Wrong()) });
  const [a, b] = socketpair();
  addReader(loop, a, () => loop.stop());
  await expect(loop.runForever()).rejects.toMatchObject(error);
  b.send(Buffer.from('x'));
  await loop.runForever(); // it need not sleep
  loop.close();
  a.close();
  b.close();
  if (name === 'a regular file') closeSync(fd);
});

test('two loops may sleep on one descriptor', async () => {
  const shared = new EpollSelector();
  const [a, b] = socketpair();
  const make = (): TaskLoop<SelectorIo> => {
    class Sharing extends EpollSelector {
      override fileno(): number {
        return shared.fileno();
      }
    }
    return new TaskLoop({ backend: new SelectorIo(new Sharing()) });
  };
  const loops = [make(), make()];
  const [c, d] = socketpair();
  for (const loop of loops) addReader(loop, c, () => undefined);
  shared.register(a, EVENT_READ);
  const runs = loops.map((loop) => {
    const arm = loop.backend.arm.bind(loop.backend);
    jest.spyOn(loop.backend, 'arm').mockImplementation((turn) => {
      arm(() => {
        loop.stop();
        turn();
      });
    });
    return loop.runForever();
  });
  setTimeout(() => b.send(Buffer.from('x')), 2);
  await Promise.all(runs);
  for (const loop of loops) loop.close();
  shared.close();
  for (const socket of [a, b, c, d]) socket.close();
});

test('a selector serves one loop', () => {
  const selector = new EpollSelector();
  const backend = new SelectorIo(selector);
  expect(thrown(() => new SelectorIo(selector))).toMatchObject({
    name: 'RuntimeError',
    message: 'this selector already serves another loop',
  });
  backend.close();
});

test('WAKE-01 without a selector there is the best one of the platform', () => {
  const backend = new SelectorIo();
  expect(backend.selector).toBeInstanceOf(DefaultSelector);
  backend.close();
});

test.each([[null], [{}], [{ select: () => [] }], [{ fileno: () => 1 }]])('%p is no selector for a loop', (selector) => {
  expect(thrown(() => new SelectorIo(selector as never))).toMatchObject({
    name: 'TypeError',
    message: expect.stringMatching(/^selector must /),
  });
});

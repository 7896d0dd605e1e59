import { Context, ContextVar, copyContext, Handle, Scheduler, type Handle as AnyHandle } from '@tsyncio/core';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

leakAudit();

let loop: Scheduler;
let variable: ContextVar<string>;
let seen: string[];
beforeEach(() => {
  loop = new Scheduler();
  variable = new ContextVar('v', { default: 'default' });
  seen = [];
});
afterEach(() => loop.close());

const read = (): void => {
  seen.push(variable.get());
};

const ways: [string, (callback: () => void) => AnyHandle][] = [
  ['callSoon', (callback) => loop.callSoon(callback)],
  ['callSoonThreadsafe', (callback) => loop.callSoonThreadsafe(callback)],
  ['callLater', (callback) => loop.callLater(0, callback)],
  ['callAt', (callback) => loop.callAt(0, callback)],
];

test.each(ways)('CTX-01 %s runs the callback in a copy of the context of the call', async (_, schedule) => {
  new Context().run(() => {
    variable.set('before');
    schedule(read);
    variable.set('after');
  });
  schedule(read);
  await runOnce(loop);
  expect(seen).toEqual(['before', 'default']);
});

test.each(ways)('CTX-01 the same from inside a callback: %s', async (_, schedule) => {
  loop.callSoon(() => {
    variable.set('before');
    schedule(read);
    variable.set('after');
    schedule(read);
  });
  await runOnce(loop);
  await runOnce(loop);
  expect(seen).toEqual(['before', 'after']);
});

test.each(ways)('CTX-02 what a callback of %s changes, nobody else sees', async (_, schedule) => {
  schedule(() => {
    read();
    variable.set('mine');
    read();
  });
  schedule(read);
  loop.callSoon(() => {
    variable.set('scheduler');
    schedule(() => variable.set('inner'));
    schedule(read);
  });
  await runOnce(loop);
  await runOnce(loop);
  await runOnce(loop);
  expect(seen).toEqual(['default', 'mine', 'default', 'scheduler']);
  expect(variable.get()).toBe('default');
});

test('CTX-02 what an async callback changes stays with it across its awaits', async () => {
  loop.callSoon(async () => {
    variable.set('mine');
    await Promise.resolve();
    read();
    variable.set('mine too');
    await Promise.resolve();
    read();
    loop.callSoon(read);
  });
  loop.callSoon(read);
  await runOnce(loop);
  await runOnce(loop);
  expect(seen).toEqual(['mine', 'mine too', 'default', 'mine too']);
});

test('CTX-03 a bound callback runs in the context itself: changes persist in it', async () => {
  const context = new Context();
  const change = (value: string): void => {
    read();
    variable.set(value);
  };
  loop.callSoon(context.bind(change), 'one');
  loop.callLater(0, context.bind(change), 'two');
  loop.callSoon(read);
  await runOnce(loop);
  expect(seen).toEqual(['default', 'default', 'one']);
  expect(context.get(variable)).toBe('two');
});

test('CTX-03 a report names the bound function', async () => {
  const contexts = recordExceptions(loop);
  loop.callSoon(
    new Context().bind(function named() {
      throw new Error('mine');
    }),
  );
  await runOnce(loop);
  expect(contexts[0]!.message).toBe('Exception in callback named()');
});

test('CTX-04 a wrong context of a handle is a TypeError when it is made', () => {
  for (const wrong of [1, 'x', {}, null]) {
    expect(() => new Handle(() => undefined, [], loop, wrong as never)).toThrow(TypeError);
  }
});

test('CTX-04 an entered context is reported when the handle comes up, and the callback is not called', async () => {
  const contexts = recordExceptions(loop);
  const context = new Context();
  const handle = loop.callSoon(context.bind(read));
  context.run(() => handle.run());
  expect(contexts.map(({ exception }) => (exception as Error).name)).toEqual(['RuntimeError']);
  expect(contexts[0]!.handle === handle).toBe(true);
  expect(seen).toEqual([]);
});

test('CTX-04 a run started inside of a context does not keep it entered: the run is asynchronous', async () => {
  const context = new Context();
  loop.callSoon(context.bind(read));
  loop.stop();
  await context.run(() => {
    variable.set('of the run');
    return loop.runForever();
  });
  expect(seen).toEqual(['of the run']);
});

test('CTX-09 a handle that runs again and again keeps what its callback sets in its own copy', async () => {
  let handle!: Handle;
  new Context().run(() => {
    variable.set('registered');
    handle = new Handle(
      () => {
        read();
        variable.set(`${variable.get()}+`);
      },
      [],
      loop,
      copyContext(),
    );
    variable.set('too late');
  });
  for (let i = 0; i < 3; i++) loop.enqueue(handle);
  loop.callSoon(read);
  await runOnce(loop);
  expect(seen).toEqual(['registered', 'registered+', 'registered++', 'default']);
});

import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { Context, ContextVar, Handle, Scheduler } from '@tsyncio/core';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';

leakAudit();

const storage = new AsyncLocalStorage<string>();
const variable = new ContextVar('request', { default: 'none' });

test('two interleaved users of AsyncLocalStorage never mix, through callbacks, timers, steps and reports', async () => {
  const loop = new Scheduler();
  const wrong: string[] = [];
  let checks = 0;
  const check = (name: string, where: string): void => {
    checks++;
    if (storage.getStore() !== name) wrong.push(`${where} of ${name}: ${storage.getStore()}`);
    if (variable.get() !== name) wrong.push(`${where} of ${name}: the variable is ${variable.get()}`);
  };
  recordExceptions(loop);
  let open = 0;
  const request = (name: string, depth: number): void => {
    open += 2;
    const done = (): void => {
      if (--open === 0) loop.stop();
    };
    check(name, 'begin');
    loop.callSoon(() => check(name, 'callSoon'));
    loop.callSoonThreadsafe(async () => {
      check(name, 'async before');
      await Promise.resolve();
      check(name, 'async after');
      await wait(1);
      check(name, 'async after a wait for Node');
      loop.callSoon(() => {
        check(name, 'callSoon after a wait for Node');
        done();
      });
    });
    loop.enqueue(new Handle(() => check(name, 'handle'), [], loop));
    loop.callLater(0.001 * depth, () => {
      check(name, 'timer');
      if (depth > 0) request(name, depth - 1);
      loop.callLater(0.01, done);
    });
  };
  for (const name of ['one', 'two', 'three']) {
    storage.run(name, () =>
      new Context().run(() => {
        variable.set(name);
        request(name, 5);
      }),
    );
  }
  await loop.runForever();
  expect(wrong).toEqual([]);
  expect(checks).toBe(3 * 6 * 8);
  loop.close();
});

test('a run begun for one user does not lend its context to the callbacks of others', async () => {
  const loop = new Scheduler();
  const seen: unknown[] = [];
  loop.callSoon(() => seen.push(storage.getStore()));
  const run = storage.run('runner', () => loop.runForever());
  storage.run('caller', () => loop.callSoon(() => seen.push(storage.getStore())));
  storage.run('stopper', () => loop.callLater(0.001, () => loop.stop()));
  await run;
  expect(seen).toEqual([undefined, 'caller']);
  loop.close();
});

test('what a callback enters does not leak into the next one', async () => {
  const loop = new Scheduler();
  const seen: unknown[] = [];
  storage.run('mine', () => {
    loop.callSoon(() => {
      storage.enterWith('entered');
      seen.push(storage.getStore());
    });
    loop.callSoon(() => seen.push(storage.getStore()));
  });
  loop.stop();
  await loop.runForever();
  expect(seen).toEqual(['entered', 'mine']);
  expect(storage.getStore()).toBeUndefined();
  loop.close();
});

import { AsyncResource } from 'node:async_hooks';
import {
  currentPolicy,
  getEventLoop,
  getRunningLoop,
  getRunningLoopOrNull,
  KeyboardInterrupt,
  replacePolicy,
  Scheduler,
  setDefaultPolicyFactory,
  setRunningLoop,
  threadState,
  type LoopPolicy,
} from '@tsyncio/core';
import { leakAudit, recordExceptions } from '@tsyncio/test-support';
import { runOnce } from './virtual-loop.js';

leakAudit();

let loop: Scheduler;
beforeEach(() => {
  loop = new Scheduler();
});
afterEach(() => loop.close());

const refused = expect.objectContaining({ name: 'RuntimeError', message: 'no running event loop' });

test('RUNLOOP-01 the running loop is known in callbacks, timers, the exception handler and after awaits', async () => {
  const seen: unknown[] = [];
  recordExceptions(loop);
  loop.setExceptionHandler(() => {
    seen.push(getRunningLoop());
  });
  loop.callSoon(() => seen.push(getRunningLoop()));
  loop.callSoon(async () => {
    await Promise.resolve();
    seen.push(getRunningLoop());
    throw new Error('mine');
  });
  loop.callLater(0, () => seen.push(getRunningLoop()));
  await runOnce(loop);
  expect(seen.map((each) => each === loop)).toEqual([true, true, true, true]);
});

test('RUNLOOP-01 code of Node belongs to the one loop that is running', async () => {
  const run = loop.runForever();
  expect(getRunningLoop()).toBe(loop);
  const other = new Scheduler();
  const otherRun = other.runForever();
  expect(getRunningLoopOrNull()).toBeNull();
  other.stop();
  await otherRun;
  expect(getRunningLoop()).toBe(loop);
  loop.stop();
  await run;
  other.close();
});

test('RUNLOOP-02 outside of a run there is none, also where there is a current one', () => {
  const policy: LoopPolicy = { getEventLoop: () => loop, setEventLoop: () => undefined, newEventLoop: () => loop };
  replacePolicy(policy);
  expect(() => getRunningLoop()).toThrow(refused);
  expect(getRunningLoopOrNull()).toBeNull();
  expect(getEventLoop()).toBe(loop);
  replacePolicy(null);
});

test('RUNLOOP-03 RUNLOOP-04 a stopped loop counts as none, also in code that it has begun', async () => {
  let scope!: AsyncResource;
  loop.callSoon(() => {
    scope = new AsyncResource('test');
  });
  await runOnce(loop);
  expect(scope.runInAsyncScope(getRunningLoopOrNull)).toBeNull();
  expect(threadState.running.size).toBe(0);
  const other = new Scheduler();
  await scope.runInAsyncScope(() => runOnce(other));
  other.close();
});

test('RUNLOOP-04 the registration ends with the run, also with one that fails', async () => {
  loop.callSoon(() => {
    throw new KeyboardInterrupt();
  });
  await expect(loop.runForever()).rejects.toThrow(KeyboardInterrupt);
  expect(() => getRunningLoop()).toThrow(refused);
  await runOnce(loop);
  expect(() => getRunningLoop()).toThrow(refused);
});

test('a loop of another kind registers itself', () => {
  const foreign = { isRunning: () => true, isClosed: () => false };
  setRunningLoop(foreign);
  expect(getRunningLoop()).toBe(foreign);
  setRunningLoop(null);
  expect(getRunningLoopOrNull()).toBeNull();
});

test('without a policy, getEventLoop says what to install; the first default factory wins', () => {
  expect(currentPolicy()).toBeNull();
  expect(() => getEventLoop()).toThrow('import "tsyncio"');
  let made = 0;
  const policy: LoopPolicy = { getEventLoop: () => loop, setEventLoop: () => undefined, newEventLoop: () => loop };
  setDefaultPolicyFactory(() => {
    made++;
    return policy;
  });
  setDefaultPolicyFactory(() => {
    throw new Error('second');
  });
  expect([currentPolicy() === policy, getEventLoop() === loop, made]).toEqual([true, true, 1]);
  replacePolicy(null);
  expect([getEventLoop() === loop, made]).toEqual([true, 2]);
  threadState.defaultPolicyFactory = null;
  replacePolicy(null);
});

test('POLICY-01 getEventLoop gives the running loop and asks no policy', async () => {
  const fail = (): never => {
    throw new Error('asked');
  };
  replacePolicy({ getEventLoop: fail, setEventLoop: fail, newEventLoop: fail });
  const seen: unknown[] = [];
  loop.callSoon(() => seen.push(getEventLoop()));
  await runOnce(loop);
  replacePolicy(null);
  expect(seen[0]).toBe(loop);
});

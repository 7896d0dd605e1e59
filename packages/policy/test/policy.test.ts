import { replacePolicy, RuntimeError, setRunningLoop, type AnyLoop } from '@tsyncio/core';
import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  AbstractEventLoopPolicy,
  BaseDefaultEventLoopPolicy,
  getEventLoop,
  getEventLoopPolicy,
  newEventLoop,
  setEventLoop,
  setEventLoopPolicy,
} from '@tsyncio/policy';
import { compilePackages, runProgram } from '@tsyncio/test-support';

class TestPolicy extends BaseDefaultEventLoopPolicy<TaskLoop> {
  made: TaskLoop[] = [];
  override loopFactory(): TaskLoop {
    const loop = new TaskLoop();
    this.made.push(loop);
    return loop;
  }
}

let policy: TestPolicy;
beforeEach(() => {
  policy = new TestPolicy();
  setEventLoopPolicy(policy);
});
afterEach(() => {
  for (const loop of policy.made) loop.close();
  replacePolicy(null);
});

test('POLICY-01 getEventLoop() in a run gives the running loop without asking the policy', async () => {
  const other = policy.newEventLoop();
  const loop = policy.newEventLoop();
  let asked = 0;
  policy.getEventLoop = () => {
    asked++;
    throw new Error('asked');
  };
  const seen: AnyLoop[] = [];
  loop.callSoon(() => {
    setEventLoop(other);
    seen.push(getEventLoop());
    loop.stop();
  });
  await loop.runForever();
  expect(seen).toEqual([loop]);
  expect(asked).toBe(0);
  expect(() => getEventLoop()).toThrow('asked');
});

test('POLICY-02 the first getEventLoop() makes a loop through newEventLoop and setEventLoop, later ones give the same', () => {
  const calls: string[] = [];
  class Overridden extends TestPolicy {
    override newEventLoop(): TaskLoop {
      calls.push('new');
      return super.newEventLoop();
    }
    override setEventLoop(loop: TaskLoop | null): void {
      calls.push('set');
      super.setEventLoop(loop);
    }
  }
  policy = new Overridden();
  setEventLoopPolicy(policy);
  const loop = getEventLoop();
  expect(getEventLoop()).toBe(loop);
  expect(policy.made).toEqual([loop]);
  expect(calls).toEqual(['new', 'set']);
});

test('POLICY-03 after setEventLoop(null) nothing is made: getEventLoop() is a RuntimeError', () => {
  setEventLoop(null);
  expect(() => getEventLoop()).toThrow(RuntimeError);
  expect(() => getEventLoop()).toThrow('There is no current event loop in');
  setEventLoop(newEventLoop());
  expect(getEventLoop()).toBe(policy.made[0]);
  setEventLoop(null);
  expect(() => getEventLoop()).toThrow('There is no current event loop in');
  expect(policy.made).toHaveLength(1);
});

test('POLICY-05 a loop that was set is given also after it was closed', () => {
  const loop = policy.newEventLoop();
  setEventLoop(loop);
  expect(getEventLoop()).toBe(loop);
  loop.close();
  expect(getEventLoop()).toBe(loop);
});

test.each([5, 'loop', {}, undefined, () => undefined])('POLICY-06 setEventLoop(%p) is a TypeError', (bad) => {
  const loop = policy.newEventLoop();
  setEventLoop(loop);
  expect(() => setEventLoop(bad as never)).toThrow(TypeError);
  expect(getEventLoop()).toBe(loop);
});

test('POLICY-07 newEventLoop() gives a fresh, open, idle loop each time and does not make it current', () => {
  setEventLoop(null);
  const [a, b] = [newEventLoop(), newEventLoop()];
  expect(a).not.toBe(b);
  expect([a.isRunning(), a.isClosed()]).toEqual([false, false]);
  expect(() => getEventLoop()).toThrow(RuntimeError);
});

test('POLICY-08 the functions ask the current policy', () => {
  const loop = policy.newEventLoop();
  const calls: unknown[] = [];
  class Custom extends AbstractEventLoopPolicy<TaskLoop> {
    override getEventLoop(): TaskLoop {
      calls.push('get');
      return loop;
    }
    override setEventLoop(value: TaskLoop | null): void {
      calls.push(['set', value]);
    }
    override newEventLoop(): TaskLoop {
      calls.push('new');
      return loop;
    }
  }
  setEventLoopPolicy(new Custom());
  expect(getEventLoop()).toBe(loop);
  setEventLoop(null);
  expect(newEventLoop()).toBe(loop);
  expect(calls).toEqual(['get', ['set', null], 'new']);
});

test('POLICY-09 the policy stays until it is replaced; anything but a policy or null is a TypeError', () => {
  expect(getEventLoopPolicy()).toBe(policy);
  expect(getEventLoopPolicy()).toBe(policy);
  for (const bad of [5, {}, TestPolicy, undefined]) {
    expect(() => setEventLoopPolicy(bad as never)).toThrow(TypeError);
  }
  expect(getEventLoopPolicy()).toBe(policy);
  const next = new TestPolicy();
  setEventLoopPolicy(next);
  expect(getEventLoopPolicy()).toBe(next);
});

test('without a default policy every access is a RuntimeError that says what to install', () => {
  setEventLoopPolicy(null);
  expect(() => getEventLoopPolicy()).toThrow(/import "tsyncio"/);
  expect(() => getEventLoop()).toThrow(/import "tsyncio"/);
  expect(() => newEventLoop()).toThrow(/import "tsyncio"/);
  expect(() => setEventLoop(null)).toThrow(/import "tsyncio"/);
});

test('POLICY-11 every method of the abstract policy throws NotImplementedError', () => {
  const abstract = new AbstractEventLoopPolicy();
  for (const call of [
    () => abstract.getEventLoop(),
    () => abstract.setEventLoop(null),
    () => abstract.newEventLoop(),
    () => new BaseDefaultEventLoopPolicy().newEventLoop(),
  ]) {
    expect(call).toThrow(expect.objectContaining({ name: 'NotImplementedError' }));
  }
});

test('POLICY-04 in a worker there is no current loop until one was set there', async () => {
  setEventLoop(policy.newEventLoop());
  const packages = compilePackages('core', 'futures-tasks', 'policy');
  try {
    const { stdout, stderr } = await runProgram(
      `const { Worker } = require('node:worker_threads');
       const body = \`
         const { parentPort } = require('node:worker_threads');
         const { TaskLoop } = require('@tsyncio/futures-tasks');
         const { BaseDefaultEventLoopPolicy } = require('@tsyncio/policy');
         class Policy extends BaseDefaultEventLoopPolicy { loopFactory() { return new TaskLoop(); } }
         const policy = new Policy();
         const seen = [];
         try { policy.getEventLoop(); } catch (error) { seen.push(error.name + ': ' + error.message); }
         policy.setEventLoop(policy.newEventLoop());
         seen.push(policy.getEventLoop() === policy.getEventLoop());
         policy.getEventLoop().close();
         parentPort.postMessage(seen);\`;
       new Worker(body, { eval: true }).on('message', (seen) => console.log(JSON.stringify(seen)));`,
      { cwd: packages.folder, type: 'commonjs' },
    );
    expect(stderr).toBe('');
    const [message, same] = JSON.parse(stdout) as [string, boolean];
    expect(message).toMatch(/^RuntimeError: There is no current event loop in worker thread \d+\.$/);
    expect(same).toBe(true);
  } finally {
    packages.remove();
  }
  expect(getEventLoop()).toBe(policy.made[0]);
});

test('a foreign loop named by setRunningLoop is the running one', () => {
  const foreign = { isRunning: () => true, isClosed: () => false };
  setRunningLoop(foreign);
  try {
    expect(getEventLoop()).toBe(foreign);
  } finally {
    setRunningLoop(null);
  }
});

import { copyContext, ContextVar, isCancelled } from '@tsyncio/core';
import {
  allTasks,
  createEagerTaskFactory,
  currentTask,
  eagerTaskFactory,
  sleep,
  Task,
  TaskLoop,
  type Future,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

// The order of events: structured.test.ts, against CPython 3.13.

test('eagerStart begins one task at once, and nothing else changes', () =>
  play(async ({ loop, trace }) => {
    const eager = loop.createTask(async () => void trace.push('eager', currentTask()!.getName()), {
      eagerStart: true,
      name: 'early',
    });
    const usual = loop.createTask(async () => void trace.push('usual'));
    trace.push('made');
    await usual;
    await eager;
    expect(trace).toEqual(['eager', 'early', 'made', 'usual']);
  }));

test('an async function that waits for nothing is over within the step, without an iteration', () =>
  play(async (world) => {
    const task = world.loop.createTask(async () => 'value', { eagerStart: true });
    expect([task.done(), allTasks().has(task)]).toEqual([false, true]);
    const { iteration } = world;
    await Promise.resolve();
    await Promise.resolve();
    expect([task.done(), world.iteration, allTasks().has(task)]).toEqual([true, iteration, false]);
    expect(await task).toBe('value');
    // It was begun by the call, but did not end there.
    expect(task.getCoro()).not.toBe(null);
    expect(String(task)).toMatch(/^<Task finished name='Task-\d+' coro=<<function>\(\) done> result='value'>$/);
  }));

test('a generator that waits for nothing is done when the call returns, and has no coroutine any more', () =>
  play(async ({ loop }) => {
    const task = loop.createTask(
      (function* () {
        return 'value';
      })(),
      { eagerStart: true, name: 'quick' },
    );
    expect([task.done(), task.result(), task.getCoro(), String(task)]).toEqual([
      true,
      'value',
      null,
      "<Task finished name='quick' result='value'>",
    ]);
  }));

test('steps of async functions do not mix with jobs of the loop, wherever they were begun', () =>
  play(async ({ loop, trace }) => {
    const step = async (): Promise<void> => {
      trace.push('begins');
      for (let i = 0; i < 5; i++) await Promise.resolve();
      trace.push('ends');
    };
    loop.callSoon(() => void loop.createTask(step, { eagerStart: true }));
    loop.callSoon(() => trace.push('next'));
    await sleep(0);
    await sleep(0);
    expect(trace).toEqual(['begins', 'ends', 'next']);
    trace.length = 0;
    const task = loop.createTask(
      (function* () {
        void loop.createTask(step, { eagerStart: true });
        yield;
      })(),
    );
    loop.callSoon(() => trace.push('next'));
    await task;
    expect(trace).toEqual(['begins', 'ends', 'next']);
  }));

test('outside of the code of the running loop the task begins as usual', async () => {
  const loop = new TaskLoop();
  loop.setTaskFactory(eagerTaskFactory);
  const begin = jest.fn(async () => 1);
  const task = loop.createTask(begin);
  expect(begin).not.toHaveBeenCalled();
  await loop.runUntilComplete(task);
  const other = new TaskLoop();
  await loop.runUntilComplete(async () => {
    begin.mockClear();
    const foreign = other.createTask(begin, { eagerStart: true });
    expect(begin).not.toHaveBeenCalled();
    foreign.cancel();
  });
  await other.runUntilComplete(async () => undefined);
  loop.close();
  other.close();
});

test('eagerTaskFactory passes the options on; eagerStart: false has one begin as usual', () =>
  play(async ({ loop, trace }) => {
    loop.setTaskFactory(eagerTaskFactory);
    const variable = new ContextVar('variable', { default: 0 });
    const context = copyContext();
    variable.set(1);
    const look = async (): Promise<void> => void trace.push(`${currentTask()!.getName()} ${variable.get()}`);
    void loop.createTask(look, { name: 'own', context });
    const late = loop.createTask(look, { name: 'late', eagerStart: false });
    void loop.createTask(look, { name: 'copy' });
    await late;
    expect(trace).toEqual(['own 0', 'copy 1', 'late 1']);
  }));

test('createEagerTaskFactory makes tasks of a class', () =>
  play(async ({ loop }) => {
    class Own<T> extends Task<T> {}
    loop.setTaskFactory(createEagerTaskFactory(Own));
    let begun = false;
    const task = loop.createTask(async () => {
      begun = true;
    });
    expect(task).toBeInstanceOf(Own);
    expect(begun).toBe(true);
    await task;
    expect(() => createEagerTaskFactory(5 as never)).toThrow(TypeError);
  }));

test('one whose signal is aborted does not begin', () =>
  play(async ({ loop }) => {
    const begin = jest.fn(async () => 1);
    const task = loop.createTask(begin, { eagerStart: true, signal: AbortSignal.abort() });
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect(begin).not.toHaveBeenCalled();
  }));

test('what it throws at once stays in the task; the caller goes on in its own task and context', () =>
  play(async ({ loop }) => {
    const variable = new ContextVar('variable', { default: 'outside' });
    const self = currentTask();
    const error = new Error('at once');
    const task: Future = loop.createTask(
      () => {
        variable.set('inside');
        throw error;
      },
      { eagerStart: true },
    );
    expect(currentTask()).toBe(self);
    expect(variable.get()).toBe('outside');
    expect(task.exception()).toBe(error);
  }));

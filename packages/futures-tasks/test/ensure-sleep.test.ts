import { isCancelled } from '@tsyncio/core';
import {
  ensureFuture,
  isFuture,
  sleep,
  Task,
  TaskLoop,
  type Coroutine,
  type TaskOptions,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

test('ENSURE-01 a coroutine becomes a task, made by createTask of the current loop or of the one given', async () => {
  const made: string[] = [];
  class Counting extends TaskLoop {
    override createTask<T>(coroutine: Coroutine<T>, options?: Omit<TaskOptions, 'loop'>): Task<T> {
      made.push('task');
      return super.createTask(coroutine, options);
    }
  }
  const loop = new Counting();
  const task = ensureFuture(async () => 1, { loop });
  expect([made.length, task instanceof Task, task.getLoop() === loop]).toEqual([1, true, true]);
  await loop.runUntilComplete(async () => {
    made.length = 0;
    const inner = ensureFuture(
      (function* () {
        yield;
        return 2;
      })(),
    );
    expect([made.length, inner.getLoop() === loop, await inner]).toEqual([1, true, 2]);
  });
  expect(await loop.runUntilComplete(task)).toBe(1);
  loop.close();
});

test('ENSURE-01 without a loop there is none to make the task', async () => {
  expect((await errorOf(() => ensureFuture(async () => 1))).name).toBe('RuntimeError');
});

test('ENSURE-02 a future and a task are given back as they are; another loop is a ValueError', () =>
  play(async ({ loop }) => {
    const other = new TaskLoop();
    const future = loop.createFuture<void>();
    const task = loop.createTask(async () => 1);
    expect(ensureFuture(future)).toBe(future);
    expect(ensureFuture(task, { loop })).toBe(task);
    expect((await errorOf(() => ensureFuture(future, { loop: other }))).name).toBe('ValueError');
    await task;
    other.close();
  }));

test('ENSURE-03 an operation goes on inside a task, a promise is adopted, anything else is a TypeError', () =>
  play(async ({ loop }) => {
    const task = ensureFuture(sleep(1, 'slept'));
    expect(task).toBeInstanceOf(Task);
    expect(await task).toBe('slept');
    const adopted = ensureFuture(Promise.resolve('kept'));
    expect([isFuture(adopted), adopted.getLoop()]).toEqual([true, loop]);
    expect(await adopted).toBe('kept');
    const failed = ensureFuture(Promise.reject(new Error('broken')));
    expect((await errorOf(failed)).message).toBe('broken');
    for (const wrong of [1, 'text', null, undefined, {}, [], function* () {}]) {
      expect((await errorOf(() => ensureFuture(wrong as never))).name).toBe('TypeError');
    }
  }));

test('ENSURE-03 a task made for an operation, cancelled before its first step, ends the operation', () =>
  play(async ({ loop, now }) => {
    const operation = sleep(5);
    const task = ensureFuture(operation);
    expect(task.cancel()).toBe(true);
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect([operation.cancelled(), loop.time() - now]).toEqual([true, 0]);
  }));

test('SLEEP-01 resumes once the clock has advanced by the delay, with undefined or the result given', () =>
  play(async ({ loop }) => {
    const begin = loop.time();
    expect(await sleep(1.5)).toBe(undefined);
    expect(loop.time() - begin).toBe(1.5);
    expect(await sleep(0.5, 'rested')).toBe('rested');
    expect(loop.time() - begin).toBe(2);
    expect(await sleep(0.25, null)).toBe(null);
  }));

test.each([0, -1])('SLEEP-02 a delay of %d lets exactly one iteration pass, without a timer', (delay) =>
  play(async (world) => {
    world.loop.callSoon(() => world.log('queued before'));
    const before = world.iteration;
    const operation = sleep(delay, 'result');
    expect(world.loop.timersLeft()).toBe(0);
    expect(await operation).toBe('result');
    expect([world.iteration - before, world.trace, world.now]).toEqual([1, ['queued before'], 0]);
  }),
);

test('SLEEP-03 cancelling a sleeping task cancels its timer and throws at the sleep', () =>
  play(async ({ loop, trace }) => {
    const task = loop.createTask(async () => {
      try {
        await sleep(10);
      } catch (error) {
        trace.push(isCancelled(error) ? 'cancelled' : String(error));
        throw error;
      }
    });
    await sleep(0);
    expect(loop.timersLeft()).toBe(1);
    task.cancel();
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect([trace, task.cancelled(), loop.timersLeft(), loop.time()]).toEqual([['cancelled'], true, 0, 0]);
  }));

test('SLEEP-04 it begins at the call; a wrong delay is an error of the operation, not of the call', () =>
  play(async ({ loop }) => {
    const operation = sleep(1);
    expect(loop.timersLeft()).toBe(1);
    await sleep(0.5);
    await operation;
    expect(loop.time()).toBe(1);
    const wrong = sleep('1' as never);
    expect((await errorOf(wrong)).name).toBe('TypeError');
    expect((await errorOf(sleep(NaN))).name).toBe('ValueError');
  }));

test('SLEEP-04 outside of any run it is a RuntimeError of the operation', async () => {
  expect((await errorOf(sleep(0))).name).toBe('RuntimeError');
});

test('SLEEP-02 of many tasks: the next iteration runs them in the order in which they slept', () =>
  play(async ({ loop, trace }) => {
    const tasks = ['a', 'b', 'c'].map((name) =>
      loop.createTask(async () => {
        for (let i = 0; i < 2; i++) {
          trace.push(name + i);
          await sleep(0);
        }
      }),
    );
    for (const task of tasks) await task;
    expect(trace).toEqual(['a0', 'b0', 'c0', 'a1', 'b1', 'c1']);
  }));

import { AsyncLocalStorage } from 'node:async_hooks';
import { ContextVar, copyContext, isCancelled, KeyboardInterrupt } from '@tsyncio/core';
import { currentTask, type Future, sleep, taskGroup, timeout, type Task, type TaskGroup } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play, World } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

// The order of events, cancellations and errors: structured.test.ts, against CPython 3.13.

test('what the body gives; its tasks are over when the group is', () =>
  play(async ({ loop }) => {
    const tasks: Task[] = [];
    const value = await taskGroup(async (group) => {
      for (const delay of [1, 2, 3]) tasks.push(group.createTask(() => sleep(delay, delay)));
      return (await tasks[0]) as number;
    });
    expect(value).toBe(1);
    expect(tasks.map((task) => task.result())).toEqual([1, 2, 3]);
    expect(loop.time()).toBe(3);
  }));

test('all failures in one AggregateError, in the order in which they came, that of the body last', () =>
  play(async () => {
    const errors = [new Error('first'), new Error('clean-up'), new Error('body')];
    const error = await errorOf(
      taskGroup(async (group) => {
        void group.createTask(async () => {
          await sleep(1);
          throw errors[0];
        });
        void group.createTask(async () => {
          try {
            await sleep(10);
          } catch {
            throw errors[1];
          }
        });
        try {
          await sleep(10);
        } catch {
          throw errors[2];
        }
      }),
    );
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.message).toBe('unhandled errors in a TaskGroup (3 sub-exceptions)');
    expect(error.errors).toEqual(errors);
    const one = await errorOf(
      taskGroup(async () => {
        throw errors[2];
      }),
    );
    expect(one.message).toBe('unhandled errors in a TaskGroup (1 sub-exception)');
  }));

test('two groups side by side in one task: the failure of one does not touch the other', () =>
  play(async ({ loop }) => {
    const [failed, fine] = await Promise.allSettled([
      taskGroup(async (group) => {
        void group.createTask(async () => {
          await sleep(1);
          throw new Error('one');
        });
        await sleep(10);
      }),
      taskGroup(async (group) => {
        const task = group.createTask(() => sleep(2, 'two'));
        await sleep(3);
        return task;
      }),
    ]);
    expect(failed).toMatchObject({ status: 'rejected', reason: { name: 'AggregateError' } });
    expect(fine).toEqual({ status: 'fulfilled', value: 'two' });
    expect([loop.time(), currentTask()!.cancelling()]).toEqual([3, 0]);
  }));

test('options of createTask; tasks have the context of their creator', () =>
  play(async () => {
    const variable = new ContextVar('variable', { default: 0 });
    const request = new AsyncLocalStorage<string>();
    const context = copyContext();
    variable.set(1);
    const seen: unknown[] = [];
    const look = async (): Promise<void> =>
      void seen.push(currentTask()!.getName(), variable.get(), request.getStore());
    await taskGroup(async (group) => {
      request.run('mine', () => void group.createTask(look, { name: 'one' }));
      void group.createTask(look, { name: 'two', context });
    });
    expect(seen).toEqual(['one', 1, 'mine', 'two', 0, undefined]);
  }));

test('the states in words; a task refused is not begun, and a generator is closed', () =>
  play(async () => {
    const seen: string[] = [];
    let held!: TaskGroup;
    await errorOf(
      taskGroup(async (group) => {
        held = group;
        seen.push(String(group));
        void group.createTask(() => sleep(10));
        void group.createTask(async () => {
          throw new Error('at once');
        });
        seen.push(String(group));
        try {
          await sleep(10);
        } finally {
          seen.push(String(group));
          expect(() => void group.createTask(async () => seen.push('begun'))).toThrow('is shutting down');
        }
      }),
    );
    const generator = (function* () {
      yield;
      seen.push('begun');
    })();
    expect(() => void held.createTask(generator)).toThrow('is finished');
    expect(generator.next()).toEqual({ done: true, value: undefined });
    expect(seen).toEqual([
      '<TaskGroup entered>',
      '<TaskGroup tasks=2 entered>',
      '<TaskGroup tasks=1 errors=1 cancelling>',
    ]);
  }));

test('KeyboardInterrupt of a task ends the run, and afterwards comes out of the group by itself', async () => {
  const world = new World();
  const { loop } = world;
  let outcome: unknown;
  const main = loop.createTask(async () => {
    outcome = await errorOf(
      taskGroup(async (group) => {
        void group.createTask(async () => {
          await sleep(1);
          throw new KeyboardInterrupt('stop');
        });
        void group.createTask(() => sleep(10));
        await sleep(10);
      }),
    );
  });
  await expect(world.host.drive(loop.runUntilComplete(main))).rejects.toThrow('stop');
  await world.host.drive(loop.runUntilComplete(main)).catch(() => undefined);
  expect(outcome).toBeInstanceOf(KeyboardInterrupt);
  loop.close();
  expect(world.takeReports()).toEqual([]);
});

test('a task factory of any kind of future', () =>
  play(async ({ loop }) => {
    let made: Future | undefined;
    loop.setTaskFactory((_loop, coroutine) => {
      void coroutine;
      made = loop.createFuture();
      return made as never;
    });
    const running = taskGroup(async (group) => {
      void group.createTask(async () => undefined);
    });
    loop.setTaskFactory(null);
    await sleep(0);
    expect(running.done()).toBe(false);
    made!.setException(new Error('foreign'));
    expect((await errorOf(running)).errors).toEqual([new Error('foreign')]);
  }));

test('a task of the group is held by nobody once it is done', () =>
  play(async ({ loop }) => {
    await taskGroup(async (group) => {
      for (let i = 0; i < 1000; i++) {
        void group.createTask(() => sleep(0));
        await sleep(0);
        await sleep(0);
      }
      await sleep(0);
      expect(String(group)).toBe('<TaskGroup entered>');
    });
    expect(loop.time()).toBe(0);
  }));

test('the operation itself can be cancelled, as its awaiter would', () =>
  play(async ({ loop }) => {
    const ended: string[] = [];
    const group = taskGroup(async (tasks) => {
      void tasks.createTask(async () => {
        try {
          await sleep(10);
        } finally {
          ended.push('task');
        }
      });
      try {
        await sleep(10);
      } finally {
        ended.push('body');
      }
    });
    loop.callLater(1, () => group.cancel());
    expect(isCancelled(await errorOf(group))).toBe(true);
    expect(ended).toEqual(['body', 'task']);
    expect(currentTask()!.cancelling()).toBe(0);
  }));

test('a server of long-lived tasks in a group ends with its deadline', () =>
  play(async ({ loop }) => {
    let rounds = 0;
    const error = await errorOf(
      timeout(5.5, () =>
        taskGroup(async (group) => {
          for (let i = 0; i < 3; i++) {
            void group.createTask(async () => {
              for (;;) {
                await sleep(1);
                rounds++;
              }
            });
          }
        }),
      ),
    );
    expect(error.name).toBe('TimeoutError');
    expect([loop.time(), rounds]).toEqual([5.5, 15]);
  }));

test('bad arguments arrive through the operation', () =>
  play(async () => {
    await expect(taskGroup(5 as never).then()).rejects.toThrow(TypeError);
    await expect(taskGroup((() => 5) as never).then()).rejects.toThrow(AggregateError);
    const error = await errorOf(taskGroup(async (group) => void group.createTask(5 as never)));
    expect(error.errors[0]).toBeInstanceOf(TypeError);
  }));

import { type Context, copyContext, ContextVar, getRunningLoop, type Handle } from '@tsyncio/core';
import {
  allTasks,
  ensureFuture,
  Future,
  gather,
  isFuture,
  Lock,
  Queue,
  shield,
  sleep,
  Task,
  TaskLoop,
  wait,
  type Coroutine,
  type TaskFactory,
  type TaskOptions,
} from '@tsyncio/futures-tasks';
import { errorOf, kinds, run, withLoop } from './support.js';

test('MAKE-01 createFuture gives a pending future of this loop', () =>
  withLoop((loop) => {
    const future = loop.createFuture();
    expect(future).toBeInstanceOf(Future);
    expect([future.done(), future.getLoop() === (loop as unknown)]).toEqual([false, true]);
    expect(loop.createFuture()).not.toBe(future);
  }));

describe.each(kinds)('%s', (_kind, coroutine) => {
  test('MAKE-02 createTask returns at once; bodies begin in the next iteration, in order of creation', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const make = (name: string) =>
        loop.createTask(
          coroutine(function* () {
            seen.push(name);
            yield sleep(0);
            seen.push(`${name} again`);
          }),
        );
      loop.callSoon(() => seen.push('callback before'));
      const tasks = [make('a'), make('b')];
      loop.callSoon(() => seen.push('callback after'));
      tasks.push(make('c'));
      expect(seen).toEqual([]);
      expect(tasks.every((task) => task instanceof Task && !task.done())).toBe(true);
      await sleep(0);
      expect(seen).toEqual(['callback before', 'a', 'b', 'callback after', 'c']);
      await Promise.all(tasks);
    }));

  test('MAKE-03 the name is the text of what was given, else automatic', () =>
    run(async (loop) => {
      const names = [5, 'x', '', { toString: () => 'object' }, null, undefined].map((name) => {
        const task = loop.createTask(
          coroutine(function* () {
            return name;
          }),
          { name },
        );
        return task.getName();
      });
      expect(names.slice(0, 4)).toEqual(['5', 'x', '', 'object']);
      expect(names.slice(4).every((name) => /^Task-\d+$/.test(name))).toBe(true);
      await sleep(0);
    }));
});

describe('MAKE-04 createTask of what is no coroutine is a TypeError, and the loop goes on', () => {
  function* generatorFunction(): Generator<unknown, void, unknown> {
    yield;
  }

  test.each<[string, () => unknown, RegExp]>([
    ['a number', () => 5, /createTask: a coroutine was expected, got 5/],
    ['a string', () => 'x', /a coroutine was expected, got 'x'/],
    ['null', () => null, /got null/],
    ['nothing', () => undefined, /got undefined/],
    ['an object', () => ({}), /got \{\}/],
    ['a class', () => class Thing {}, /got <function Thing>/],
    ['a generator function', () => generatorFunction, /call the generator function/],
    ['an async generator', () => (async function* () {})(), /a coroutine was expected/],
    [
      'a promise that is already running',
      () => Promise.resolve(1),
      /promise that is already running: pass the function, createTask\(\(\) => work\(\)\), or use ensureFuture/,
    ],
    ['a future', () => new TaskLoop().createFuture(), /got <Future pending>/],
    ['an operation', () => sleep(0), /a coroutine was expected, got <Operation/],
  ])('%s', (_what, make, message) =>
    run(async (loop) => {
      const before = allTasks().size;
      const value = make() as Coroutine<unknown>;
      for (let i = 0; i < 2; i++) {
        const error = await errorOf(() => loop.createTask(value));
        expect(error).toBeInstanceOf(TypeError);
        expect(error.message).toMatch(message);
      }
      expect(allTasks().size).toBe(before);
      expect(await loop.createTask(async () => 'works')).toBe('works');
    }),
  );

  test('getContext gives the context that was passed, else a copy of the current one', () =>
    run(async (loop) => {
      const context = copyContext();
      expect(loop.createTask(async () => 1, { context }).getContext()).toBe(context);
      const request = new ContextVar<string>('request');
      request.set('outside');
      const task = loop.createTask(async () => request.set('inside'));
      await task;
      expect([task.getContext().get(request), request.get()]).toEqual(['inside', 'outside']);
    }));

  test('a context that is none', () =>
    run(async (loop) => {
      const error = await errorOf(() => loop.createTask(async () => 1, { context: {} as Context }));
      expect(error.message).toMatch(/context must be a Context/);
    }));

  test('on a closed loop it is a RuntimeError', async () => {
    const loop = new TaskLoop();
    loop.close();
    const error = await errorOf(() => loop.createTask(async () => 1));
    expect([error.name, error.message]).toEqual(['RuntimeError', 'Event loop is closed']);
    expect(allTasks(loop).size).toBe(0);
  });
});

describe('task factories', () => {
  test('MAKE-05 getTaskFactory is null, then what was set', () =>
    withLoop((loop) => {
      expect(loop.getTaskFactory()).toBe(null);
      const factory: TaskFactory = (owner, coroutine) => new Task(coroutine, { loop: owner });
      loop.setTaskFactory(factory);
      expect(loop.getTaskFactory()).toBe(factory);
    }));

  test('MAKE-06 setTaskFactory refuses what is neither function nor null, and keeps the current one', () =>
    run(async (loop) => {
      const factory: TaskFactory = (owner, coroutine) => new Task(coroutine, { loop: owner });
      loop.setTaskFactory(factory);
      for (const wrong of [5, 'x', {}, undefined]) {
        expect(() => loop.setTaskFactory(wrong as unknown as TaskFactory)).toThrow(TypeError);
      }
      expect(loop.getTaskFactory()).toBe(factory);
      loop.setTaskFactory(null);
      expect(loop.getTaskFactory()).toBe(null);
      expect(await loop.createTask(async () => 1)).toBe(1);
    }));

  test('MAKE-07 it gets the loop, the coroutine and the options, and what it returns is returned', () =>
    run(async (loop) => {
      const calls: unknown[][] = [];
      const future = loop.createFuture<string>();
      loop.setTaskFactory(((...args: unknown[]) => {
        calls.push(args);
        return future;
      }) as unknown as TaskFactory);
      const coroutine = async () => 1;
      expect((loop.createTask(coroutine, { name: 'x' }) as Future<unknown>) === future).toBe(true);
      expect(calls.map((args) => args.length)).toEqual([3]);
      expect(calls[0]![0] === loop && calls[0]![1] === coroutine).toBe(true);
      expect(calls[0]![2]).toEqual({ name: 'x' });
    }));

  test('MAKE-08 a name goes to setName of the result, if it has one', () =>
    run(async (loop) => {
      const names: unknown[] = [];
      let named = true;
      loop.setTaskFactory(((owner: TaskLoop) => {
        const future = owner.createFuture() as Future & { setName?: (name: unknown) => void };
        if (named) future.setName = (name) => names.push(name);
        return future;
      }) as unknown as TaskFactory);
      const make = (options?: Omit<TaskOptions, 'loop'>) => void loop.createTask(async () => 1, options);
      make({ name: 'one' });
      make({ name: '' });
      make({ name: null });
      make();
      expect(names).toEqual(['one', '']);
      named = false;
      make({ name: 'skipped' });
    }));

  test('MAKE-09 every implicit task comes from it', () =>
    withLoop(async (loop) => {
      let made = 0;
      loop.setTaskFactory((owner, coroutine) => {
        made++;
        return new Task(coroutine, { loop: owner });
      });
      const counts: number[] = [];
      const count = () => {
        counts.push(made);
        made = 0;
      };
      await loop.runUntilComplete(async () => {
        count();
        await ensureFuture(async () => 1);
        count();
        await gather(
          async () => 1,
          async () => 2,
        );
        count();
        await shield(async () => 1);
        count();
        await wait([sleep(0), ensureFuture(async () => 1)]);
        count();
      });
      expect(counts).toEqual([1, 1, 2, 1, 2]);
    }));

  test('MAKE-10 an error of the factory reaches the caller, and no task is listed', () =>
    run(async (loop) => {
      const before = allTasks().size;
      loop.setTaskFactory(() => {
        throw new Error('no more tasks');
      });
      expect((await errorOf(() => loop.createTask(async () => 1))).message).toBe('no more tasks');
      expect((await errorOf(() => ensureFuture(async () => 1))).message).toBe('no more tasks');
      expect(allTasks().size).toBe(before);
    }));

  test('MAKE-10 an error of callSoon while a task is made reaches the caller, and no task is listed', async () => {
    class Refusing extends TaskLoop {
      override callSoon(): Handle {
        throw new Error('refused');
      }
    }
    const loop = new Refusing();
    expect((await errorOf(() => loop.createTask(async () => 1))).message).toBe('refused');
    expect(allTasks(loop).size).toBe(0);
    loop.close();
  });
});

test('MAKE-12 the running loop makes the task; outside of a run there is none', async () => {
  expect((await errorOf(() => getRunningLoop())).name).toBe('RuntimeError');
  await run(async (loop) => {
    expect(getRunningLoop()).toBe(loop);
    const running = getRunningLoop() as unknown as TaskLoop;
    const task = running.createTask(async () => 1, { name: 'named' });
    expect([task.getLoop(), task.getName(), await task]).toEqual([loop, 'named', 1]);
  });
});

test('MAKE-11 helpers make futures and tasks by the methods of the loop', async () => {
  const made: string[] = [];
  class Counting extends TaskLoop {
    override createFuture<T = unknown>(): Future<T> {
      made.push('future');
      return super.createFuture<T>();
    }
    override createTask<T>(coroutine: Coroutine<T>, options?: Omit<TaskOptions, 'loop'>): Task<T> {
      made.push('task');
      return super.createTask(coroutine, options);
    }
  }
  const loop = new Counting();
  const seen: Record<string, string[]> = {};
  const note = (name: string) => {
    seen[name] = made.splice(0);
  };
  await loop.runUntilComplete(async () => {
    note('runUntilComplete');
    await ensureFuture(async () => 1);
    note('ensureFuture');
    await sleep(0.001);
    note('sleep');
    await shield(async () => 1);
    note('shield');
    await wait([loop.createTask(async () => 1)]);
    note('wait');
    const lock = new Lock();
    await lock.acquire();
    const second = ensureFuture(lock.acquire());
    await sleep(0);
    lock.release();
    await second;
    note('lock');
    const queue = new Queue<number>();
    const get = ensureFuture(queue.get());
    await sleep(0);
    queue.putNowait(1);
    await get;
    note('queue');
  });
  expect(seen['runUntilComplete']).toEqual(['task']);
  expect(seen['ensureFuture']).toEqual(['task']);
  expect(seen['sleep']).toEqual(['future']);
  expect(seen['shield']).toEqual(['task', 'future']);
  expect(seen['wait']).toEqual(['task', 'future']);
  expect(seen['lock']!.sort()).toEqual(['future', 'task']);
  expect(seen['queue']!.sort()).toEqual(['future', 'task']);
  loop.close();
});

test('a loop whose callSoon is overridden sees every step, and keeps the order', async () => {
  let calls = 0;
  class Watching extends TaskLoop {
    override callSoon<A extends unknown[]>(callback: (...args: A) => unknown, ...args: A): Handle {
      calls++;
      return super.callSoon(callback, ...args);
    }
  }
  const loop = new Watching();
  const seen: string[] = [];
  await loop.runUntilComplete(async () => {
    const worker = (name: string) => async () => {
      for (let i = 0; i < 2; i++) {
        seen.push(`${name}${i}`);
        await sleep(0);
      }
    };
    await gather(worker('a'), worker('b'));
  });
  expect(seen).toEqual(['a0', 'b0', 'a1', 'b1']);
  expect(calls).toBeGreaterThan(6);
  loop.close();
});

test('a task can be given the context to run in', () =>
  run(async (loop) => {
    const variable = new ContextVar<string>('variable', { default: 'none' });
    const context = copyContext();
    await loop.createTask(async () => void variable.set('inside'), { context });
    expect([variable.get(), context.get(variable)]).toEqual(['none', 'inside']);
    expect(await loop.createTask(async () => variable.get(), { context })).toBe('inside');
  }));

test('a task of a factory that makes foreign futures is a future', () =>
  run(async (loop) => {
    loop.setTaskFactory(((owner: TaskLoop) => owner.createFuture()) as unknown as TaskFactory);
    expect(isFuture(loop.createTask(async () => 1))).toBe(true);
  }));

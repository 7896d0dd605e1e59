import { AsyncLocalStorage } from 'node:async_hooks';
import { ContextVar, copyContext } from '@tsyncio/core';
import {
  allTasks,
  call,
  currentTask,
  drive,
  ensureFuture,
  gather,
  shield,
  sleep,
  waitFor,
} from '@tsyncio/futures-tasks';
import { errorOf, kinds, run, withLoop } from './support.js';

describe.each(kinds)('%s', (_kind, coroutine) => {
  test('CTX-05 a task runs in one copy of the context of its creation', () =>
    run(async (loop) => {
      const variable = new ContextVar<string>('variable', { default: 'default' });
      const seen: string[] = [];
      variable.set('creator');
      const task = loop.createTask(
        coroutine(function* () {
          seen.push(variable.get());
          yield sleep(0);
          seen.push(variable.get());
          variable.set('task');
          yield sleep(0);
          seen.push(variable.get());
          yield sleep(0.001);
          seen.push(variable.get());
        }),
      );
      variable.set('later');
      await sleep(0);
      variable.set('later still');
      await task;
      expect(seen).toEqual(['creator', 'creator', 'task', 'task']);
      expect(variable.get()).toBe('later still');
    }));

  test('CTX-06 directly awaited coroutines share the context in both directions', () =>
    run(async (loop) => {
      const variable = new ContextVar<string>('variable');
      const seen: string[] = [];
      function* inner(): Generator<any, void, any> {
        seen.push(variable.get());
        variable.set('inner');
        yield sleep(0);
        seen.push(variable.get());
      }
      await loop.createTask(
        coroutine(function* () {
          variable.set('outer');
          yield inner();
          seen.push(variable.get());
        }),
      );
      expect(seen).toEqual(['outer', 'inner', 'inner']);
    }));

  test('CTX-06 so do call and drive', () =>
    run(async (loop) => {
      const variable = new ContextVar<string>('variable');
      const seen: string[] = [];
      const asyncPart = async () => {
        seen.push(variable.get());
        await sleep(0);
        variable.set('async');
      };
      function* generatorPart(): Generator<unknown, void, unknown> {
        yield* sleep(0);
        yield* call(asyncPart);
        seen.push(variable.get());
        variable.set('generator');
      }
      await loop.createTask(
        coroutine(function* () {
          variable.set('outer');
          yield drive(generatorPart());
          seen.push(variable.get());
        }),
      );
      expect(seen).toEqual(['outer', 'async', 'generator']);
    }));

  test.each<[string, (coroutine: any) => PromiseLike<unknown>]>([
    ['gather', (one) => gather(one)],
    ['shield', (one) => shield(one)],
    ['ensureFuture', (one) => ensureFuture(one)],
  ])('CTX-07 a coroutine made a task by %s has its own copy', (_what, start) =>
    run(async (loop) => {
      const variable = new ContextVar<string>('variable');
      const seen: string[] = [];
      await loop.createTask(
        coroutine(function* () {
          variable.set('caller');
          const body = coroutine(function* () {
            seen.push(variable.get());
            variable.set('inner');
            yield sleep(0);
            seen.push(variable.get());
          });
          yield start(body);
          seen.push(variable.get());
        }),
      );
      expect(seen).toEqual(['caller', 'inner', 'caller']);
    }),
  );

  test.each([null, 10])('CTX-07 waitFor runs a coroutine in the context of its caller, with timeout %s', (timeout) =>
    run(async (loop) => {
      const variable = new ContextVar<string>('variable');
      const seen: string[] = [];
      await loop.createTask(
        coroutine(function* () {
          variable.set('caller');
          const body = coroutine(function* () {
            seen.push(variable.get());
            variable.set('inner');
            yield sleep(0);
          });
          yield waitFor(body, timeout);
          seen.push(variable.get());
        }),
      );
      expect(seen).toEqual(['caller', 'inner']);
    }),
  );

  test('CTX-08 a done-callback that changes a variable does not touch the task that waits for the same future', () =>
    run(async (loop) => {
      const variable = new ContextVar<string>('variable');
      const future = loop.createFuture();
      const seen: string[] = [];
      variable.set('main');
      future.addDoneCallback(() => {
        variable.set('callback before');
      });
      const task = loop.createTask(
        coroutine(function* () {
          variable.set('task');
          yield future;
          seen.push(variable.get());
        }),
      );
      await sleep(0);
      future.addDoneCallback(() => {
        seen.push(variable.get());
        variable.set('callback after');
      });
      loop.callSoon(() => {
        variable.set('who finishes it');
        future.setResult(1);
      });
      await task;
      expect(seen).toEqual(['task', 'main']);
      expect(variable.get()).toBe('main');
    }));

  test('CTX-10 many tasks that change one variable each keep their own value', () =>
    withLoop(async (loop) => {
      const variable = new ContextVar<number>('variable', { default: -1 });
      const before = variable.get();
      await loop.runUntilComplete(async () => {
        const tasks = Array.from({ length: 50 }, (_, i) =>
          loop.createTask(
            coroutine(function* () {
              variable.set(i);
              for (let step = 0; step < 5; step++) {
                yield step === 2 ? sleep(0.001) : sleep(0);
                if (variable.get() !== i + step) return false;
                variable.set(i + step + 1);
              }
              return true;
            }),
          ),
        );
        expect((await gather(...tasks)).every(Boolean)).toBe(true);
        expect(variable.get()).toBe(before);
      });
      expect(variable.get()).toBe(before);
    }));

  test("the user's AsyncLocalStorage values flow into tasks and never mix", () =>
    run(async (loop) => {
      const storage = new AsyncLocalStorage<string>();
      const seen: string[] = [];
      const future = loop.createFuture();
      const request = (name: string) =>
        storage.run(name, () =>
          loop.createTask(
            coroutine(function* () {
              for (let i = 0; i < 3; i++) {
                yield sleep(0);
                seen.push(`${name}:${storage.getStore()}`);
              }
              yield future;
              seen.push(`${name}:${storage.getStore()}`);
              const child = loop.createTask(async () => storage.getStore());
              seen.push(`${name}:${yield child}`);
              const called = loop.createFuture<string | undefined>();
              loop.callSoon(() => called.setResult(storage.getStore()));
              seen.push(`${name}:${yield called}`);
            }),
          ),
        );
      const tasks = [request('a'), request('b')];
      for (let i = 0; i < 5; i++) await sleep(0);
      storage.run('c', () => future.setResult(1));
      await gather(...tasks);
      expect(seen).toHaveLength(12);
      for (const line of seen) expect(line).toMatch(/^(a:a|b:b)$/);
      expect(storage.getStore()).toBe(undefined);
    }));
});

test('an async generator belongs to the task that reads it, and is no task of its own', () =>
  run(async () => {
    const seen: unknown[] = [];
    async function* numbers(): AsyncGenerator<number> {
      seen.push(currentTask());
      await sleep(0);
      seen.push(currentTask());
      yield 1;
      seen.push(currentTask());
      await sleep(0);
      yield 2;
    }
    const sizes: number[] = [];
    for await (const n of numbers()) {
      expect([1, 2]).toContain(n);
      sizes.push(allTasks().size);
    }
    expect(new Set(seen)).toEqual(new Set([currentTask()]));
    expect(sizes).toEqual([1, 1]);
  }));

test('a cancellation reaches an await inside of an async generator', () =>
  run(async (loop) => {
    const future = loop.createFuture();
    const seen: string[] = [];
    async function* numbers(): AsyncGenerator<number> {
      try {
        yield 1;
        await future;
      } finally {
        await sleep(0);
        seen.push('closed');
      }
    }
    const task = loop.createTask(async () => {
      for await (const n of numbers()) seen.push(String(n));
    });
    await sleep(0);
    task.cancel();
    expect(future.cancelled()).toBe(true);
    await errorOf(task);
    expect(seen).toEqual(['1', 'closed']);
  }));

test('tasks of two contexts of the same kind do not share what copyContext gives', () =>
  run(async (loop) => {
    const variable = new ContextVar<number>('variable', { default: 0 });
    const context = copyContext();
    const task = loop.createTask(async () => {
      variable.set(1);
      await sleep(0);
      return variable.get();
    });
    expect(await task).toBe(1);
    expect([variable.get(), context.get(variable)]).toEqual([0, undefined]);
  }));

test('an async generator read by two tasks in turn belongs to whoever reads it, each time', () =>
  run(async (loop) => {
    const seen: unknown[] = [];
    async function* numbers(): AsyncGenerator<number> {
      for (let n = 0; ; n++) {
        seen.push(currentTask());
        await sleep(0);
        seen.push(currentTask());
        yield n;
      }
    }
    const shared = numbers();
    const read = async () => void (await shared.next());
    const [first, second] = [loop.createTask(read), loop.createTask(read)];
    await first;
    await second;
    const third = loop.createTask(read);
    await third;
    await shared.return(undefined);
    expect(seen.slice(4)).toEqual([third, third]);
    expect(seen.slice(0, 2)).toEqual([first, first]);
  }));

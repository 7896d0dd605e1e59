import { ValueError } from '@tsyncio/core';
import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { errorOf, kinds, run } from './support.js';

const numberOf = (name: string) => Number(/^Task-(\d+)$/.exec(name)![1]);

test('TASK-NAME-01 automatic names count over the whole process, also across loops', () =>
  run(async (loop) => {
    const other = new TaskLoop();
    const nothing = async () => undefined;
    const tasks = [loop.createTask(nothing), other.createTask(nothing), loop.createTask(nothing)];
    // Whichever is asked first: the number is that of the creation.
    expect(numberOf(tasks[2]!.getName())).toBeGreaterThan(numberOf(tasks[0]!.getName()));
    const numbers = tasks.map((task) => numberOf(task.getName()));
    expect(numbers[1]).toBe(numbers[0]! + 1);
    expect(numbers[2]).toBe(numbers[0]! + 2);
    await sleep(0);
    other.close();
  }));

describe.each(kinds)('%s', (_kind, coroutine) => {
  test('TASK-NAME-02 names are texts, can be changed at any time, and null means automatic only at creation', () =>
    run(async (loop) => {
      const make = (name: unknown) =>
        loop.createTask(
          coroutine(function* () {
            yield sleep(0);
          }),
          { name },
        );
      const task = make(5);
      expect([task.getName(), make('').getName()]).toEqual(['5', '']);
      expect(make(null).getName()).toMatch(/^Task-\d+$/);
      task.setName(7);
      expect(task.getName()).toBe('7');
      task.setName(null);
      expect(task.getName()).toBe('null');
      await task;
      task.setName('over');
      expect(task.getName()).toBe('over');
      await sleep(0);
    }));

  test('TASK-REPR-01 pending: name, coroutine, what it waits for, callbacks', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const task = loop.createTask(
        coroutine(function* () {
          yield future;
        }),
        { name: 'N' },
      );
      expect(String(task)).toMatch(/^<Task pending name='N' coro=<.*\(\)>>$/);
      await sleep(0);
      expect(String(task)).toMatch(
        /^<Task pending name='N' coro=<.*\(\) running> wait_for=<Future pending cb=\[.*\]>>$/,
      );
      task.addDoneCallback(function whenDone() {});
      expect(String(task)).toMatch(/wait_for=<Future pending cb=\[.*\]> cb=\[whenDone\]>$/);
      future.setResult(1);
      await task;
    }));

  test('TASK-REPR-02 cancelling, cancelled and finished', () =>
    run(async (loop) => {
      const waits = loop.createTask(
        coroutine(function* () {
          yield loop.createFuture();
        }),
        { name: 'N' },
      );
      // Before the first step nothing can take the request.
      waits.cancel();
      expect(String(waits)).toMatch(/^<Task cancelling name='N' coro=<.*\(\)>>$/);
      await errorOf(waits);
      expect(String(waits)).toMatch(/^<Task cancelled name='N' coro=<.*\(\) done>>$/);
      const returns = loop.createTask(
        coroutine(function* () {
          return 'some value';
        }),
        { name: 'N' },
      );
      await returns;
      expect(String(returns)).toMatch(/^<Task finished name='N' coro=<.*\(\) done> result='some value'>$/);
      const fails = loop.createTask(
        coroutine(function* () {
          throw new ValueError('a reason');
        }),
        { name: 'N' },
      );
      await errorOf(fails);
      expect(String(fails)).toMatch(/^<Task finished name='N' coro=<.*\(\) done> exception=ValueError\('a reason'\)>$/);
    }));

  test('TASK-STACK-01 getStack: one frame while suspended, none when over, those of the error when failed', () =>
    run(async (loop) => {
      const task = loop.createTask(
        coroutine(function* () {
          yield loop.createFuture();
        }),
      );
      await sleep(0);
      expect(task.getStack()).toHaveLength(1);
      expect(task.getStack({ limit: 0 })).toEqual([]);
      task.cancel();
      await errorOf(task);
      expect(task.getStack()).toEqual([]);
      const returns = loop.createTask(
        coroutine(function* () {
          return 1;
        }),
      );
      await returns;
      expect(returns.getStack()).toEqual([]);
      const fails = loop.createTask(
        coroutine(function* () {
          deepFailure();
        }),
      );
      await errorOf(fails);
      expect(fails.getStack()[0]).toMatch(/^at deepFailure .*task-names\.test\.ts/);
      expect(fails.getStack().length).toBeGreaterThan(2);
      expect(fails.getStack({ limit: 2 })).toEqual(fails.getStack().slice(0, 2));
    }));

  test('TASK-STACK-02 printStack: what it writes for suspended, failed and ended tasks', () =>
    run(async (loop) => {
      const texts: string[] = [];
      const file = { write: (text: string) => texts.push(text) };
      const task = loop.createTask(
        coroutine(function* () {
          yield loop.createFuture();
        }),
        { name: 'N' },
      );
      await sleep(0);
      task.printStack({ file });
      task.cancel();
      await errorOf(task);
      task.printStack({ file });
      const fails = loop.createTask(
        coroutine(function* () {
          deepFailure();
        }),
        { name: 'F' },
      );
      await errorOf(fails);
      fails.printStack({ file });
      fails.printStack({ file, limit: 1 });
      expect(texts[0]).toMatch(/^Stack for <Task pending name='N' .*> \(most recent call last\):\n {2}at .*\n$/);
      expect(texts[1]).toMatch(/^No stack for <Task cancelled name='N' .*>\n$/);
      expect(texts[2]).toMatch(
        /^Traceback for <Task finished name='F' .*> \(most recent call last\):\n {2}at deepFailure[^]*\nValueError: deep\n$/,
      );
      expect(texts[3]!.split('\n')).toHaveLength(4);
    }));
});

test('TASK-STACK-02 printStack writes to standard error by default', () =>
  run(async (loop) => {
    const written = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    try {
      const task = loop.createTask(async () => 1);
      await task;
      task.printStack();
      expect(written).toHaveBeenCalledTimes(1);
      expect(written.mock.calls[0]![0]).toMatch(/^No stack for <Task finished/);
    } finally {
      written.mockRestore();
    }
  }));

test('TASK-REPR-01 the coroutine is named by its function', () =>
  run(async (loop) => {
    const task = loop.createTask(async function fetchAll() {});
    expect(String(task)).toContain('coro=<fetchAll()>');
    await task;
    expect(String(task)).toContain('coro=<fetchAll() done>');
  }));

test('a subclass shows its own name, and node prints tasks by their repr', () =>
  run(async (loop) => {
    const { inspect } = await import('node:util');
    const task = loop.createTask(async () => 1, { name: 'shown' });
    expect(inspect(task)).toMatch(/^<Task pending name='shown'/);
    await task;
  }));

function deepFailure(): never {
  throw new ValueError('deep');
}

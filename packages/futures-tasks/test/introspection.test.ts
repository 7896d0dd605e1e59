import {
  allTasks,
  currentTask,
  enterTask,
  gather,
  leaveTask,
  registerTask,
  sleep,
  TaskLoop,
  unregisterTask,
  type Task,
} from '@tsyncio/futures-tasks';
import { errorOf, kinds, run, withLoop } from './support.js';

/** Compared by identity: a failing test must not print whole tasks. */
function sameTasks(found: ReadonlySet<unknown>, expected: readonly unknown[]): boolean {
  return found.size === expected.length && expected.every((task) => found.has(task));
}

describe.each(kinds)('%s', (_kind, coroutine) => {
  test('TASK-CUR-01 currentTask is the task whose step runs, also between other tasks', () =>
    run(async (loop) => {
      const seen: [unknown, unknown][] = [];
      const tasks: Task[] = [0, 1, 2].map((i) => {
        const task: Task = loop.createTask(
          coroutine(function* () {
            for (let step = 0; step < 3; step++) {
              seen.push([currentTask(), task]);
              if (step === i) loop.callSoon(() => seen.push([currentTask(), null]));
              yield step === 1 ? sleep(0.001) : sleep(0);
            }
          }),
        );
        return task;
      });
      await gather(...tasks);
      expect(seen).toHaveLength(12);
      expect(seen.every(([current, expected]) => current === expected)).toBe(true);
    }));

  test('TASK-CUR-01 a callback registered by a task has no current task', () =>
    run(async (loop) => {
      const seen: unknown[] = [];
      const look = () => seen.push(currentTask());
      const task = loop.createTask(
        coroutine(function* () {
          const future = loop.createFuture();
          future.addDoneCallback(look);
          loop.callSoon(look);
          loop.callLater(0, look);
          loop.callSoonThreadsafe(async () => {
            look();
            await sleep(0);
            look();
          });
          future.setResult(1);
          yield sleep(0);
        }),
      );
      task.addDoneCallback(look);
      await task;
      await sleep(0.002);
      expect(seen.map((task) => task === null)).toEqual([true, true, true, true, true, true]);
    }));

  test('TASK-CUR-03 allTasks: the unfinished ones of this loop, the current one too', () =>
    run(async (loop) => {
      const other = new TaskLoop();
      const foreign = other.createTask(async () => 1);
      const pending = loop.createTask(
        coroutine(function* () {
          yield loop.createFuture();
        }),
      );
      const ended = loop.createTask(
        coroutine(function* () {
          return 1;
        }),
      );
      expect(sameTasks(allTasks(), [currentTask(), pending, ended])).toBe(true);
      await ended;
      const cancelled = loop.createTask(
        coroutine(function* () {
          yield sleep(10);
        }),
      );
      cancelled.cancel();
      await errorOf(cancelled);
      expect(sameTasks(allTasks(), [currentTask(), pending])).toBe(true);
      expect(sameTasks(allTasks(other), [foreign])).toBe(true);
      pending.cancel();
      await errorOf(pending);
      expect(sameTasks(allTasks(), [currentTask()])).toBe(true);
      other.close();
    }));
});

test('TASK-CUR-02 from outside a run: with the loop null and the set, without argument RuntimeError', () =>
  withLoop(async (loop) => {
    const task = loop.createTask(async () => 1);
    expect(currentTask(loop) === null).toBe(true);
    expect(sameTasks(allTasks(loop), [task])).toBe(true);
    expect((await errorOf(() => currentTask())).name).toBe('RuntimeError');
    expect((await errorOf(() => allTasks())).name).toBe('RuntimeError');
    await loop.runUntilComplete(task);
    expect(sameTasks(allTasks(loop), [])).toBe(true);
    expect((await errorOf(() => currentTask())).name).toBe('RuntimeError');
  }));

test('TASK-CUR-02 a task is the current one of its own loop only', () =>
  run(async (loop) => {
    const other = new TaskLoop();
    expect(currentTask(other) === null).toBe(true);
    expect(currentTask(loop) === currentTask()).toBe(true);
    other.close();
  }));

test('TASK-CUR-03 the set is a copy', () =>
  run(async () => {
    allTasks().clear();
    expect(allTasks().size).toBe(1);
  }));

test('TASK-CUR-04 task types of others are listed while they are not done; unregistering an unknown one is harmless', () =>
  run(async (loop) => {
    let done = false;
    const foreign = { getLoop: () => loop, done: () => done };
    unregisterTask(foreign);
    registerTask(foreign);
    registerTask(foreign);
    expect(allTasks().has(foreign as never)).toBe(true);
    expect(allTasks().size).toBe(2);
    done = true;
    expect(allTasks().size).toBe(1);
    done = false;
    unregisterTask(foreign);
    expect(allTasks().size).toBe(1);
    unregisterTask({ getLoop: () => new TaskLoop(), done: () => false });
  }));

test('TASK-CUR-05 entering and leaving: errors change nothing', () =>
  withLoop(async (loop) => {
    const [one, other] = [{ name: 'one' }, { name: 'other' }];
    expect((await errorOf(() => leaveTask(loop, one))).name).toBe('RuntimeError');
    enterTask(loop, one);
    expect(currentTask(loop)).toBe(one);
    expect((await errorOf(() => enterTask(loop, other))).message).toMatch(/while another task/);
    expect(currentTask(loop)).toBe(one);
    expect((await errorOf(() => leaveTask(loop, other))).message).toMatch(/does not match the current task/);
    expect(currentTask(loop)).toBe(one);
    leaveTask(loop, one);
    expect(currentTask(loop) === null).toBe(true);
    enterTask(loop, other);
    leaveTask(loop, other);
  }));

test('TASK-CUR-05 inside a task of ours another one cannot be entered', () =>
  run(async (loop) => {
    const mine = currentTask();
    expect((await errorOf(() => enterTask(loop, {}))).name).toBe('RuntimeError');
    expect(currentTask() === mine).toBe(true);
  }));

test('two loops side by side from plain Node code: each has its own current task, and they interleave', async () => {
  const loops = [new TaskLoop(), new TaskLoop()];
  const seen: string[] = [];
  const results = await Promise.all(
    loops.map((loop, i) =>
      loop.runUntilComplete(async () => {
        const mine = currentTask();
        const inner = loop.createTask(async () => {
          for (let n = 0; n < 3; n++) {
            seen.push(`inner of ${i}`);
            await sleep(0.001);
            expect(currentTask()!.getLoop() === (loop as unknown)).toBe(true);
          }
        });
        for (let n = 0; n < 3; n++) {
          await sleep(0.001);
          expect(currentTask() === mine).toBe(true);
          expect(allTasks().size).toBe(inner.done() ? 1 : 2);
        }
        await inner;
        return i;
      }),
    ),
  );
  expect(results).toEqual([0, 1]);
  expect(seen.filter((line) => line === 'inner of 0')).toHaveLength(3);
  expect(seen.indexOf('inner of 1')).toBeLessThan(seen.lastIndexOf('inner of 0'));
  for (const loop of loops) loop.close();
});

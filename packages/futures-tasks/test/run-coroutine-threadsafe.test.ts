import { connectLoop, ConcurrentFuture, isCancelled } from '@tsyncio/core';
import { runCoroutineThreadsafe, sleep, Task, TaskLoop } from '@tsyncio/futures-tasks';
import { leakAudit, quiet } from '@tsyncio/test-support';
import { play, World } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

test('RCTS-01 from outside of the loop it gives a concurrent future at once, and a task later', async () => {
  const world = new World();
  const { loop } = world;
  let made = 0;
  loop.setTaskFactory((owner, coroutine) => {
    made++;
    return new Task(coroutine, { loop: owner });
  });
  const future = runCoroutineThreadsafe(() => sleep(1, 'answer'), loop);
  expect([future instanceof ConcurrentFuture, future.done(), made]).toEqual([true, false, 0]);
  await world.run(() => sleep(2));
  expect([future.result(), made]).toEqual(['answer', 2]);
  loop.close();
  expect(world.takeReports()).toEqual([]);
});

test('RCTS-02 result, error and cancellation are copied', () =>
  play(async ({ loop }) => {
    const error = new Error('the very one');
    const good = runCoroutineThreadsafe(async () => 'value', loop);
    const bad = runCoroutineThreadsafe(async () => Promise.reject(error), loop);
    const gone = runCoroutineThreadsafe(
      (function* () {
        yield;
        const task = loop.createFuture<void>();
        task.cancel();
        yield* task;
      })(),
      loop,
    );
    await sleep(1);
    expect([good.result(), bad.exception() === error, gone.cancelled()]).toEqual(['value', true, true]);
  }));

test('RCTS-02 a door of the loop carries it to other threads', async () => {
  const loop = new TaskLoop();
  const answers: number[] = [];
  const port = loop.threadsafe.open({
    ask: (n: number) => {
      const future = runCoroutineThreadsafe(() => sleep(0.001, n * 2), loop);
      future.addDoneCallback(() => {
        answers.push(future.result());
        if (answers.length === 2) loop.stop();
      });
    },
  });
  const connection = connectLoop(port);
  connection.call('ask', 1);
  connection.call('ask', 2);
  await loop.runForever();
  loop.close();
  await quiet();
  expect(answers).toEqual([2, 4]);
});

test('RCTS-03 cancelling the concurrent future cancels the task', () =>
  play(async ({ loop, trace }) => {
    const future = runCoroutineThreadsafe(async () => {
      try {
        await sleep(10);
      } catch (error) {
        trace.push(`${isCancelled(error)} at ${loop.time()}`);
        throw error;
      }
    }, loop);
    await sleep(1);
    expect(future.cancel()).toBe(true);
    expect(isCancelled(await errorOf(future.promise()))).toBe(true);
    await sleep(1);
    expect(trace).toEqual(['true at 1']);
  }));

test('RCTS-04 cancelled before the loop has taken it up, it still begins, and ends at its first wait', () =>
  play(async ({ loop, trace }) => {
    const future = runCoroutineThreadsafe(async () => {
      trace.push('begins');
      await sleep(1);
      trace.push('goes on');
    }, loop);
    expect(future.cancel()).toBe(true);
    await sleep(3);
    expect([trace, future.cancelled()]).toEqual([['begins'], true]);
  }));

test('RCTS-05 an error while the task is made is stored, and reported once', async () => {
  const world = new World();
  const error = new Error('no more tasks');
  const main = world.loop.createTask(() => sleep(1));
  world.loop.setTaskFactory(() => {
    throw error;
  });
  const future = runCoroutineThreadsafe(async () => 1, world.loop);
  await world.host.drive(world.loop.runUntilComplete(main));
  expect(future.exception()).toBe(error);
  expect(world.takeReports().map(({ exception }) => exception)).toEqual([error]);
  world.loop.close();
  expect(world.takeReports()).toEqual([]);
});

test('RCTS-06 what is no coroutine is a TypeError of the call, a closed loop a RuntimeError', async () => {
  const loop = new TaskLoop();
  for (const wrong of [1, null, Promise.resolve(1), loop.createFuture()]) {
    expect((await errorOf(() => runCoroutineThreadsafe(wrong as never, loop))).name).toBe('TypeError');
  }
  loop.close();
  expect((await errorOf(() => runCoroutineThreadsafe(async () => 1, loop))).name).toBe('RuntimeError');
});

test('RCTS-03 cancelling it after the loop was closed is harmless', async () => {
  const world = new World();
  let future!: ConcurrentFuture<void>;
  await world.run(async () => {
    future = runCoroutineThreadsafe(() => sleep(5), world.loop);
    await sleep(1);
  });
  world.loop.close();
  expect([future.cancel(), future.cancelled()]).toEqual([true, true]);
});

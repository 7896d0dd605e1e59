import { RuntimeError } from '@tsyncio/core';
import {
  BoundedSemaphore,
  Condition,
  Event,
  gather,
  Lock,
  Queue,
  Semaphore,
  sleep,
  type Operation,
} from '@tsyncio/futures-tasks';
import { errorOf, run } from './support.js';
import { resultOf, turns } from './waiting.js';

/** What has to wait, made so that the first wait does wait, and how it is let go on. */
const waits: [string, () => { wait: () => Operation<unknown>; wake: () => void }][] = [
  ['Lock', () => held(new Lock())],
  ['Condition', () => held(new Condition())],
  ['Semaphore', () => held(new Semaphore())],
  ['BoundedSemaphore', () => held(new BoundedSemaphore())],
  [
    'Event',
    () => {
      const event = new Event();
      return { wait: () => event.wait(), wake: () => event.set() };
    },
  ],
  [
    'Queue.get',
    () => {
      const queue = new Queue();
      return { wait: () => queue.get(), wake: () => queue.putNowait(1) };
    },
  ],
  [
    'Queue.put',
    () => {
      const queue = new Queue(1);
      queue.putNowait(1);
      return { wait: () => queue.put(2), wake: () => void queue.getNowait() };
    },
  ],
  [
    'Queue.join',
    () => {
      const queue = new Queue();
      queue.putNowait(1);
      return { wait: () => queue.join(), wake: () => queue.taskDone() };
    },
  ],
];

function held(lock: Lock | Condition | Semaphore): { wait: () => Operation<unknown>; wake: () => void } {
  resultOf(lock.acquire());
  return { wait: () => lock.acquire(), wake: () => lock.release() };
}

describe.each(waits)('%s', (_name, make) => {
  test('SYNC-01 it is made without a loop, and needs one when somebody has to wait', async () => {
    const { wait } = make();
    expect(await errorOf(wait())).toBeInstanceOf(RuntimeError);
    expect(await errorOf(wait())).toBeInstanceOf(RuntimeError);
  });

  test('SYNC-02 it belongs to the loop of the first wait; a wait in another one is a RuntimeError', async () => {
    const { wait, wake } = make();
    await run(async (loop) => {
      const task = loop.createTask(async () => wait());
      await turns(2);
      expect(task.done()).toBe(false);
      task.cancel();
      await errorOf(task);
    });
    await run(async () => {
      const error = await errorOf(wait());
      expect(error).toBeInstanceOf(RuntimeError);
      expect(error.message).toMatch(/different event loop/);
      // What need not wait works in any loop.
      wake();
    });
  });

  test('a wait may be cancelled by itself, without a task', () =>
    run(async () => {
      const { wait, wake } = make();
      const first = wait();
      const second = wait();
      expect(first.cancel()).toBe(true);
      await turns(1);
      expect([first.cancelled(), second.done()]).toEqual([true, false]);
      wake();
      await second;
    }));
});

const holdables: [string, () => Lock | Condition | Semaphore][] = [
  ['Lock', () => new Lock()],
  ['Condition', () => new Condition()],
  ['Semaphore', () => new Semaphore()],
  ['BoundedSemaphore', () => new BoundedSemaphore()],
];

describe.each(holdables)('%s', (_name, make) => {
  test('SYNC-03 held acquires on entry, and await using releases on exit', () =>
    run(async (loop) => {
      const lock = make();
      const trace: string[] = [];
      const use = (name: string) => async () => {
        await using held = await lock.held();
        expect(held).toBe(lock);
        expect(lock.locked()).toBe(true);
        trace.push(`${name} in`);
        await turns(2);
        trace.push(`${name} out`);
      };
      await gather(use('a'), use('b'));
      expect(trace).toEqual(['a in', 'a out', 'b in', 'b out']);
      expect(lock.locked()).toBe(false);
      // What need not wait does not suspend.
      expect(resultOf<unknown>(lock.held())).toBe(lock);
      expect(resultOf(lock[Symbol.asyncDispose]())).toBeUndefined();
      expect(loop.isRunning()).toBe(true);
    }));

  test('SYNC-03 it is released when the body throws, and when it is cancelled', () =>
    run(async (loop) => {
      const lock = make();
      const failure = new Error('body');
      const body = async (): Promise<void> => {
        await using _ = await lock.held();
        throw failure;
      };
      expect(await errorOf(body())).toBe(failure);
      expect(lock.locked()).toBe(false);
      const task = loop.createTask(async () => {
        await using _ = await lock.held();
        await sleep(1000);
      });
      await sleep(0);
      expect(lock.locked()).toBe(true);
      task.cancel();
      await errorOf(task);
      expect(lock.locked()).toBe(false);
    }));

  test('SYNC-03 a wait for it that is cancelled holds nothing', () =>
    run(async (loop) => {
      const lock = make();
      await lock.acquire();
      const task = loop.createTask(async () => {
        await using _ = await lock.held();
      });
      await sleep(0);
      task.cancel();
      await errorOf(task);
      expect(lock.locked()).toBe(true);
      lock.release();
      expect(lock.locked()).toBe(false);
    }));

  test('SYNC-01 held needs a loop when it has to wait', async () => {
    const lock = make();
    expect(resultOf<unknown>(lock.held())).toBe(lock);
    expect(await errorOf(lock.held() as Operation<unknown>)).toBeInstanceOf(RuntimeError);
  });

  test('SYNC-04 there is no synchronous form: using finds no way to release it', () => {
    const lock = make();
    expect(Symbol.dispose in lock).toBe(false);
    expect(lock.locked()).toBe(false);
  });

  test('SYNC-05 awaiting the thing itself acquires nothing', async () => {
    const lock = make();
    // eslint-disable-next-line @typescript-eslint/await-thenable
    expect(await lock).toBe(lock);
    expect(lock.locked()).toBe(false);
  });
});

test('leaving a lock that is free is an error, which arrives through the operation', async () => {
  expect(await errorOf(new Lock()[Symbol.asyncDispose]())).toBeInstanceOf(RuntimeError);
});

test('a release for waiters of another loop wakes them there', async () => {
  const lock = new Lock();
  await lock.acquire();
  let got = false;
  const first = run(async () => {
    await lock.acquire();
    got = true;
  });
  await run(async () => {
    await turns(3);
    expect(got).toBe(false);
    lock.release();
  });
  await first;
  expect(got).toBe(true);
});

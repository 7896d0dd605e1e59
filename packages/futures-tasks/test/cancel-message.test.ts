import { CancelledError } from '@tsyncio/core';
import {
  allTasks,
  drive,
  gather,
  Queue,
  shield,
  sleep,
  type Task,
  taskGroup,
  TaskLoop,
  timeout,
  waitFor,
  wrapPromise,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

let loop: TaskLoop;
beforeEach(() => {
  loop = new TaskLoop();
});
afterEach(() => loop.close());

const messageOf = async (wait: () => PromiseLike<unknown>): Promise<string> => {
  try {
    await wait();
  } catch (error) {
    expect(error).toBeInstanceOf(CancelledError);
    return (error as Error).message;
  }
  throw new Error('not cancelled');
};

/** What a task sees that is cancelled while it waits for `work`, and what its awaiter sees. */
function seen(work: () => PromiseLike<unknown>): Promise<string[]> {
  return loop.runUntilComplete(async () => {
    const inside: string[] = [];
    const task = loop.createTask(async () => {
      try {
        await work();
      } catch (error) {
        inside.push((error as Error).message);
        throw error;
      }
    });
    await sleep(0);
    await sleep(0);
    expect(task.cancel('why')).toBe(true);
    return [...inside, await messageOf(() => task), await messageOf(async () => task.result())];
  });
}

// As CPython 3.13 answers them, but that `result()` forgets nothing here.
test.each<[string, () => PromiseLike<unknown>]>([
  ['a sleep', () => sleep(10)],
  [
    'sleep(0)',
    async () => {
      for (;;) await sleep(0);
    },
  ],
  ['a future', () => loop.createFuture()],
  ['another task', () => loop.createTask(() => sleep(10))],
  [
    'gather',
    () =>
      gather(
        () => sleep(10),
        () => sleep(10),
      ),
  ],
  ['a queue', () => new Queue().get()],
  ['waitFor', () => waitFor(sleep(10), 5)],
  ['timeout', () => timeout(5, () => sleep(10))],
  ['a task group', () => taskGroup(async (group) => void group.createTask(() => sleep(10)))],
  ['a promise', () => wrapPromise(new Promise(() => undefined))],
  [
    'a generator',
    () =>
      drive(
        (function* () {
          yield* sleep(10);
        })(),
      ),
  ],
])('the message of cancel reaches a task at %s, and who awaits it', async (_, work) => {
  const messages = await seen(work);
  expect(new Set(messages)).toEqual(new Set(['why']));
  expect(messages.length).toBeGreaterThanOrEqual(2);
});

test('before the first step, in the last one, and kept for the next wait', async () => {
  await loop.runUntilComplete(async () => {
    const early = loop.createTask(() => sleep(10));
    early.cancel('early');
    expect(await messageOf(() => early)).toBe('early');
    const lazy = loop.createTask(
      (function* () {
        yield* sleep(10);
      })(),
    );
    lazy.cancel('unstarted');
    expect(await messageOf(() => lazy)).toBe('unstarted');
    const last: Task<number> = loop.createTask(async () => (last.cancel('last'), 1));
    expect(await messageOf(() => last)).toBe('last');
    const kept: Task<void> = loop.createTask(async () => {
      kept.cancel('kept');
      await sleep(10);
    });
    expect(await messageOf(() => kept)).toBe('kept');
    const own = loop.createTask(async () => {
      throw new CancelledError('own');
    });
    expect(await messageOf(() => own)).toBe('own');
  });
});

test('of two requests the first is thrown, and one without a message has none', async () => {
  await loop.runUntilComplete(async () => {
    const task = loop.createTask(() => sleep(10));
    await sleep(0);
    task.cancel('a');
    task.cancel('b');
    expect(await messageOf(() => task)).toBe('a');
    const plain = loop.createTask(() => sleep(10));
    await sleep(0);
    plain.cancel();
    expect(await messageOf(() => plain)).toBe('');
  });
});

test('futures, gather, shield and operations', async () => {
  await loop.runUntilComplete(async () => {
    const future = loop.createFuture<void>();
    future.cancel('future');
    expect([await messageOf(() => future), await messageOf(async () => future.exception())]).toEqual([
      'future',
      'future',
    ]);
    const gathered = gather(
      () => sleep(10),
      () => sleep(10),
    );
    await sleep(0);
    gathered.cancel('gather');
    expect(await messageOf(() => gathered)).toBe('gather');
    const settled = gather(() => sleep(10), { returnExceptions: true });
    const [child] = [...allTasks()].slice(-1);
    await sleep(0);
    child!.cancel('child');
    expect(((await settled)[0] as unknown as Error).message).toBe('child');
    const inner = loop.createTask(() => sleep(0));
    const outer = shield(inner);
    outer.cancel('shield');
    expect(await messageOf(() => outer)).toBe('shield');
    await inner;
    const operation = sleep(10);
    operation.cancel('operation');
    expect(await messageOf(() => operation)).toBe('operation');
    const pass = sleep(0);
    pass.cancel('pass');
    expect(await messageOf(() => pass)).toBe('pass');
  });
});

test("the task's signal is aborted with it", async () => {
  await loop.runUntilComplete(async () => {
    let reason: unknown;
    const task: Task<void> = loop.createTask(async () => {
      const { signal } = task;
      signal.addEventListener('abort', () => (reason = signal.reason));
      await sleep(10);
    });
    await sleep(0);
    task.cancel('stop it');
    await messageOf(() => task);
    expect(reason).toMatchObject({ name: 'CancelledError', message: 'stop it' });
  });
});

test('a message must be text', async () => {
  await loop.runUntilComplete(async () => {
    const task = loop.createTask(() => sleep(0));
    const waits = [task, loop.createFuture(), sleep(0), gather(() => sleep(0))];
    for (const one of waits) {
      expect(() => one.cancel(42 as never)).toThrow(new TypeError('cancel: the message must be text, got 42'));
    }
    waits[1]!.cancel();
    await Promise.all([waits[0], waits[2], waits[3]]);
  });
});

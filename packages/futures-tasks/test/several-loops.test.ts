import {
  Barrier,
  Condition,
  gather,
  Lock,
  Queue,
  Semaphore,
  sleep,
  taskGroup,
  TaskLoop,
  timeout,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';

leakAudit();

/** Each of these waits more than once inside of one operation: the later waits must find their own loop among several. */
const programs: Record<string, () => PromiseLike<unknown>> = {
  condition: async () => {
    const condition = new Condition();
    const waiter = async (): Promise<void> => {
      await condition.acquire();
      await condition.wait();
      condition.release();
    };
    await gather(
      () => waiter(),
      () => waiter(),
      async () => {
        await sleep(0.001);
        await condition.acquire();
        condition.notifyAll();
        await sleep(0.001);
        condition.release();
      },
    );
  },
  queue: async () => {
    const queue = new Queue<number>(1);
    const put = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await queue.put(i);
    };
    const get = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await queue.get();
    };
    await gather(...[put, get, put, get].map((work) => () => work()));
  },
  barrier: async () => {
    const barrier = new Barrier(2);
    const pass = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) await barrier.wait();
    };
    await gather(
      () => pass(),
      () => pass(),
    );
  },
  locks: async () => {
    const lock = new Lock();
    const semaphore = new Semaphore(2);
    const work = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await using _ = await lock.held();
        await using _two = await semaphore.held();
        await sleep(0);
      }
    };
    await gather(...[1, 2, 3].map(() => () => work()));
  },
  groups: () =>
    taskGroup(async (group) => {
      for (let i = 0; i < 3; i++) void group.createTask(() => timeout(5, () => sleep(0.001)));
    }),
};

test.each(Object.keys(programs))('two loops side by side in one thread: %s', async (name) => {
  const loops = [new TaskLoop(), new TaskLoop()];
  await Promise.all(loops.map((loop) => loop.runUntilComplete(programs[name]!)));
  for (const loop of loops) loop.close();
});

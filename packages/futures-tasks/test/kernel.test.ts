import { isCancelled } from '@tsyncio/core';
import { call, drive, FIRST_EXCEPTION, gather, shield, sleep, TaskLoop, wait } from '@tsyncio/futures-tasks';

async function run<T>(main: () => Promise<T>): Promise<T> {
  const loop = new TaskLoop();
  loop.setExceptionHandler((_loop, context) => {
    throw new Error(String(context.message));
  });
  try {
    return await loop.runUntilComplete(main);
  } finally {
    loop.close();
  }
}

test('two tasks interleave step by step', async () => {
  const seen: string[] = [];
  await run(async () => {
    const worker = (name: string) => async () => {
      for (let i = 0; i < 3; i++) {
        seen.push(`${name}${i}`);
        await sleep(0);
      }
      return name;
    };
    function* gen() {
      for (let i = 0; i < 3; i++) {
        seen.push(`g${i}`);
        yield* sleep(0);
      }
      yield* call(async () => {
        seen.push('c0');
        await sleep(0.001);
        seen.push('c1');
      });
      return 'g';
    }
    expect(await gather(worker('a'), worker('b'), gen())).toEqual(['a', 'b', 'g']);
    await drive(gen());
  });
  expect(seen.slice(0, 9)).toEqual(['a0', 'b0', 'g0', 'a1', 'b1', 'g1', 'a2', 'b2', 'g2']);
  expect(seen.length).toBe(16);
});

test('cancellation reaches the await', async () => {
  const seen: string[] = [];
  await run(async () => {
    const loop = (await import('@tsyncio/core')).getRunningLoop() as unknown as TaskLoop;
    const inner = loop.createTask(async () => {
      try {
        await sleep(10);
      } catch (error) {
        seen.push(isCancelled(error) ? 'cancelled' : 'other');
        throw error;
      } finally {
        await sleep(0);
        seen.push('cleaned');
      }
    });
    await sleep(0);
    inner.cancel();
    await expect(inner).rejects.toThrow();
    expect(inner.cancelled()).toBe(true);
    const protectedTask = loop.createTask(async () => {
      await sleep(0.001);
      return 5;
    });
    const outer = shield(protectedTask);
    outer.cancel();
    expect(await protectedTask).toBe(5);
  });
  expect(seen).toEqual(['cancelled', 'cleaned']);
});

test('the repr of a task that others wait for is short, also in a circle', async () => {
  await run(async () => {
    const loop = (await import('@tsyncio/core')).getRunningLoop() as unknown as TaskLoop;
    const target = loop.createTask(
      (function* () {
        yield* sleep(0.001);
      })(),
      { name: 'target' },
    );
    const waiters = [1, 2, 3].map((i) =>
      loop.createTask(
        (function* () {
          yield* target;
        })(),
        { name: `w${i}` },
      ),
    );
    await sleep(0);
    expect(String(target)).toContain('cb=[<wake-up of w1>, <1 more>, <wake-up of w3>]');
    expect(String(waiters[0])).toContain("wait_for=<Task pending name='target'");
    const knot = loop.createFuture<unknown>();
    knot.setResult([knot]);
    expect(String(knot)).toBe('<Future finished result=[<Future ...>]>');
    await gather(...waiters);
  });
});

test.each([null, undefined])('a coroutine that throws %p fails its task, and those who wait for it', async (thrown) => {
  await run(async () => {
    const failing = async (): Promise<void> => {
      await sleep(0);
      throw thrown;
    };
    await expect(gather(failing)).rejects.toBe(thrown);
    await expect(shield(failing)).rejects.toBe(thrown);
    expect(await gather(failing, { returnExceptions: true })).toEqual([thrown]);
    const [, pending] = await wait([failing, () => sleep(1000)], { returnWhen: FIRST_EXCEPTION });
    for (const task of pending) task.cancel();
    expect(pending.size).toBe(1);
  });
});

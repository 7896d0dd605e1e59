import { sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { errorOf, kinds, run } from './support.js';

describe.each(kinds)('%s', (_kind, coroutine) => {
  test('TASK-10 a future of another loop is an error at the await, which can be caught', async () => {
    const other = new TaskLoop();
    const foreign = other.createFuture();
    const seen = await run(async (loop) => {
      const task = loop.createTask(
        coroutine(function* () {
          const error = yield* (function* (): Generator<any, unknown, any> {
            try {
              yield foreign;
            } catch (caught) {
              return caught;
            }
            return null;
          })();
          yield sleep(0);
          return error;
        }),
      );
      return task;
    });
    expect(String(seen)).toMatch(/attached to a different loop/);
    expect((seen as Error).name).toBe('RuntimeError');
    other.close();
  });
});

test('TASK-10 the step that gets the error is over before the next handle of this loop runs', async () => {
  const other = new TaskLoop();
  const foreign = other.createFuture();
  const seen: string[] = [];
  await run(async (loop) => {
    const task = loop.createTask(async () => {
      await errorOf(foreign);
      seen.push('caught');
      for (let i = 0; i < 20; i++) await Promise.resolve();
      seen.push('end of step');
    });
    loop.callSoon(() => loop.callSoon(() => seen.push('callback')));
    await task;
  });
  expect(seen).toEqual(['caught', 'end of step', 'callback']);
  other.close();
});

import { type Context, ContextVar, isCancelled, copyContext } from '@tsyncio/core';
import { call, currentTask, drive, sleep } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play, type World } from './helpers/world.js';
import { errorOf } from './support.js';

// Operations that run user code: `drive`, `waitFor` and their kin.
leakAudit();

/** Async code inside a generator coroutine. */
function* nested({ trace }: World, name = 'inner') {
  return yield* call(async () => {
    try {
      return await sleep(10, name);
    } catch (error) {
      trace.push(`${name} ${isCancelled(error) ? 'cancelled' : String(error)}`);
      throw error;
    }
  });
}

test('an operation with async code inside can be cancelled on its own', () =>
  play(async (world) => {
    const operation = drive(nested(world));
    const other = sleep(2, 'other');
    await sleep(1);
    expect(operation.cancel()).toBe(true);
    expect(isCancelled(await errorOf(operation))).toBe(true);
    expect([world.trace, await other, currentTask()!.cancelling()]).toEqual([['inner cancelled'], 'other', 0]);
  }));

test('TASK-CANCEL-01 a request to the task reaches the async code inside, through operations within operations', () =>
  play(async (world) => {
    const task = world.loop.createTask(() =>
      drive(
        (function* () {
          return yield* drive(nested(world));
        })(),
      ),
    );
    await sleep(1);
    task.cancel();
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect([world.trace, task.cancelled(), world.now]).toEqual([['inner cancelled'], true, 1]);
  }));

test('TASK-CANCEL-06 a request between the end of the inner wait and its delivery is not lost', () =>
  play(async ({ loop, trace }) => {
    const future = loop.createFuture<string>();
    const task = loop.createTask(() =>
      drive(
        (function* () {
          return yield* call(async () => {
            try {
              return await future;
            } finally {
              trace.push('delivered');
            }
          });
        })(),
      ),
    );
    await sleep(1);
    future.setResult('on its way');
    task.cancel();
    expect(isCancelled(await errorOf(task))).toBe(true);
    expect([trace, task.cancelled()]).toEqual([['delivered'], true]);
  }));

test('code that goes on after its operation has ended waits for the operation around it, or for the task', () =>
  play(async (world) => {
    const { loop, trace } = world;
    const task = loop.createTask(async () => {
      let left!: Promise<string>;
      await drive(
        (function* () {
          yield* call(async () => {
            left = sleep(1).then(async () => {
              try {
                return await sleep(10, 'left behind');
              } catch {
                return 'cancelled with the task';
              }
            });
          });
        })(),
      );
      trace.push(`ended at ${world.now}`);
      return left;
    });
    await sleep(2);
    task.cancel();
    expect([await task, trace, world.now]).toEqual(['cancelled with the task', ['ended at 0'], 2]);
  }));

test('the context variables of the task are those of the code inside, in a context of its own too', () =>
  play(async (world) => {
    const variable = new ContextVar<string>('variable');
    await drive(
      (function* () {
        variable.set('set inside');
        yield* call(async () => {
          await sleep(1);
          expect(variable.get()).toBe('set inside');
          const context: Context = copyContext();
          const operation = context.run(() => drive(nested(world, 'in a context')));
          operation.cancel();
          await errorOf(operation);
        });
      })(),
    );
    expect([variable.get(), world.trace]).toEqual(['set inside', ['in a context cancelled']]);
  }));

test('cancelling and uncancel count requests; at none the error that is due is dropped', () =>
  play(async ({ loop }) => {
    const task = loop.createTask(async () => {
      const self = currentTask()!;
      expect([self.cancelling(), self.uncancel()]).toEqual([0, 0]);
      self.cancel();
      self.cancel();
      expect([self.cancelling(), self.uncancel(), self.uncancel(), self.uncancel()]).toEqual([2, 1, 0, 0]);
      await sleep(1);
      self.cancel();
      expect(isCancelled(await errorOf(sleep(1)))).toBe(true);
      return self.cancelling();
    });
    expect([await task, task.cancelled(), task.cancelling(), loop.time()]).toEqual([1, false, 1, 1]);
  }));

test('the signal of the task is that of the operation inside of it', () =>
  play(async (world) => {
    const task = currentTask()!;
    const outside = task.signal;
    let inside!: AbortSignal;
    const operation = drive(
      (function* () {
        inside = task.signal;
        yield* sleep(10);
      })(),
    );
    expect(inside).not.toBe(outside);
    operation.cancel();
    await errorOf(operation);
    expect([inside.aborted, outside.aborted, task.signal === outside, world.now]).toEqual([true, false, true, 0]);
  }));

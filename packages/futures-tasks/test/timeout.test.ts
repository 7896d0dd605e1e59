import { CancelledError, ContextVar, isCancelled, TimeoutError } from '@tsyncio/core';
import {
  currentTask,
  Event,
  gather,
  Queue,
  sleep,
  timeout,
  timeoutAt,
  waitFor,
  wrapPromise,
  type Timeout,
} from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

// The order of events, cancellations and races: structured.test.ts, against CPython 3.13.

describe('timeout', () => {
  test('the TimeoutError carries the CancelledError, and no timer is left', () =>
    play(async ({ loop }) => {
      const error = await errorOf(timeout(2, () => sleep(10)));
      expect(error).toBeInstanceOf(TimeoutError);
      expect(error.cause).toBeInstanceOf(CancelledError);
      expect([loop.time(), loop.timersLeft()]).toEqual([2, 0]);
    }));

  test('timeoutAt counts on the clock of the loop; null is no deadline', () =>
    play(async ({ loop }) => {
      await sleep(3);
      expect(await errorOf(timeoutAt(5, () => sleep(10)))).toBeInstanceOf(TimeoutError);
      expect(loop.time()).toBe(5);
      expect(await timeoutAt(null, () => sleep(10, 'value'))).toBe('value');
      expect(await timeout(null, async (limit) => limit.when())).toBe(null);
    }));

  test('the body runs inside the calling task, begun at the call, in its context', () =>
    play(async () => {
      const variable = new ContextVar('variable', { default: 'outside' });
      variable.set('inside');
      const self = currentTask();
      let begun = false;
      const running = timeout(1, async () => {
        begun = true;
        expect(currentTask()).toBe(self);
        expect(variable.get()).toBe('inside');
        await sleep(0);
        expect(currentTask()).toBe(self);
        expect(variable.get()).toBe('inside');
        variable.set('changed');
      });
      expect(begun).toBe(true);
      await running;
      expect(variable.get()).toBe('changed');
    }));

  test('a generator is as good a body', () =>
    play(function* () {
      const value = yield* timeout(1, function* (limit: Timeout) {
        limit.reschedule(5);
        return yield* sleep(4, 'value');
      });
      expect(value).toBe('value');
    }));

  test('two of them side by side in one task: only the one whose time is over ends', () =>
    play(async ({ loop }) => {
      const [quick, slow] = await Promise.allSettled([timeout(1, () => sleep(5)), timeout(9, () => sleep(5, 'slow'))]);
      expect(quick).toMatchObject({ status: 'rejected', reason: { name: 'TimeoutError' } });
      expect(slow).toEqual({ status: 'fulfilled', value: 'slow' });
      expect(currentTask()!.cancelling()).toBe(0);
      expect(loop.time()).toBe(5);
    }));

  test('it works in a callback, outside of any task', () =>
    play(async ({ loop }) => {
      const ended = new Event();
      let error: unknown;
      loop.callSoon(async () => {
        error = await errorOf(timeout(1, () => sleep(5)));
        ended.set();
      });
      await ended.wait();
      expect(error).toBeInstanceOf(TimeoutError);
    }));

  test('the states of a Timeout, in words', () =>
    play(async () => {
      let held!: Timeout;
      const seen: string[] = [];
      await timeout(1.23456, async (limit) => {
        held = limit;
        seen.push(String(limit));
        limit.reschedule(null);
        seen.push(String(limit), String(limit.when()));
      });
      seen.push(String(held), String(held.expired()));
      expect(() => held.reschedule(5)).toThrow('Cannot change state of finished Timeout');
      await errorOf(
        timeout(1, async (limit) => {
          held = limit;
          try {
            await sleep(5);
          } finally {
            seen.push(String(limit));
            expect(() => limit.reschedule(5)).toThrow('Cannot change state of expiring Timeout');
          }
        }),
      );
      seen.push(String(held), String(held.expired()));
      expect(() => held.reschedule(5)).toThrow('Cannot change state of expired Timeout');
      expect(seen).toEqual([
        '<Timeout [active] when=1.235>',
        '<Timeout [active] when=null>',
        'null',
        '<Timeout [finished]>',
        'false',
        '<Timeout [expiring]>',
        '<Timeout [expired]>',
        'true',
      ]);
    }));

  test('uncancel drops a cancellation that has not been thrown, as after a wait for a promise outside of the loop', () =>
    play(async ({ loop }) => {
      let settle!: () => void;
      const foreign = new Promise<void>((resolve) => (settle = resolve));
      loop.callLater(2, () => settle());
      const value = await timeout(1, async (limit) => {
        await foreign;
        expect([limit.expired(), currentTask()!.cancelling(), currentTask()!.uncancel()]).toEqual([true, 1, 0]);
        return sleep(1, 'went on');
      });
      expect(value).toBe('went on');
    }));

  test('the signal of the task is aborted for what is not of the loop', () =>
    play(async () => {
      const error = await errorOf(
        timeout(1, async () => {
          const { signal } = currentTask()!;
          await wrapPromise(
            new Promise((_resolve, reject) => {
              signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
            }),
          );
        }),
      );
      expect(error).toBeInstanceOf(TimeoutError);
      expect(currentTask()!.signal.aborted).toBe(false);
    }));

  test.each([
    [() => timeout('1' as never, async () => 1), TypeError],
    [() => timeout(NaN, async () => 1), 'must not be NaN'],
    [() => timeout(1, 5 as never), TypeError],
    [() => timeout(1, (() => 5) as never), 'timeout: <function>() must return a promise or a generator'],
    [() => timeoutAt({} as never, async () => 1), TypeError],
    [() => timeout(1, async () => 1, { signal: {} as never }), TypeError],
    [() => waitFor(sleep(0), 1, { signal: 5 as never }), TypeError],
  ])('bad arguments arrive through the operation: %p', (call, error) =>
    play(async () => {
      await expect(call().then()).rejects.toThrow(error);
    }),
  );

  test('outside of a run it is a RuntimeError', async () => {
    expect(await errorOf(timeout(1, async () => 1))).toMatchObject({ name: 'RuntimeError' });
  });
});

/** A signal, and how many listeners stand on it. */
function observed(): { controller: AbortController; signal: AbortSignal; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  signal.addEventListener = function (...args: Parameters<EventTarget['addEventListener']>) {
    count++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = function (...args: Parameters<EventTarget['removeEventListener']>) {
    count--;
    removeEventListener.apply(signal, args);
  };
  return { controller, signal, listeners: () => count };
}

describe('AbortSignal', () => {
  test('a wait ends with the reason of the signal, and what was waited for is cancelled', () =>
    play(async ({ loop }) => {
      const { controller, signal } = observed();
      const queue = new Queue();
      loop.callLater(1, () => controller.abort());
      const error = await errorOf(waitFor(queue.get(), null, { signal }));
      expect(error).toBe(signal.reason);
      expect(error.name).toBe('AbortError');
      expect(String(queue)).toBe('<Queue maxsize=0>');
      const future = loop.createFuture();
      const own = new Error('own');
      const second = new AbortController();
      loop.callLater(1, () => second.abort(own));
      expect(await errorOf(waitFor(future, 5, { signal: second.signal }))).toBe(own);
      expect([future.cancelled(), loop.time()]).toEqual([true, 2]);
    }));

  test('code that timeout runs is cancelled, cleans up, and may have its way', () =>
    play(async ({ loop }) => {
      const { controller, signal, listeners } = observed();
      loop.callLater(1, () => controller.abort('enough'));
      const seen: unknown[] = [];
      const error = await timeout(
        5,
        async () => {
          try {
            await sleep(10);
          } finally {
            seen.push(currentTask()!.cancelling());
            await sleep(1);
          }
        },
        { signal },
      ).then(
        () => null,
        (reason: unknown) => reason,
      );
      expect(error).toBe('enough');
      expect([seen, loop.time(), listeners(), currentTask()!.cancelling()]).toEqual([[1], 2, 0, 0]);
      const again = new AbortController();
      loop.callLater(1, () => again.abort());
      expect(await timeout(5, () => sleep(10).then(null, () => 'anyway'), { signal: again.signal })).toBe('anyway');
    }));

  test('a cancellation from elsewhere stays one', () =>
    play(async ({ loop }) => {
      const { controller, signal } = observed();
      const task = loop.createTask(() => waitFor(() => sleep(10), null, { signal }));
      await sleep(1);
      task.cancel();
      controller.abort();
      expect(isCancelled(await errorOf(task))).toBe(true);
    }));

  test('aborted before: nothing begins, what has begun is cancelled', () =>
    play(async ({ loop }) => {
      const signal = AbortSignal.abort('before');
      const begin = jest.fn(async () => undefined);
      const reasonOf = (work: PromiseLike<unknown>) =>
        work.then(
          () => null,
          (reason: unknown) => reason,
        );
      expect(await reasonOf(timeout(5, begin, { signal }))).toBe('before');
      expect(await reasonOf(waitFor(begin, 5, { signal }))).toBe('before');
      expect(begin).not.toHaveBeenCalled();
      const future = loop.createFuture();
      expect(await reasonOf(waitFor(future, 5, { signal }))).toBe('before');
      expect(future.cancelled()).toBe(true);
      const paused = sleep(10);
      expect(await reasonOf(waitFor(paused, 5, { signal }))).toBe('before');
      expect(isCancelled(await errorOf(paused))).toBe(true);
    }));

  test('thousands of waits on one signal: one listener, none when they are over, and no warning', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    await play(async ({ loop }) => {
      const { controller, signal, listeners } = observed();
      const waits = Array.from({ length: 2000 }, () => loop.createTask(() => waitFor(sleep(1), null, { signal })));
      await sleep(0);
      expect(listeners()).toBe(1);
      await gather(...waits);
      expect(listeners()).toBe(0);
      const left = Array.from({ length: 2000 }, () => loop.createTask(() => waitFor(sleep(5), null, { signal })));
      await sleep(0);
      controller.abort();
      const ends = await gather(...left, { returnExceptions: true });
      expect(ends.every((error) => (error as unknown) === signal.reason)).toBe(true);
      expect(loop.time()).toBe(1);
    });
    process.removeListener('warning', listen);
    expect(warnings).toEqual([]);
  });

  test('createTask takes one: aborting it is task.cancel(), and leaves no listener', () =>
    play(async ({ loop }) => {
      const { controller, signal, listeners } = observed();
      const done = loop.createTask(() => sleep(1, 'done'), { signal });
      expect(await done).toBe('done');
      expect(listeners()).toBe(0);
      const task = loop.createTask(() => sleep(10), { signal });
      await sleep(1);
      controller.abort();
      expect(task.cancelling()).toBe(1);
      expect(isCancelled(await errorOf(task))).toBe(true);
      const begin = jest.fn(async () => undefined);
      expect(isCancelled(await errorOf(loop.createTask(begin, { signal })))).toBe(true);
      expect(begin).not.toHaveBeenCalled();
      expect(() => loop.createTask(begin, { signal: {} as never })).toThrow(TypeError);
    }));
});

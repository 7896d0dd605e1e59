import { CancelledError } from '@tsyncio/core';
import { Event, sleep } from '@tsyncio/futures-tasks';
import { errorOf, run } from './support.js';
import { resultOf, track, turns } from './waiting.js';

describe('Event', () => {
  test('EVENT-01 set and clear change it, give nothing, and may be repeated', () => {
    const event = new Event();
    expect(event.isSet()).toBe(false);
    expect([event.set(), event.set(), event.isSet()]).toEqual([undefined, undefined, true]);
    expect([event.clear(), event.clear(), event.isSet()]).toEqual([undefined, undefined, false]);
  });

  test('EVENT-02 wait gives true at once when it is set, else when it is being set', () =>
    run(async (loop) => {
      const event = new Event();
      const trace: string[] = [];
      const task = track(loop, trace, 'a', () => event.wait());
      await turns(3);
      expect(trace).toEqual([]);
      event.set();
      await task;
      expect(trace).toEqual(['a=true']);
      expect(resultOf(event.wait())).toBe(true);
    }));

  test('EVENT-03 set wakes all in their order; who waits first after the set passes ahead of them', () =>
    run(async (loop) => {
      const event = new Event();
      const trace: string[] = [];
      for (const name of ['a', 'b', 'c']) void track(loop, trace, name, () => event.wait());
      await sleep(0);
      event.set();
      trace.push(`main=${await event.wait()}`);
      await turns(2);
      expect(trace).toEqual(['main=true', 'a=true', 'b=true', 'c=true']);
    }));

  test('EVENT-04 those who were woken go on, though the event was cleared before they resumed', () =>
    run(async (loop) => {
      const event = new Event();
      const trace: string[] = [];
      const tasks = ['a', 'b'].map((name) => track(loop, trace, name, () => event.wait()));
      await sleep(0);
      event.set();
      event.clear();
      const late = track(loop, trace, 'late', () => event.wait());
      await turns(3);
      expect(trace).toEqual(['a=true', 'b=true']);
      expect(tasks.every((task) => task.done())).toBe(true);
      expect(late.done()).toBe(false);
      event.set();
      await late;
    }));

  test.each([false, true])('EVENT-05 a cancelled waiter leaves (already woken: %s)', (woken) =>
    run(async (loop) => {
      const event = new Event();
      const trace: string[] = [];
      const a = loop.createTask(async () => event.wait());
      const b = track(loop, trace, 'b', () => event.wait());
      await sleep(0);
      if (woken) event.set();
      a.cancel();
      expect(await errorOf(a)).toBeInstanceOf(CancelledError);
      expect(String(event)).toBe(woken ? '<Event [set]>' : '<Event [unset, waiters:1]>');
      event.set();
      await b;
      expect(trace).toEqual(['b=true']);
      expect(String(event)).toBe('<Event [set]>');
    }),
  );

  test('EVENT-06 the text shows the state, and the number of waiters until they have resumed', () =>
    run(async (loop) => {
      const event = new Event();
      expect(String(event)).toBe('<Event [unset]>');
      const tasks = [1, 2].map(() => loop.createTask(async () => event.wait()));
      await sleep(0);
      expect(String(event)).toBe('<Event [unset, waiters:2]>');
      event.set();
      expect(String(event)).toBe('<Event [set, waiters:2]>');
      for (const task of tasks) await task;
      expect(String(event)).toBe('<Event [set]>');
    }));
});

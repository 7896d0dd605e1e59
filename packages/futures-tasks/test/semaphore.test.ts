import { CancelledError, ValueError } from '@tsyncio/core';
import { BoundedSemaphore, gather, Semaphore, sleep } from '@tsyncio/futures-tasks';
import fc from 'fast-check';
import { errorOf, run } from './support.js';
import { resultOf, track, turns } from './waiting.js';

describe.each([
  ['any semaphore: Semaphore', Semaphore],
  ['any semaphore: BoundedSemaphore', BoundedSemaphore],
])('%s', (_name, Kind) => {
  test('SEM-01 the value is 1 by default and at least 0; locked means that an acquire would wait', async () => {
    expect(new Kind().locked()).toBe(false);
    expect(new Kind(0).locked()).toBe(true);
    expect(new Kind(Infinity).locked()).toBe(false);
    expect(await errorOf(() => new Kind(-1))).toBeInstanceOf(ValueError);
    expect(await errorOf(() => new Kind(NaN))).toBeInstanceOf(ValueError);
    expect(await errorOf(() => new Kind(1.5))).toBeInstanceOf(ValueError);
    expect(await errorOf(() => new Kind('1' as never))).toBeInstanceOf(TypeError);
  });

  test('SEM-02 acquire takes a unit without suspending while there are any, and then waits', () =>
    run(async (loop) => {
      const semaphore = new Kind(2);
      expect(resultOf(semaphore.acquire())).toBe(true);
      expect(semaphore.locked()).toBe(false);
      expect(resultOf(semaphore.acquire())).toBe(true);
      expect(semaphore.locked()).toBe(true);
      const trace: string[] = [];
      const task = track(loop, trace, 'a', () => semaphore.acquire());
      await turns(3);
      expect(trace).toEqual([]);
      semaphore.release();
      await task;
      expect(trace).toEqual(['a=true']);
    }));

  test('SEM-05 a cancelled waiter leaves, and a release goes to the next one', () =>
    run(async (loop) => {
      const semaphore = new Kind(1);
      await semaphore.acquire();
      const trace: string[] = [];
      const a = track(loop, trace, 'a', () => semaphore.acquire());
      const b = track(loop, trace, 'b', () => semaphore.acquire());
      await sleep(0);
      a.cancel();
      semaphore.release();
      await gather(a, b);
      expect(trace).toEqual(['a cancelled', 'b=true']);
      expect(semaphore.locked()).toBe(true);
      expect(String(semaphore)).toBe(`<${Kind.name} [locked]>`);
    }));

  test('SEM-05 a free unit is taken at once when all in line were cancelled', () =>
    run(async (loop) => {
      const semaphore = new Kind(1);
      await semaphore.acquire();
      const trace: string[] = [];
      const a = track(loop, trace, 'a', () => semaphore.acquire());
      await sleep(0);
      a.cancel();
      semaphore.release();
      expect(String(semaphore)).toBe(`<${Kind.name} [unlocked, value:1, waiters:1]>`);
      expect(resultOf(semaphore.acquire())).toBe(true);
      await a;
      expect(trace).toEqual(['a cancelled']);
      expect(String(semaphore)).toBe(`<${Kind.name} [locked]>`);
    }));

  test('SEM-06 the unit of one who was woken and cancelled goes on to the next, or is free again', () =>
    run(async (loop) => {
      const semaphore = new Kind(1);
      await semaphore.acquire();
      const trace: string[] = [];
      const a = track(loop, trace, 'a', () => semaphore.acquire());
      const b = track(loop, trace, 'b', () => semaphore.acquire());
      await sleep(0);
      semaphore.release();
      a.cancel();
      await gather(a, b);
      expect(trace).toEqual(['a cancelled', 'b=true']);
      expect(semaphore.locked()).toBe(true);

      const c = track(loop, trace, 'c', () => semaphore.acquire());
      await sleep(0);
      semaphore.release();
      c.cancel();
      await c;
      expect(trace.at(-1)).toBe('c cancelled');
      expect(String(semaphore)).toBe(`<${Kind.name} [unlocked, value:1]>`);
    }));

  test('SEM-08 the text shows the value, or that it is locked, and the waiters', () =>
    run(async (loop) => {
      const semaphore = new Kind(2);
      expect(String(semaphore)).toBe(`<${Kind.name} [unlocked, value:2]>`);
      await semaphore.acquire();
      expect(String(semaphore)).toBe(`<${Kind.name} [unlocked, value:1]>`);
      await semaphore.acquire();
      expect(String(semaphore)).toBe(`<${Kind.name} [locked]>`);
      const task = loop.createTask(async () => semaphore.acquire());
      await sleep(0);
      expect(String(semaphore)).toBe(`<${Kind.name} [locked, waiters:1]>`);
      semaphore.release();
      await task;
    }));

  test('property: never more holders than units, first come first served, no unit lost', async () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant({ kind: 'turn' as const, index: 0 }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('start' as const), index: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), index: fc.nat(30) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 60 }), (units, steps) =>
        run(async (loop) => {
          const semaphore = new Kind(units);
          const asked: number[] = [];
          const got: number[] = [];
          let holders = 0;
          const tasks = [];
          const cancelled = new Set<number>();
          for (const { kind, index } of steps) {
            if (kind === 'turn') await sleep(0);
            else if (kind === 'cancel') {
              if (index < tasks.length && tasks[index]!.cancel()) cancelled.add(index);
            } else {
              const id = tasks.length;
              tasks.push(
                loop.createTask(async () => {
                  asked.push(id);
                  await semaphore.acquire();
                  got.push(id);
                  holders++;
                  try {
                    expect(holders).toBeLessThanOrEqual(units);
                    await turns(index);
                  } finally {
                    holders--;
                    semaphore.release();
                  }
                }),
              );
            }
          }
          await gather(...tasks, { returnExceptions: true });
          expect(holders).toBe(0);
          expect(String(semaphore)).toBe(`<${Kind.name} [unlocked, value:${units}]>`);
          expect(got).toEqual(asked.filter((id) => got.includes(id)));
          for (const id of asked) if (!cancelled.has(id)) expect(got).toContain(id);
        }),
      ),
      { numRuns: 100, seed: 313 },
    );
  });
});

describe('Semaphore', () => {
  test('SEM-03 release adds units without bound and wakes one waiter', () =>
    run(async (loop) => {
      const semaphore = new Semaphore(1);
      expect([semaphore.release(), semaphore.release()]).toEqual([undefined, undefined]);
      expect(String(semaphore)).toBe('<Semaphore [unlocked, value:3]>');
      for (let i = 0; i < 3; i++) await semaphore.acquire();
      const trace: string[] = [];
      const tasks = ['a', 'b'].map((name) => track(loop, trace, name, () => semaphore.acquire()));
      await sleep(0);
      semaphore.release();
      await turns(3);
      expect(trace).toEqual(['a=true']);
      semaphore.release();
      await gather(...tasks);
      expect(trace).toEqual(['a=true', 'b=true']);
    }));

  test('SEM-04 a newcomer between a release and the resumption of the woken one stands in line: fair since 3.11', () =>
    run(async (loop) => {
      const semaphore = new Semaphore(0);
      const trace: string[] = [];
      void track(loop, trace, 'a', () => semaphore.acquire());
      await sleep(0);
      semaphore.release();
      const newcomer = track(loop, trace, 'newcomer', () => semaphore.acquire());
      expect(semaphore.locked()).toBe(true);
      await turns(3);
      expect(trace).toEqual(['a=true']);
      semaphore.release();
      await newcomer;
      expect(trace).toEqual(['a=true', 'newcomer=true']);
    }));

  test('SEM-01 SEM-04 it is locked while somebody is in line, though a unit is free, as in CPython 3.13', () =>
    run(async (loop) => {
      const semaphore = new Semaphore(0);
      const trace: string[] = [];
      void track(loop, trace, 'a', () => semaphore.acquire());
      await sleep(0);
      semaphore.release();
      semaphore.release();
      expect(semaphore.locked()).toBe(true);
      expect(String(semaphore)).toBe('<Semaphore [locked, waiters:1]>');
      void track(loop, trace, 'n', () => semaphore.acquire());
      const m = track(loop, trace, 'm', () => semaphore.acquire());
      await sleep(0);
      trace.push(String(semaphore));
      await sleep(0);
      trace.push(String(semaphore));
      semaphore.release();
      await m;
      trace.push(String(semaphore));
      // The trace of CPython 3.13.0.
      expect(trace).toEqual([
        'a=true',
        'n=true',
        '<Semaphore [locked, waiters:1]>',
        '<Semaphore [locked, waiters:1]>',
        'm=true',
        '<Semaphore [locked]>',
      ]);
    }));

  test('a release wakes one, though more units are free; the one who resumes wakes the next, as in CPython 3.13', () =>
    run(async (loop) => {
      const semaphore = new Semaphore(0);
      const trace: string[] = [];
      const use = (name: string) => async () => {
        await semaphore.acquire();
        trace.push(name);
      };
      const a = loop.createTask(use('a'));
      await sleep(0);
      const n = loop.createTask(use('n'));
      const m = loop.createTask(use('m'));
      loop.callSoon(() => semaphore.release());
      loop.callSoon(() => void loop.callSoon(() => trace.push('mark')));
      semaphore.release();
      semaphore.release();
      await gather(a, n, m);
      expect(trace).toEqual(['a', 'n', 'mark', 'm']);
    }));

  test('three releases wake three; the unit of the one that is cancelled is free again', () =>
    run(async (loop) => {
      const semaphore = new Semaphore(0);
      const trace: string[] = [];
      const names = ['a', 'b', 'c'];
      const [a, b, c] = names.map((name) => track(loop, trace, name, () => semaphore.acquire()));
      await sleep(0);
      for (let i = 0; i < 3; i++) semaphore.release();
      b!.cancel();
      await gather(a!, b!, c!);
      expect(trace).toEqual(['a=true', 'b cancelled', 'c=true']);
      expect(String(semaphore)).toBe('<Semaphore [unlocked, value:1]>');
    }));
});

test('SEM-07 a bounded semaphore refuses more releases than acquisitions, and its counter stays', async () => {
  const semaphore = new BoundedSemaphore(1);
  expect(await errorOf(() => semaphore.release())).toBeInstanceOf(ValueError);
  expect(String(semaphore)).toBe('<BoundedSemaphore [unlocked, value:1]>');
  await semaphore.acquire();
  semaphore.release();
  expect(await errorOf(() => semaphore.release())).toBeInstanceOf(ValueError);
  expect(String(semaphore)).toBe('<BoundedSemaphore [unlocked, value:1]>');
});

test('a wait for a semaphore that is cancelled is a CancelledError of the task', () =>
  run(async (loop) => {
    const semaphore = new Semaphore(0);
    const task = loop.createTask(async () => semaphore.acquire());
    await sleep(0);
    task.cancel();
    expect(await errorOf(task)).toBeInstanceOf(CancelledError);
    expect(String(semaphore)).toBe('<Semaphore [locked]>');
  }));

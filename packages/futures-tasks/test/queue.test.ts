import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { TimeoutError, ValueError } from '@tsyncio/core';
import {
  gather,
  LifoQueue,
  PriorityQueue,
  Queue,
  QueueEmpty,
  QueueFull,
  sleep,
  waitFor,
  type ItemStore,
  type Task,
} from '@tsyncio/futures-tasks';
import fc from 'fast-check';
import { errorOf, run } from './support.js';
import { resultOf, track, turns } from './waiting.js';

describe('Queue', () => {
  test('QUEUE-01 maxsize cannot be changed; zero or less is no limit', async () => {
    const queue = new Queue(4);
    expect(queue.maxsize).toBe(4);
    expect(await errorOf(() => Object.assign(queue, { maxsize: 5 }))).toBeInstanceOf(TypeError);
    expect(queue.maxsize).toBe(4);
    for (const maxsize of [0, -1, undefined]) {
      const endless = new Queue<number>(maxsize);
      for (let i = 0; i < 100; i++) endless.putNowait(i);
      expect([endless.full(), endless.maxsize]).toEqual([false, maxsize ?? 0]);
    }
    expect(await errorOf(() => new Queue('1' as never))).toBeInstanceOf(TypeError);
    expect(await errorOf(() => new Queue(NaN))).toBeInstanceOf(ValueError);
  });

  test('QUEUE-02 items come out in the order in which they were put, and the counts follow', () => {
    const queue = new Queue<number>(40);
    expect([queue.qsize(), queue.empty(), queue.full()]).toEqual([0, true, false]);
    const taken: number[] = [];
    let next = 0;
    // Puts and gets of different strides, so that the ring goes round and grows while it does.
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 7 && !queue.full(); i++) queue.putNowait(next++);
      for (let i = 0; i < 3; i++) taken.push(queue.getNowait());
    }
    expect([queue.qsize(), queue.empty(), queue.full()]).toEqual([next - 30, false, next - 30 === 40]);
    while (!queue.empty()) taken.push(queue.getNowait());
    expect(taken).toEqual(Array.from({ length: next }, (_, i) => i));
    const one = new Queue<undefined>(1);
    one.putNowait(undefined);
    expect([one.qsize(), one.empty(), one.full()]).toEqual([1, false, true]);
    expect(one.getNowait()).toBeUndefined();
    expect([one.qsize(), one.empty(), one.full()]).toEqual([0, true, false]);
  });

  test('QUEUE-03 putNowait on a full queue and getNowait on an empty one are errors, and change nothing', async () => {
    const queue = new Queue<number>(1);
    const empty = await errorOf(() => queue.getNowait());
    expect(empty).toBeInstanceOf(QueueEmpty);
    expect(empty.name).toBe('QueueEmpty');
    queue.putNowait(1);
    const full = await errorOf(() => queue.putNowait(2));
    expect(full).toBeInstanceOf(QueueFull);
    expect(full.name).toBe('QueueFull');
    expect(String(queue)).toBe('<Queue maxsize=1 _queue=[1] tasks=1>');
  });

  test('QUEUE-04 put waits for room and get for an item; neither suspends if it need not', () =>
    run(async (loop) => {
      const queue = new Queue<number>(1);
      const trace: string[] = [];
      expect(resultOf(queue.put(1))).toBeUndefined();
      expect(queue.putNowait.length).toBe(1);
      const putter = track(loop, trace, 'put', () => queue.put(2));
      await turns(3);
      expect(trace).toEqual([]);
      expect(resultOf(queue.get())).toBe(1);
      await putter;
      expect(trace).toEqual(['put=undefined']);
      expect(queue.getNowait()).toBe(2);
      const getter = track(loop, trace, 'get', () => queue.get());
      await turns(3);
      expect(trace.length).toBe(1);
      expect(queue.putNowait(3)).toBeUndefined();
      await getter;
      expect(trace).toEqual(['put=undefined', 'get=3']);
    }));

  test('QUEUE-05 one who was woken and finds the item gone waits again, at the end of the line', () =>
    run(async (loop) => {
      const queue = new Queue<number>();
      const trace: string[] = [];
      const a = track(loop, trace, 'a', () => queue.get());
      const b = track(loop, trace, 'b', () => queue.get());
      await sleep(0);
      expect(String(queue)).toBe('<Queue maxsize=0 _getters[2]>');
      queue.putNowait(1);
      expect(queue.getNowait()).toBe(1);
      expect(String(queue)).toBe('<Queue maxsize=0 _getters[1] tasks=1>');
      await turns(2);
      expect(String(queue)).toBe('<Queue maxsize=0 _getters[2] tasks=1>');
      queue.putNowait(2);
      queue.putNowait(3);
      await gather(a, b);
      // The trace of CPython 3.8.18.
      expect(trace).toEqual(['b=2', 'a=3']);
    }));

  test('QUEUE-05 a putter that was woken and finds no room waits again, at the end of the line', () =>
    run(async (loop) => {
      const queue = new Queue<number>(1);
      const trace: string[] = [];
      queue.putNowait(0);
      const a = track(loop, trace, 'a', () => queue.put(1));
      const b = track(loop, trace, 'b', () => queue.put(2));
      await sleep(0);
      queue.getNowait();
      queue.putNowait(9);
      await turns(2);
      expect(String(queue)).toBe('<Queue maxsize=1 _queue=[9] _putters[2] tasks=2>');
      const got = [await queue.get(), await queue.get(), await queue.get()];
      await gather(a, b);
      expect(got).toEqual([9, 2, 1]);
      expect(trace).toEqual(['b=undefined', 'a=undefined']);
    }));

  test('QUEUE-05 each put wakes one getter, and each get one putter', () =>
    run(async (loop) => {
      const queue = new Queue<number>(1);
      const trace: string[] = [];
      const getters = ['a', 'b'].map((name) => track(loop, trace, name, () => queue.get()));
      await sleep(0);
      queue.putNowait(1);
      await turns(3);
      expect(trace).toEqual(['a=1']);
      queue.putNowait(2);
      await gather(...getters);
      queue.putNowait(3);
      const putters = ['c', 'd'].map((name, i) => track(loop, trace, name, () => queue.put(4 + i)));
      await sleep(0);
      expect(queue.getNowait()).toBe(3);
      await turns(3);
      expect(trace).toEqual(['a=1', 'b=2', 'c=undefined']);
      expect(queue.getNowait()).toBe(4);
      await gather(...putters);
      expect(queue.getNowait()).toBe(5);
    }));

  test('QUEUE-06 what suspended putters put is stored in the order in which they waited', () =>
    run(async (loop) => {
      const queue = new Queue<number>(1);
      queue.putNowait(0);
      const trace: string[] = [];
      for (const i of [1, 2, 3]) void track(loop, trace, `p${i}`, () => queue.put(i));
      await sleep(0);
      expect(String(queue)).toBe('<Queue maxsize=1 _queue=[0] _putters[3] tasks=1>');
      for (let i = 0; i < 4; i++) {
        trace.push(`got ${await queue.get()}`);
        await turns(1);
      }
      expect(trace).toEqual(['got 0', 'p1=undefined', 'got 1', 'p2=undefined', 'got 2', 'p3=undefined', 'got 3']);
    }));

  test('QUEUE-07 a cancelled getter or putter leaves, and what comes goes to the others', () =>
    run(async (loop) => {
      const queue = new Queue<number>(1);
      const trace: string[] = [];
      const a = track(loop, trace, 'a', () => queue.get());
      const b = track(loop, trace, 'b', () => queue.get());
      await sleep(0);
      a.cancel();
      queue.putNowait(1);
      await gather(a, b);
      expect(trace).toEqual(['a cancelled', 'b=1']);
      queue.putNowait(2);
      const c = track(loop, trace, 'c', () => queue.put(3));
      const d = track(loop, trace, 'd', () => queue.put(4));
      await sleep(0);
      c.cancel();
      expect(await queue.get()).toBe(2);
      await gather(c, d);
      expect(trace.slice(2)).toEqual(['c cancelled', 'd=undefined']);
      expect(queue.getNowait()).toBe(4);
      expect(String(queue)).toBe('<Queue maxsize=1 tasks=3>');
    }));

  test('QUEUE-07 one who was not woken wakes nobody when it is cancelled: the others keep their places', () =>
    run(async (loop) => {
      const queue = new Queue<number>();
      const trace: string[] = [];
      const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => track(loop, trace, name, () => queue.get()));
      await sleep(0);
      b!.cancel();
      queue.putNowait(1);
      await gather(a!, b!);
      await turns(2);
      queue.putNowait(2);
      queue.putNowait(3);
      await gather(c!, d!);
      expect(trace).toEqual(['b cancelled', 'a=1', 'c=2', 'd=3']);
    }));

  test('QUEUE-08 one who was woken, missed the item and is cancelled wakes nobody', () =>
    run(async (loop) => {
      const queue = new Queue<number>();
      const trace: string[] = [];
      const [a, b, c] = ['a', 'b', 'c'].map((name) => track(loop, trace, name, () => queue.get()));
      await sleep(0);
      queue.putNowait(1);
      expect(queue.getNowait()).toBe(1);
      a!.cancel();
      await a;
      await turns(2);
      queue.putNowait(2);
      queue.putNowait(3);
      await gather(b!, c!);
      expect(trace).toEqual(['a cancelled', 'b=2', 'c=3']);
    }));

  test('QUEUE-08 the item of a getter that was woken and cancelled goes to the next one, or stays', () =>
    run(async (loop) => {
      const queue = new Queue<number>();
      const trace: string[] = [];
      const a = track(loop, trace, 'a', () => queue.get());
      void track(loop, trace, 'b', () => queue.get());
      await sleep(0);
      queue.putNowait(1);
      a.cancel();
      await turns(1);
      trace.push(String(queue));
      await turns(2);
      // The trace of CPython 3.8.18.
      expect(trace).toEqual(['a cancelled', '<Queue maxsize=0 _queue=[1] tasks=1>', 'b=1']);

      const c = track(loop, trace, 'c', () => queue.get());
      await sleep(0);
      queue.putNowait(2);
      c.cancel();
      await c;
      expect(trace.at(-1)).toBe('c cancelled');
      expect(queue.getNowait()).toBe(2);

      const [d, e, f] = ['d', 'e', 'f'].map((name) => track(loop, trace, name, () => queue.get()));
      await sleep(0);
      queue.putNowait(3);
      queue.putNowait(4);
      d!.cancel();
      e!.cancel();
      await f;
      expect(trace.slice(-3)).toEqual(['d cancelled', 'e cancelled', 'f=3']);
      const g = track(loop, trace, 'g', async () => [await queue.get(), await queue.get()]);
      await sleep(0);
      expect(String(queue)).toBe('<Queue maxsize=0 _getters[1] tasks=4>');
      queue.putNowait(5);
      await g;
      expect(trace.at(-1)).toBe('g=4,5');
      expect(String(queue)).toBe('<Queue maxsize=0 tasks=5>');
    }));

  test('QUEUE-09 a putter that was woken and cancelled wakes the next one, and its item is not stored', () =>
    run(async (loop) => {
      const queue = new Queue<number>(1);
      const trace: string[] = [];
      queue.putNowait(0);
      const a = track(loop, trace, 'a', () => queue.put(1));
      void track(loop, trace, 'b', () => queue.put(2));
      await sleep(0);
      queue.getNowait();
      a.cancel();
      await turns(1);
      trace.push(String(queue));
      await turns(2);
      trace.push(String(queue));
      expect(trace).toEqual([
        'a cancelled',
        '<Queue maxsize=1 tasks=1>',
        'b=undefined',
        '<Queue maxsize=1 _queue=[2] tasks=2>',
      ]);
    }));

  test('QUEUE-10 a getter or putter that was given up after a time leaves no entry behind', () =>
    run(async () => {
      const queue = new Queue<number>(1);
      expect(await errorOf(waitFor(queue.get(), 0.001))).toBeInstanceOf(TimeoutError);
      expect(await errorOf(waitFor(() => queue.get(), 0.001))).toBeInstanceOf(TimeoutError);
      expect(String(queue)).toBe('<Queue maxsize=1>');
      queue.putNowait(1);
      expect(await errorOf(waitFor(queue.put(2), 0.001))).toBeInstanceOf(TimeoutError);
      expect(await errorOf(waitFor(() => queue.put(3), 0.001))).toBeInstanceOf(TimeoutError);
      expect(String(queue)).toBe('<Queue maxsize=1 _queue=[1] tasks=1>');
    }));

  test('QUEUE-11 a put counts one unfinished task, and taskDone takes one off, never more than there were', async () => {
    const queue = new Queue<number>();
    expect(await errorOf(() => queue.taskDone())).toBeInstanceOf(ValueError);
    queue.putNowait(1);
    resultOf(queue.put(2));
    expect(queue.taskDone()).toBeUndefined();
    queue.taskDone();
    expect(await errorOf(() => queue.taskDone())).toBeInstanceOf(ValueError);
    expect(String(queue)).toBe('<Queue maxsize=0 _queue=[1, 2]>');
  });

  test('QUEUE-12 join waits until taskDone was called for every item; taking them out is not enough', () =>
    run(async (loop) => {
      const queue = new Queue<number>();
      const trace: string[] = [];
      expect(resultOf(queue.join())).toBeUndefined();
      queue.putNowait(1);
      queue.putNowait(2);
      const joins = ['j1', 'j2'].map((name) => track(loop, trace, name, () => queue.join()));
      await sleep(0);
      queue.getNowait();
      queue.getNowait();
      queue.taskDone();
      await turns(3);
      expect(trace).toEqual([]);
      queue.taskDone();
      await gather(...joins);
      expect(trace).toEqual(['j1=undefined', 'j2=undefined']);
      expect(resultOf(queue.join())).toBeUndefined();
    }));

  test('QUEUE-13 a join whose count was zero returns, though an item is put before it resumes', () =>
    run(async (loop) => {
      const queue = new Queue<number>();
      const trace: string[] = [];
      queue.putNowait(1);
      const join = track(loop, trace, 'join', () => queue.join());
      await sleep(0);
      queue.taskDone();
      queue.putNowait(2);
      await join;
      expect(trace).toEqual(['join=undefined']);
      const again = track(loop, trace, 'again', () => queue.join());
      await turns(3);
      expect(again.done()).toBe(false);
      queue.taskDone();
      await again;
    }));

  test('QUEUE-16 a fractional limit is compared with the number of items: 1.3 admits two', async () => {
    const queue = new Queue<number>(1.3);
    queue.putNowait(1);
    expect(queue.full()).toBe(false);
    queue.putNowait(2);
    expect(queue.full()).toBe(true);
    expect(await errorOf(() => queue.putNowait(3))).toBeInstanceOf(QueueFull);
    expect(queue.maxsize).toBe(1.3);
  });

  test('QUEUE-17 the text names the limit, the items, who waits and what is unfinished, without the empty parts', () =>
    run(async (loop) => {
      const queue = new Queue<unknown>(2);
      expect(String(queue)).toBe('<Queue maxsize=2>');
      const getter = loop.createTask(async () => queue.get());
      await sleep(0);
      expect(String(queue)).toBe('<Queue maxsize=2 _getters[1]>');
      queue.putNowait('x');
      await getter;
      queue.putNowait(1);
      queue.putNowait([2]);
      const putter = loop.createTask(async () => queue.put(3));
      await sleep(0);
      expect(String(queue)).toBe('<Queue maxsize=2 _queue=[1, [2]] _putters[1] tasks=3>');
      queue.getNowait();
      await putter;
      expect(String(new LifoQueue(1))).toBe('<LifoQueue maxsize=1>');
      expect(String(new PriorityQueue(1))).toBe('<PriorityQueue maxsize=1>');
    }));

  test('a queue may keep its items in an order of its own', () => {
    class Unique implements ItemStore<string> {
      private readonly items = new Set<string>();
      get length(): number {
        return this.items.size;
      }
      push(item: string): void {
        this.items.add(item);
      }
      take(): string {
        const [first] = this.items;
        this.items.delete(first!);
        return first!;
      }
      [Symbol.iterator](): Iterator<string> {
        return this.items[Symbol.iterator]();
      }
    }
    const queue = new Queue<string>(0, new Unique());
    for (const item of ['a', 'b', 'a']) queue.putNowait(item);
    expect([queue.getNowait(), queue.getNowait(), queue.empty()]).toEqual(['a', 'b', true]);
  });

  test('a getter that its store fails leaves the item to the next one', () =>
    run(async (loop) => {
      const failure = new Error('take');
      let failures = 1;
      class Fragile extends Array<number> implements ItemStore<number> {
        take(): number {
          if (failures-- > 0) throw failure;
          return this.pop()!;
        }
      }
      const queue = new Queue<number>(0, new Fragile());
      const trace: string[] = [];
      const tasks = ['a', 'b'].map((name) => track(loop, trace, name, () => queue.get()));
      await sleep(0);
      queue.putNowait(1);
      await gather(...tasks);
      expect(trace).toEqual(['a Error', 'b=1']);
    }));

  test('an item that was taken is not kept', () =>
    run(async () => {
      setFlagsFromString('--expose-gc');
      const collect = runInNewContext('gc') as () => void;
      for (const queue of [new Queue<object>(), new LifoQueue<object>(), new PriorityQueue<object>()]) {
        queue.putNowait({ item: true });
        const item = new WeakRef(queue.getNowait());
        // A WeakRef holds its target until the end of the job in which it was made.
        await new Promise(setImmediate);
        collect();
        expect(item.deref()).toBeUndefined();
        expect(queue.empty()).toBe(true);
      }
    }));

  test('a generator coroutine puts and gets without suspending, or waits', () =>
    run(async (loop) => {
      const queue = new Queue<number>(1);
      const seen: number[] = [];
      const consumer = loop.createTask(
        (function* () {
          for (let i = 0; i < 5; i++) seen.push(yield* queue.get());
        })(),
      );
      const producer = loop.createTask(
        (function* () {
          for (let i = 0; i < 5; i++) yield* queue.put(i);
        })(),
      );
      await gather(consumer, producer);
      expect(seen).toEqual([0, 1, 2, 3, 4]);
    }));
});

describe('PriorityQueue', () => {
  test('QUEUE-14 the smallest item comes first', () => {
    const queue = new PriorityQueue<number>();
    for (const item of [3, 1, 4, 1, 5, 9, 2, 6]) queue.putNowait(item);
    const taken: number[] = [];
    while (!queue.empty()) taken.push(queue.getNowait());
    expect(taken).toEqual([1, 1, 2, 3, 4, 5, 6, 9]);
  });

  test.each<[string, unknown[], unknown[]]>([
    ['numbers and bigints', [2, 1n, 0.5, -3n], [-3n, 0.5, 1n, 2]],
    ['strings', ['b', 'a', 'B', ''], ['', 'B', 'a', 'b']],
    ['booleans', [true, false], [false, true]],
    ['dates', [new Date(2), new Date(1)], [new Date(1), new Date(2)]],
    ['arrays item by item', [[2, 'a'], [1, 'b'], [1, 'a'], [1]], [[1], [1, 'a'], [1, 'b'], [2, 'a']]],
    [
      'nested arrays',
      [
        [[2], 0],
        [[1, 1], 0],
        [[1], 5],
      ],
      [
        [[1], 5],
        [[1, 1], 0],
        [[2], 0],
      ],
    ],
  ])('QUEUE-14 default order of %s', (_name, items, sorted) => {
    const queue = new PriorityQueue<unknown>();
    for (const item of items) queue.putNowait(item);
    const taken: unknown[] = [];
    while (!queue.empty()) taken.push(queue.getNowait());
    expect(taken).toEqual(sorted);
  });

  test('QUEUE-14 of two arrays the first pair that differs decides, and only that is compared', () => {
    const same = { no: 'order' };
    const queue = new PriorityQueue<unknown>();
    for (const item of [
      [same, 2],
      [same, 1],
    ])
      queue.putNowait(item);
    expect([queue.getNowait(), queue.getNowait()]).toEqual([
      [same, 1],
      [same, 2],
    ]);
    for (const item of [
      [[1], 2],
      [[1], 1],
      [[1n], 0],
    ])
      queue.putNowait(item);
    expect([queue.getNowait(), queue.getNowait(), queue.getNowait()]).toEqual([
      [[1n], 0],
      [[1], 1],
      [[1], 2],
    ]);
  });

  test('QUEUE-14 a comparator orders what has no order', async () => {
    interface Job {
      readonly priority: number;
    }
    const queue = new PriorityQueue<Job>(0, { compare: (a, b) => b.priority - a.priority });
    for (const priority of [1, 3, 2]) queue.putNowait({ priority });
    expect([queue.getNowait(), queue.getNowait(), queue.getNowait()].map((job) => job.priority)).toEqual([3, 2, 1]);
    expect(await errorOf(() => new PriorityQueue(0, { compare: 1 as never }))).toBeInstanceOf(TypeError);
  });

  test.each<[unknown, unknown]>([
    [1, 'a'],
    ['a', 1],
    [{}, {}],
    [null, null],
    [undefined, 1],
    [true, 1],
    [
      [1, {}],
      [1, {}],
    ],
    [Symbol('a'), Symbol('b')],
    [() => 1, () => 2],
    [new Date(1), 'a'],
  ])(
    'QUEUE-14 items that cannot be compared (%p, %p) are a TypeError from put, and nothing has changed',
    async (a, b) => {
      const queue = new PriorityQueue<unknown>();
      queue.putNowait(a);
      expect(await errorOf(() => queue.putNowait(b))).toBeInstanceOf(TypeError);
      await run(async () => {
        expect(await errorOf(queue.put(b))).toBeInstanceOf(TypeError);
      });
      expect(queue.qsize()).toBe(1);
      queue.taskDone();
      expect(await errorOf(() => queue.taskDone())).toBeInstanceOf(ValueError);
      expect(queue.getNowait()).toBe(a);
    },
  );

  test('QUEUE-14 an error of the comparison is the error of put and get, and nothing has changed', async () => {
    const failure = new Error('compare');
    let broken = false;
    const compare = (a: number, b: number): number => {
      if (broken) throw failure;
      return a - b;
    };
    const queue = new PriorityQueue<number>(0, { compare });
    for (const item of [5, 3, 4, 1, 2]) queue.putNowait(item);
    broken = true;
    expect(await errorOf(() => queue.putNowait(0))).toBe(failure);
    expect(await errorOf(() => queue.getNowait())).toBe(failure);
    broken = false;
    const taken = Array.from({ length: 5 }, () => queue.getNowait());
    expect(taken).toEqual([1, 2, 3, 4, 5]);
  });

  test('QUEUE-14 a suspended putter whose item cannot be compared makes way for the next one', () =>
    run(async (loop) => {
      const queue = new PriorityQueue<unknown>(2);
      const trace: string[] = [];
      queue.putNowait(1);
      queue.putNowait(2);
      const a = track(loop, trace, 'a', () => queue.put('x'));
      const b = track(loop, trace, 'b', () => queue.put(0));
      await sleep(0);
      queue.getNowait();
      await gather(a, b);
      expect(trace).toEqual(['a TypeError', 'b=undefined']);
      expect([queue.getNowait(), queue.getNowait(), queue.empty()]).toEqual([0, 2, true]);
    }));

  test('QUEUE-14 equal items come in the order of the heap of CPython', () => {
    const queue = new PriorityQueue<string>(0, { compare: () => 0 });
    let order = '';
    const take = (count: number): void => {
      for (let i = 0; i < count; i++) order += queue.getNowait();
    };
    for (const item of 'ABCDEFG') queue.putNowait(item);
    take(7);
    expect(order).toBe('ACFGEBD');
    order = '';
    for (const item of 'ABCDEFGHIJKLM') queue.putNowait(item);
    take(5);
    for (const item of 'xyz') queue.putNowait(item);
    take(11);
    expect(order).toBe('ACGMLKJIzyxFHEBD');
  });

  test('property: it sorts, whatever is put and taken in between', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.integer({ min: -9, max: 9 }), { freq: 3 })), (steps) => {
        const queue = new PriorityQueue<number>();
        const model: number[] = [];
        for (const step of steps) {
          if (step === null) {
            if (model.length > 0) expect(queue.getNowait()).toBe(model.shift());
          } else {
            queue.putNowait(step);
            model.push(step);
            model.sort((a, b) => a - b);
          }
        }
        while (model.length > 0) expect(queue.getNowait()).toBe(model.shift());
        expect(queue.empty()).toBe(true);
      }),
      { numRuns: 300, seed: 14 },
    );
  });
});

describe('LifoQueue', () => {
  test('QUEUE-15 the item put last comes first', () => {
    const queue = new LifoQueue<number>();
    for (const item of [1, 2, 3]) queue.putNowait(item);
    expect(queue.getNowait()).toBe(3);
    queue.putNowait(4);
    expect([queue.getNowait(), queue.getNowait(), queue.getNowait()]).toEqual([4, 2, 1]);
    const nested = new LifoQueue<number>(3);
    nested.putNowait(3);
    expect([nested.qsize(), nested.getNowait()]).toEqual([1, 3]);
  });
});

test.each([
  ['PriorityQueue', PriorityQueue],
  ['LifoQueue', LifoQueue],
])('QUEUE-15 %s waits, counts and fails as Queue does', (_name, Kind) =>
  run(async (loop) => {
    const queue = new Kind<number>(1);
    const trace: string[] = [];
    expect(await errorOf(() => queue.getNowait())).toBeInstanceOf(QueueEmpty);
    const getter = track(loop, trace, 'get', () => queue.get());
    await sleep(0);
    await queue.put(1);
    await getter;
    await queue.put(2);
    expect(await errorOf(() => queue.putNowait(3))).toBeInstanceOf(QueueFull);
    const putter = track(loop, trace, 'put', () => queue.put(3));
    const join = track(loop, trace, 'join', () => queue.join());
    await sleep(0);
    expect(String(queue)).toBe(`<${Kind.name} maxsize=1 _queue=[2] _putters[1] tasks=2>`);
    expect(await queue.get()).toBe(2);
    await putter;
    expect(await queue.get()).toBe(3);
    for (let i = 0; i < 3; i++) queue.taskDone();
    await join;
    expect(await errorOf(() => queue.taskDone())).toBeInstanceOf(ValueError);
    expect(trace).toEqual(['get=1', 'put=undefined', 'join=undefined']);
  }),
);

test('property: nothing is lost, nothing comes twice, and the order is kept, whoever is cancelled', async () => {
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant({ kind: 'turn' as const, index: 0 }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'put' as const, index: 0 }) },
    { weight: 3, arbitrary: fc.constant({ kind: 'get' as const, index: 0 }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'getNowait' as const, index: 0 }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'putNowait' as const, index: 0 }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('cancel' as const), index: fc.nat(30) }) },
  );
  const kinds = [Queue, LifoQueue, PriorityQueue] as const;
  await fc.assert(
    fc.asyncProperty(fc.nat(2), fc.nat(3), fc.array(step, { maxLength: 80 }), (kindIndex, maxsize, steps) =>
      run(async (loop) => {
        const queue = new kinds[kindIndex]!<number>(maxsize);
        const stored: number[] = [];
        const taken: number[] = [];
        const putters: Task<void>[] = [];
        const getters: Task<void>[] = [];
        let tasks: Task<void>[] = [];
        let next = 0;
        const put = (item: number) => async (): Promise<void> => {
          await queue.put(item);
          stored.push(item);
        };
        const get = async (): Promise<void> => {
          taken.push(await queue.get());
        };
        for (const { kind, index } of steps) {
          if (kind === 'turn') await sleep(0);
          else if (kind === 'cancel') tasks[index]?.cancel();
          else if (kind === 'put') putters.push(loop.createTask(put(next++)));
          else if (kind === 'get') getters.push(loop.createTask(get));
          else if (kind === 'putNowait' && !queue.full()) {
            stored.push(next);
            queue.putNowait(next++);
          } else if (kind === 'getNowait' && !queue.empty()) taken.push(queue.getNowait());
          tasks = [...putters, ...getters];
        }
        await turns(2 * tasks.length + 4);
        // When all is quiet nobody waits for what is there.
        if (!queue.full()) expect(putters.every((task) => task.done())).toBe(true);
        if (!queue.empty()) expect(getters.every((task) => task.done())).toBe(true);
        for (const task of tasks) task.cancel();
        await gather(...tasks, { returnExceptions: true });
        expect(String(queue)).not.toMatch(/_getters|_putters/);
        expect(taken.length + queue.qsize()).toBe(stored.length);
        while (!queue.empty()) taken.push(queue.getNowait());
        if (kindIndex === 0) expect(taken).toEqual(stored);
        else expect(new Set(taken)).toEqual(new Set(stored));
      }),
    ),
    { numRuns: 300, seed: 17 },
  );
});

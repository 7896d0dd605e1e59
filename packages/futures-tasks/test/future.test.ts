import { setFlagsFromString } from 'node:v8';
import { createContext, runInContext, runInNewContext } from 'node:vm';
import { CancelledError, ContextVar, copyContext, InvalidStateError, isCancelled, ValueError } from '@tsyncio/core';
import {
  currentTask,
  drive,
  finishedOperation,
  Future,
  gather,
  isFuture,
  sleep,
  Task,
  TaskLoop,
} from '@tsyncio/futures-tasks';
import { errorOf, kinds, run, withLoop } from './support.js';

describe('states', () => {
  test('FUT-01 a new future is pending', () =>
    withLoop((loop) => {
      const future = loop.createFuture();
      expect([future.done(), future.cancelled()]).toEqual([false, false]);
      expect(() => future.result()).toThrow(InvalidStateError);
      expect(() => future.exception()).toThrow(InvalidStateError);
    }));

  test('FUT-02 the loop is an option, else the current one; without any it fails as getEventLoop', () =>
    run(async (loop) => {
      const other = new TaskLoop();
      expect(new Future({ loop: other }).getLoop()).toBe(other);
      expect(new Future().getLoop()).toBe(loop);
      expect(() => new Future(other as never)).toThrow(TypeError);
      expect(() => new Future(null as never)).toThrow(TypeError);
      other.close();
    }));

  test('FUT-02 without a loop there is a RuntimeError', async () => {
    expect((await errorOf(() => new Future())).name).toBe('RuntimeError');
  });

  test('FUT-03 setResult', () =>
    withLoop((loop) => {
      const future = loop.createFuture<object>();
      const value = {};
      expect(future.setResult(value)).toBe(undefined);
      expect([future.done(), future.cancelled(), future.exception()]).toEqual([true, false, null]);
      expect(future.result()).toBe(value);
      expect(future.result()).toBe(value);
    }));

  test('FUT-04 setException', () =>
    withLoop(async (loop) => {
      const future = loop.createFuture();
      const error = new ValueError('x');
      future.setException(error);
      expect([future.done(), future.cancelled()]).toEqual([true, false]);
      expect(future.exception()).toBe(error);
      expect(await errorOf(() => future.result())).toBe(error);
      expect(await errorOf(() => future.result())).toBe(error);
    }));

  test.each([
    ['Error', Error],
    ['a built-in subclass', TypeError],
    ['one of ours', ValueError],
    ['a class of a class', class Mine extends ValueError {}],
    ['the Error of another realm', runInContext('Error', createContext({})) as ErrorConstructor],
    ['a subclass of another realm', runInContext('RangeError', createContext({})) as ErrorConstructor],
  ])('FUT-05 setException with a class instantiates it: %s', (_what, type) =>
    withLoop((loop) => {
      const future = loop.createFuture();
      future.setException(type);
      expect(future.exception()).toBeInstanceOf(type);
      expect((future.exception() as Error).message).toBe('');
    }),
  );

  test.each([
    ['a number', 5],
    ['a string', 'text'],
    ['null', null],
    ['nothing', undefined],
    ['another class', Map],
    ['a function', () => new Error()],
    ['an object that looks like an error', { name: 'Error', message: 'x' }],
  ])('FUT-06 setException with %s is a TypeError and the future stays pending', (_what, value) =>
    withLoop((loop) => {
      const future = loop.createFuture();
      expect(() => future.setException(value)).toThrow(TypeError);
      expect(future.done()).toBe(false);
      future.setResult(1);
    }),
  );

  test('errors of other realms, and DOMException, are errors', () =>
    withLoop((loop) => {
      for (const error of [runInNewContext('new TypeError("x")'), AbortSignal.abort().reason]) {
        const future = loop.createFuture();
        future.setException(error);
        expect(future.exception()).toBe(error);
      }
    }));

  test.each<[string, (future: Future<number>) => unknown]>([
    ['result', (future) => future.setResult(1)],
    ['exception', (future) => future.setException(new ValueError('x'))],
    ['cancelled', (future) => future.cancel()],
  ])('FUT-07 results set twice: a future with %s refuses, and changes nothing', (state, finish) =>
    withLoop((loop) => {
      const future = loop.createFuture<number>();
      finish(future);
      const before = String(future);
      expect(() => future.setResult(2)).toThrow(InvalidStateError);
      expect(() => future.setException(new Error())).toThrow(InvalidStateError);
      expect(String(future)).toBe(before);
      expect(future.cancelled()).toBe(state === 'cancelled');
      if (state === 'exception') future.exception();
    }),
  );

  test('FUT-08 cancel makes a pending future done at once', () =>
    withLoop((loop) => {
      const future = loop.createFuture();
      expect(future.cancel()).toBe(true);
      expect([future.done(), future.cancelled()]).toEqual([true, true]);
      expect(() => future.result()).toThrow(CancelledError);
      expect(() => future.exception()).toThrow(CancelledError);
    }));

  test('FUT-09 cancel on a done future returns false and changes nothing', () =>
    withLoop((loop) => {
      const [good, bad, cancelled] = [loop.createFuture<number>(), loop.createFuture(), loop.createFuture()];
      good.setResult(1);
      bad.setException(new ValueError('x'));
      cancelled.cancel();
      expect([good.cancel(), bad.cancel(), cancelled.cancel()]).toEqual([false, false, false]);
      expect([good.cancelled(), bad.cancelled(), cancelled.cancelled()]).toEqual([false, false, true]);
      expect(good.result()).toBe(1);
      expect((bad.exception() as Error).message).toBe('x');
    }));

  test('FUT-10 a CancelledError stored as exception is no cancellation', () =>
    withLoop(async (loop) => {
      const future = loop.createFuture();
      const error = new CancelledError();
      future.setException(error);
      expect(future.cancelled()).toBe(false);
      expect(future.exception()).toBe(error);
      expect(await errorOf(() => future.result())).toBe(error);
    }));

  test.each<[string, (future: Future) => unknown]>([
    ['getLoop', (future) => future.getLoop()],
    ['setResult', (future) => future.setResult(1)],
    ['setException', (future) => future.setException(new Error())],
    ['cancel', (future) => future.cancel()],
    ['addDoneCallback', (future) => future.addDoneCallback(() => undefined)],
    ['removeDoneCallback', (future) => future.removeDoneCallback(() => undefined)],
  ])('FUT-11 without the base constructor it is unusable: %s', async (_what, use) => {
    class Broken extends Future {}
    const broken = Object.create(Broken.prototype) as Future;
    const error = await errorOf(() => use(broken));
    expect([error.name, error.message]).toEqual(['RuntimeError', 'Future object is not initialized.']);
  });

  test('setResult with a future or an operation is a TypeError: an await would unwrap it', () =>
    run(async (loop) => {
      const future = loop.createFuture<unknown>();
      const task = loop.createTask(async () => 1);
      for (const value of [loop.createFuture(), task, sleep(0), finishedOperation(loop, 1), future]) {
        expect(() => future.setResult(value)).toThrow(TypeError);
      }
      expect(future.done()).toBe(false);
      await task;
    }));

  test('isFuture knows futures, tasks and foreign objects with the brand', () =>
    withLoop((loop) => {
      const branded = { [Symbol.for('tsyncio.brand.Future')]: true };
      const values = [
        loop.createFuture(),
        branded,
        Promise.resolve(),
        finishedOperation(loop, 1),
        Future,
        Task,
        null,
        5,
      ];
      expect(values.map(isFuture)).toEqual([true, true, false, false, false, false, false, false]);
    }));
});

describe('done-callbacks', () => {
  test.each<[string, (future: Future) => unknown]>([
    ['setResult', (future) => future.setResult(1)],
    ['setException', (future) => (future.setException(new Error()), future.exception())],
    ['cancel', (future) => future.cancel()],
  ])('FUT-CB-01 called with the future, through the loop, never by %s itself', (_what, finish) =>
    run(async (loop) => {
      const future = loop.createFuture();
      const calls: unknown[][] = [];
      expect(future.addDoneCallback((...args: unknown[]) => calls.push(args))).toBe(undefined);
      finish(future);
      expect(calls).toHaveLength(0);
      await sleep(0);
      expect(calls).toHaveLength(1);
      expect(calls[0]!.length === 1 && calls[0]![0] === future).toBe(true);
    }),
  );

  test('FUT-CB-02 in order of registration, at the place where the future was finished', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const seen: string[] = [];
      for (const name of ['a', 'b', 'c']) future.addDoneCallback(() => seen.push(name));
      loop.callSoon(() => seen.push('before'));
      future.setResult(1);
      loop.callSoon(() => seen.push('after'));
      await sleep(0);
      expect(seen).toEqual(['before', 'a', 'b', 'c', 'after']);
    }));

  test('FUT-CB-03 on a done future it is scheduled at once, so one added by a callback runs an iteration later', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      future.setResult(1);
      const seen: string[] = [];
      future.addDoneCallback(() => {
        seen.push('first');
        future.addDoneCallback(() => seen.push('added by the first'));
      });
      future.addDoneCallback(() => seen.push('second'));
      expect(seen).toEqual([]);
      await sleep(0);
      expect(seen).toEqual(['first', 'second']);
      await sleep(0);
      expect(seen).toEqual(['first', 'second', 'added by the first']);
    }));

  test('FUT-CB-04 added twice, called twice; else at most once', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      let twice = 0;
      let once = 0;
      const callback = () => twice++;
      future.addDoneCallback(callback);
      future.addDoneCallback(() => once++);
      future.addDoneCallback(callback);
      future.setResult(1);
      await sleep(0);
      await sleep(0);
      expect([twice, once]).toEqual([2, 1]);
    }));

  test('FUT-CB-05 one that throws is reported, the others run, the future is unaffected', () =>
    run(async (loop, reports) => {
      const future = loop.createFuture();
      const seen: string[] = [];
      const error = new ValueError('thrown');
      future.addDoneCallback(function thrower() {
        throw error;
      });
      future.addDoneCallback(() => seen.push('second'));
      future.addDoneCallback(async function rejecting() {
        await sleep(0);
        throw error;
      });
      future.setResult(1);
      await sleep(0);
      await sleep(0);
      expect([seen, future.result()]).toEqual([['second'], 1]);
      const [first, second] = reports.splice(0);
      expect(first!.message).toMatch(/^Exception in callback thrower\(/);
      expect(second!.message).toMatch(/^Exception in callback rejecting\(/);
      expect([first!.exception, second!.exception]).toEqual([error, error]);
    }));

  test('FUT-CB-06 removeDoneCallback removes every entry and counts them', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const seen: string[] = [];
      const [a, b] = [() => seen.push('a'), () => seen.push('b')];
      for (const callback of [a, b, a, a]) future.addDoneCallback(callback);
      expect(future.removeDoneCallback(() => undefined)).toBe(0);
      expect(future.removeDoneCallback(a)).toBe(3);
      expect(future.removeDoneCallback(a)).toBe(0);
      future.setResult(1);
      await sleep(0);
      expect(seen).toEqual(['b']);
      expect(loop.createFuture().removeDoneCallback(a)).toBe(0);
    }));

  test('FUT-CB-07 once it is done nothing can be removed', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      let calls = 0;
      const callback = () => calls++;
      future.addDoneCallback(callback);
      future.setResult(1);
      expect(future.removeDoneCallback(callback)).toBe(0);
      await sleep(0);
      expect(calls).toBe(1);
      expect(future.removeDoneCallback(callback)).toBe(0);
    }));

  test('FUT-CB-08 each runs in the bound context, else in a copy of that of its registration', () =>
    run(async (loop) => {
      const variable = new ContextVar<string>('variable');
      const future = loop.createFuture();
      const seen: string[] = [];
      variable.set('registration');
      const context = copyContext();
      future.addDoneCallback(() => {
        seen.push(variable.get());
        variable.set('changed by a callback');
      });
      future.addDoneCallback(() => seen.push(variable.get()));
      future.addDoneCallback(context.bind(() => variable.set('in the given context')));
      variable.set('completion');
      future.setResult(1);
      await sleep(0);
      expect(seen).toEqual(['registration', 'registration']);
      expect([variable.get(), context.get(variable)]).toEqual(['completion', 'in the given context']);
    }));

  test('FUT-CB-09 adding and removing while callbacks run is safe', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const seen: string[] = [];
      const last = () => seen.push('last');
      future.addDoneCallback(() => {
        seen.push('first');
        expect(future.removeDoneCallback(last)).toBe(0);
        future.addDoneCallback(last);
      });
      future.addDoneCallback(last);
      future.setResult(1);
      await sleep(0);
      await sleep(0);
      expect(seen).toEqual(['first', 'last', 'last']);
    }));

  test('a callback that is none is a TypeError', () =>
    withLoop((loop) => {
      const future = loop.createFuture();
      expect(() => future.addDoneCallback(5 as never)).toThrow(TypeError);
      expect(() => future.addDoneCallback(null as never)).toThrow(TypeError);
    }));
});

describe.each(kinds)('awaiting in a %s', (_kind, coroutine) => {
  test('FUT-AWAIT-01 a pending future suspends, then gives its result, raises its error, or CancelledError', () =>
    run(async (loop) => {
      const error = new ValueError('x');
      const wait = (future: Future) =>
        loop.createTask(
          coroutine(function* (): Generator<any, unknown, any> {
            try {
              return yield future;
            } catch (caught) {
              return caught;
            }
          }),
        );
      const futures = [loop.createFuture(), loop.createFuture(), loop.createFuture()];
      const tasks = futures.map(wait);
      await sleep(0);
      expect(tasks.some((task) => task.done())).toBe(false);
      futures[0]!.setResult('value');
      futures[1]!.setException(error);
      futures[2]!.cancel();
      expect(await tasks[0]).toBe('value');
      expect(await tasks[1]).toBe(error);
      expect(isCancelled(await tasks[2])).toBe(true);
    }));

  test('FUT-AWAIT-02 done futures let nothing run in between, however many', () =>
    run(async (loop) => {
      const seen: string[] = [];
      const done = loop.createFuture();
      done.setResult(1);
      const failed = loop.createFuture();
      failed.setException(new ValueError('x'));
      const task = loop.createTask(
        coroutine(function* () {
          for (let i = 0; i < 50; i++) yield done;
          try {
            yield failed;
          } catch {
            seen.push('caught');
          }
          yield done;
          seen.push('end');
        }),
      );
      loop.callSoon(() => seen.push('callback'));
      loop.createTask(async () => seen.push('task')).addDoneCallback(() => undefined);
      await task;
      expect(seen).toEqual(['caught', 'end', 'callback', 'task']);
    }));

  test('FUT-AWAIT-03 several tasks, several times: resumed in the order in which they began to wait', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      const seen: string[] = [];
      const tasks = ['a', 'b', 'c'].map((name) =>
        loop.createTask(
          coroutine(function* () {
            if (name === 'b') yield sleep(0);
            seen.push(`${name}${yield future}`);
            seen.push(`${name}${yield future}`);
          }),
        ),
      );
      await sleep(0);
      await sleep(0);
      future.setResult(1);
      await gather(...tasks);
      expect(seen).toEqual(['a1', 'a1', 'c1', 'c1', 'b1', 'b1']);
      expect(await future).toBe(1);
    }));

  test('FUT-AWAIT-04 resumed in the iteration after the one in which the future is finished', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const seen: string[] = [];
      const task = loop.createTask(
        coroutine(function* () {
          yield future;
          seen.push('resumed');
        }),
      );
      await sleep(0);
      loop.callSoon(() => {
        future.setResult(1);
        loop.callSoon(() => seen.push('next iteration'));
      });
      loop.callSoon(() => seen.push('same iteration'));
      await task;
      await sleep(0);
      expect(seen).toEqual(['same iteration', 'resumed', 'next iteration']);
    }));
});

test('FUT-AWAIT-05 driving a pending future by hand and resuming it too early is a RuntimeError', () =>
  withLoop((loop) => {
    const future = loop.createFuture<number>();
    const wait = future[Symbol.iterator]();
    expect(wait.next().done).toBe(false);
    expect(() => wait.next()).toThrow("await wasn't used with future");
    const other = future[Symbol.iterator]();
    other.next();
    future.setResult(7);
    expect(other.next()).toEqual({ done: true, value: 7 });
  }));

describe('as a promise', () => {
  test('await outside of any task', () =>
    withLoop(async (loop) => {
      const future = loop.createFuture<string>();
      loop.callSoon(() => future.setResult('value'));
      const running = loop.runForever();
      expect(await future).toBe('value');
      expect(currentTask(loop)).toBe(null);
      const failing = loop.createFuture();
      loop.callSoon(() => failing.setException(new ValueError('x')));
      expect((await errorOf(failing)).message).toBe('x');
      const cancelled = loop.createFuture();
      loop.callSoon(() => cancelled.cancel());
      expect(isCancelled(await errorOf(cancelled))).toBe(true);
      loop.stop();
      await running;
      // Done already: no run is needed.
      expect(await future).toBe('value');
    }));

  test('await of a future that is done needs no loop at all', async () => {
    const loop = new TaskLoop();
    const future = loop.createFuture<number>();
    future.setResult(1);
    loop.close();
    expect(await future).toBe(1);
  });

  test('then, catch and finally give real promises', () =>
    run(async (loop) => {
      const [good, bad] = [loop.createFuture<number>(), loop.createFuture<number>()];
      const seen: string[] = [];
      const chained = good.then((value) => value + 1);
      const caught = bad.catch((error: Error) => error.message);
      const ended = good.finally(() => seen.push('finally'));
      expect([chained, caught, ended].every((promise) => promise instanceof Promise)).toBe(true);
      good.setResult(1);
      bad.setException(new ValueError('x'));
      expect([await chained, await caught, await ended, seen]).toEqual([2, 'x', 1, ['finally']]);
      expect(await good.then(null)).toBe(1);
      expect((await errorOf(bad.then(() => 1))).message).toBe('x');
    }));

  test('what then(resolve, reject) gives back can be used too', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      let settled!: Promise<unknown>;
      const promise = new Promise<number>((resolve, reject) => {
        settled = future.then(resolve, reject);
      });
      future.setResult(3);
      expect(await promise).toBe(3);
      expect(await settled).toBe(undefined);
      expect(await settled.then(() => 'then')).toBe('then');
      expect(await settled.finally(() => undefined)).toBe(undefined);
      expect(await settled.catch(() => 'never')).toBe(undefined);
    }));

  test('Promise.all, race, any and allSettled take futures and operations', () =>
    run(async (loop) => {
      const [one, two] = [loop.createFuture<number>(), loop.createFuture<number>()];
      loop.callSoon(() => {
        two.setResult(2);
        one.setResult(1);
      });
      expect(await Promise.race([one, two])).toBe(2);
      expect(await Promise.all([one, two, sleep(0, 3)])).toEqual([1, 2, 3]);
      expect(await Promise.any([one, sleep(1000)])).toBe(1);
      expect((await Promise.allSettled([one])).map(({ status }) => status)).toEqual(['fulfilled']);
    }));

  test('several tasks and plain code await one future, in order', () =>
    run(async (loop) => {
      const future = loop.createFuture<number>();
      const seen: string[] = [];
      const wait = (name: string) => async () => void seen.push(`${name}${await future}`);
      const tasks = [loop.createTask(wait('a')), loop.createTask(wait('b'))];
      await sleep(0);
      future.then((value) => seen.push(`then${value}`)).catch(() => undefined);
      future.setResult(1);
      await gather(...tasks);
      await sleep(0);
      expect(seen).toEqual(['a1', 'b1', 'then1']);
    }));

  test('the text tags', () =>
    withLoop((loop) => {
      expect(Object.prototype.toString.call(loop.createFuture())).toBe('[object Future]');
      expect(Object.prototype.toString.call(finishedOperation(loop, 1))).toBe('[object Operation]');
    }));
});

describe('repr', () => {
  test('FUT-REPR-01 by state, with the name of a subclass', () =>
    withLoop((loop) => {
      class Mine extends Future {}
      const [cancelled, good, bad] = [loop.createFuture(), loop.createFuture(), loop.createFuture()];
      cancelled.cancel();
      good.setResult(4);
      bad.setException(new RangeError());
      bad.exception();
      expect([loop.createFuture(), cancelled, good, bad, new Mine({ loop })].map(String)).toEqual([
        '<Future pending>',
        '<Future cancelled>',
        '<Future finished result=4>',
        '<Future finished exception=RangeError()>',
        '<Mine pending>',
      ]);
    }));

  test('FUT-REPR-02 callbacks: one or two in full, then the first, how many more, and the last', () =>
    withLoop((loop) => {
      const future = loop.createFuture();
      const callbacks = ['a', 'b', 'c', 'd'].map((name) => ({ [name]: () => undefined })[name]!);
      const seen: string[] = [];
      for (const callback of callbacks) {
        future.addDoneCallback(callback);
        seen.push(String(future));
      }
      expect(seen).toEqual([
        '<Future pending cb=[a]>',
        '<Future pending cb=[a, b]>',
        '<Future pending cb=[a, <1 more>, c]>',
        '<Future pending cb=[a, <2 more>, d]>',
      ]);
      future.setResult(1);
      expect(String(future)).toBe('<Future finished result=1>');
    }));

  test('FUT-REPR-03 long results are cut, a result that contains the future is shown as ...', () =>
    withLoop((loop) => {
      const long = loop.createFuture<string>();
      long.setResult('x'.repeat(1000));
      expect(String(long)).toMatch(/^<Future finished result='x+\.\.\.x+'>$/);
      expect(String(long).length).toBeLessThan(100);
      const own = loop.createFuture<unknown[]>();
      own.setResult([own]);
      expect(String(own)).toBe('<Future finished result=[<Future ...>]>');
    }));

  test('FUT-REPR-03 in debug mode it tells where it was made', () =>
    withLoop((loop) => {
      loop.setDebug(true);
      const future = loop.createFuture();
      const direct = new Future({ loop });
      loop.setDebug(false);
      expect(String(future)).toMatch(/^<Future pending created at .*future\.test\.ts:\d+>$/);
      expect(String(direct)).toMatch(/created at .*future\.test\.ts:\d+>$/);
      expect(String(loop.createFuture())).toBe('<Future pending>');
    }));

  test('the waits of tasks are named by the task, and never in a circle', () =>
    run(async (loop) => {
      const future = loop.createFuture();
      const body = function* (): Generator<any, void, any> {
        yield future;
      };
      const tasks = kinds.map(([, coroutine], i) => loop.createTask(coroutine(body), { name: `T${i}` }));
      await sleep(0);
      expect(String(future)).toBe('<Future pending cb=[<wake-up of T0>, <wake-up of T1>]>');
      expect(String(tasks[0])).toContain('wait_for=<Future pending cb=[<wake-up of T0>, <wake-up of T1>]>');
      void future.then(() => undefined);
      const inside = loop.createTask(() =>
        drive(
          (function* () {
            yield* future;
          })(),
        ),
      );
      await sleep(0);
      expect(String(future)).toMatch(/cb=\[<wake-up of T0>, <2 more>, <wake-up of /);
      future.setResult(1);
      await gather(...tasks, inside);
    }));

  test('objects that show each other in a circle are cut short, long before the stack is full', () =>
    withLoop((loop) => {
      let asked = 0;
      const future = loop.createFuture<object>();
      const handle = loop.callSoon((shown: object) => shown, {
        toString: (): string => (asked++, String(handle)),
      });
      future.setResult(handle);
      expect(String(future)).toMatch(/^<Future finished result=<Handle/);
      expect(asked).toBeLessThan(20);
    }));

  test('tasks that wait for one another are shown without end', () =>
    run(async (loop) => {
      const tasks: Future[] = [];
      for (const i of [0, 1]) tasks.push(loop.createTask(async () => await tasks[1 - i]));
      await sleep(0);
      await sleep(0);
      expect(String(tasks[0])).toMatch(/wait_for=<Task pending .*wait_for=<Task \.\.\.>/);
      expect(tasks.some((task) => task.done())).toBe(false);
    }));
});

describe('failures that nobody looks at', () => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;

  /** Collects until `found()`, for at most two seconds. */
  async function collectUntil(found: () => boolean): Promise<void> {
    for (let i = 0; i < 200 && !found(); i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  // In functions of their own, so that no variable here keeps anything alive.
  const drop = (loop: TaskLoop, debug = false) => {
    loop.setDebug(debug);
    loop.createFuture().setException(new ValueError('lost'));
    loop.setDebug(false);
  };

  test('FUT-LOG-01 a future that is collected with one is reported', () =>
    withLoop(async (loop, reports) => {
      drop(loop);
      await collectUntil(() => reports.length > 0);
      const [report, ...others] = reports.splice(0);
      expect(report!.message).toBe('Future exception was never retrieved');
      expect((report!.exception as Error).message).toBe('lost');
      expect(String(report!.future)).toBe("<Future finished exception=ValueError('lost')>");
      expect([others, 'source_traceback' in report!]).toEqual([[], false]);
    }));

  test('FUT-LOG-01 in debug mode with the place of its creation', () =>
    withLoop(async (loop, reports) => {
      drop(loop, true);
      await collectUntil(() => reports.length > 0);
      expect(reports.splice(0)[0]!['source_traceback']).toEqual(
        expect.arrayContaining([expect.stringContaining('future.test.ts')]),
      );
    }));

  test('FUT-LOG-01 a task too, under its own name', () =>
    withLoop(async (loop, reports) => {
      await loop.runUntilComplete(async () => {
        void loop.createTask(
          async () => {
            throw new ValueError('lost');
          },
          { name: 'forgotten' },
        );
        await sleep(0);
      });
      await collectUntil(() => reports.length > 0);
      const [report, ...others] = reports.splice(0);
      expect(report!.message).toBe('Task exception was never retrieved');
      expect(String(report!.future)).toMatch(/^<Task finished name='forgotten' .* exception=ValueError\('lost'\)>$/);
      expect(others).toEqual([]);
    }));

  test('FUT-LOG-01 what is not collected before is reported when the loop closes, once', async () => {
    const reports: unknown[] = [];
    const loop = new TaskLoop({ debug: false });
    loop.setExceptionHandler((_loop, context) => reports.push(context.message));
    const kept = loop.createFuture();
    kept.setException(new ValueError('lost'));
    drop(loop);
    loop.close();
    expect(reports).toEqual(['Future exception was never retrieved', 'Future exception was never retrieved']);
    gc();
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(reports).toHaveLength(2);
    expect((kept.exception() as Error).message).toBe('lost');
  });

  test.each<[string, (future: Future<number>) => unknown]>([
    ['result() was called', (future) => errorOf(() => future.result())],
    ['exception() was called', (future) => future.exception()],
    ['it was awaited', (future) => errorOf(future)],
    ['FUT-LOG-03 cancel() was called', (future) => future.cancel()],
  ])('FUT-LOG-02 no report if %s', async (_what, look) => {
    const reports: unknown[] = [];
    const loop = new TaskLoop();
    loop.setExceptionHandler((_loop, context) => reports.push(context));
    const future = loop.createFuture<number>();
    future.setException(new ValueError('seen'));
    await look(future);
    loop.close();
    expect(reports).toEqual([]);
  });

  test('FUT-LOG-02 no report of what is pending, has a result or was cancelled, nor of what a task awaited', () =>
    withLoop(async (loop) => {
      await loop.runUntilComplete(async () => {
        void loop.createFuture();
        loop.createFuture<number>().setResult(1);
        loop.createFuture().cancel();
        for (const [, coroutine] of kinds) {
          const task = loop.createTask(
            coroutine(function* () {
              throw new ValueError('awaited');
            }),
          );
          await errorOf(task);
        }
      });
      gc();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }));

  test('FUT-LOG-03 cancel() on a task that failed returns false and suppresses the report', () =>
    withLoop(async (loop) => {
      await loop.runUntilComplete(async () => {
        const task = loop.createTask(async () => {
          throw new ValueError('lost');
        });
        await sleep(0);
        await sleep(0);
        expect([task.done(), task.cancel()]).toEqual([true, false]);
      });
    }));

  test('in debug mode it is reported after a second without an awaiter, once', async () => {
    const reports: unknown[] = [];
    let now = 0;
    const loop = new TaskLoop({ debug: true, clock: { resolution: 1e-9, time: () => now } });
    loop.setExceptionHandler((_loop, context) => reports.push(context.message));
    const [lost, seen] = [loop.createFuture(), loop.createFuture()];
    await loop.runUntilComplete(async () => {
      lost.setException(new ValueError('lost'));
      seen.setException(new ValueError('seen'));
      await sleep(0);
      seen.exception();
      now = 0.9;
      await sleep(0);
      await sleep(0);
      expect(reports).toEqual([]);
      now = 1.1;
      await sleep(0);
      await sleep(0);
      expect(reports).toEqual(['Future exception was never retrieved']);
    });
    loop.setDebug(false);
    loop.close();
    expect(reports).toHaveLength(1);
  });

  test('what is still open when the thread ends is reported then, and nothing stays registered', () => {
    const before = process.listeners('exit');
    const reports: unknown[] = [];
    const loops = [new TaskLoop(), new TaskLoop()];
    const futures = loops.map((loop, i) => {
      loop.setExceptionHandler((_loop, context) => reports.push(`${i} ${context.message}`));
      const future = loop.createFuture();
      future.setException(new ValueError('lost'));
      return future;
    });
    const [hook, ...others] = process.listeners('exit').filter((listener) => !before.includes(listener));
    expect(others).toEqual([]);
    futures[1]!.exception();
    hook!(0);
    expect(reports).toEqual(['0 Future exception was never retrieved']);
    expect(process.listeners('exit')).toEqual(before);
    for (const loop of loops) loop.close();
    expect(reports).toHaveLength(1);
  });

  test('TASK-17 the loop holds its tasks: one that nobody else knows is not lost', () =>
    withLoop(async (loop) => {
      let collected = false;
      const registry = new FinalizationRegistry(() => (collected = true));
      const seen: string[] = [];
      const start = (): (() => void) => {
        const future = loop.createFuture<string>();
        const task = loop.createTask(async () => void seen.push(await future));
        registry.register(task, null);
        const weak = new WeakRef(future);
        return () => weak.deref()!.setResult('woken');
      };
      await loop.runUntilComplete(async () => {
        const wake = start();
        await sleep(0);
        for (let i = 0; i < 3; i++) {
          gc();
          await sleep(0.005);
        }
        expect(collected).toBe(false);
        wake();
        await sleep(0);
        expect(seen).toEqual(['woken']);
      });
      await collectUntil(() => collected);
      expect(collected).toBe(true);
    }));
});

// Checked by `tsc --noEmit`, which covers this folder: jest only removes the types. What is not to compile stands behind an
// expected error, and nothing of it is ever called.
import type { Handle } from '@tsyncio/core';
import {
  call,
  drive,
  eagerTaskFactory,
  ensureFuture,
  finishedOperation,
  Future,
  gather,
  operation,
  Queue,
  shield,
  sleep,
  Task,
  taskGroup,
  type TaskLoop,
  timeout,
  timeoutAt,
  wrapPromise,
  type Awaitable,
  type Coroutine,
  type Operation,
} from '@tsyncio/futures-tasks';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles only if the argument has exactly the type `T`. */
const exactly =
  <T>() =>
  <U>(_value: U, ..._proof: Equal<T, U> extends true ? [] : [never]): void =>
    undefined;

const compiled: ((loop: TaskLoop) => unknown)[] = [
  (loop) => {
    exactly<Task<number>>()(loop.createTask(async () => 1));
    exactly<Task<string>>()(loop.createTask(() => Promise.resolve('x')));
    exactly<Task<void>>()(loop.createTask(async () => {}));
    exactly<Task<number>>()(
      loop.createTask(
        (function* () {
          yield* sleep(0);
          return 1;
        })(),
      ),
    );
    exactly<Task<void>>()(loop.createTask(() => sleep(1)));
    exactly<Task<string>>()(loop.createTask(() => sleep(1, 'x')));
    exactly<Task<string>>()(loop.createTask(() => loop.createFuture<string>()));
    loop.createTask(async () => 1, { name: 5 }).cancel();
    loop.createTask(async () => 1, { name: undefined, context: undefined }).cancel();
  },
  (loop) => {
    // @ts-expect-error a promise that is already running is no coroutine
    void loop.createTask(Promise.resolve(1));
    // @ts-expect-error nor is a future
    void loop.createTask(loop.createFuture());
    // @ts-expect-error nor an operation
    void loop.createTask(sleep(1));
    // @ts-expect-error a thunk must return a promise or a generator
    void loop.createTask(() => 5);
    // @ts-expect-error it is called without arguments
    void loop.createTask(async (x: number) => x);
    // @ts-expect-error the loop is the loop's
    void loop.createTask(async () => 1, { loop });
    // @ts-expect-error a number
    void loop.createTask(5);
  },
  async (loop) => {
    const future = loop.createFuture<{ a: number }>();
    exactly<Future<{ a: number }>>()(future);
    exactly<{ a: number }>()(await future);
    exactly<{ a: number }>()(future.result());
    exactly<Promise<number>>()(future.then(({ a }) => a));
    exactly<Promise<{ a: number } | string>>()(future.catch(() => 'x'));
    exactly<Promise<{ a: number }>>()(future.finally(() => undefined));
    exactly<unknown>()(future.exception());
    // It fits wherever a promise does.
    const promise: Promise<{ a: number }> = future;
    exactly<[{ a: number }, string, void]>()(await Promise.all([promise, sleep(0, 'x'), sleep(0)]));
    // @ts-expect-error the type of the result
    future.setResult({ b: 1 });
    // @ts-expect-error positional arguments
    void new Future(loop);
    loop.createFuture<void>().setResult();
    exactly<boolean>()(future.cancel());
    exactly<number>()(future.removeDoneCallback(() => undefined));
    future.addDoneCallback((done) => exactly<{ a: number }>()(done.result()));
    exactly<Task<1>>()(new Task<1>(async () => 1 as const, { loop }));
  },
  function* (loop): Generator<unknown, void, unknown> {
    exactly<string>()(yield* loop.createFuture<string>());
    exactly<number>()(yield* loop.createTask(async () => 1));
    exactly<void>()(yield* sleep(1));
    exactly<string>()(yield* sleep(1, 'x'));
    exactly<number>()(yield* call(async (x: number) => x, 1));
    exactly<[number, string]>()(
      yield* gather(
        async () => 1,
        async () => 'x',
      ),
    );
    // @ts-expect-error the arguments of the function
    yield* call(async (x: number) => x, 'x');
    // @ts-expect-error a function that gives no promise
    yield* call(() => 5);
    // @ts-expect-error a promise is not iterable: call(() => promise)
    yield* Promise.resolve(1);
    const item = yield* new Queue<Date>().get();
    exactly<Date>()(item);
  },
  async (loop) => {
    const number = loop.createFuture<number>();
    function* text(): Generator<unknown, string, unknown> {
      yield;
      return 'x';
    }
    exactly<[number, string, boolean, void, Date]>()(
      await gather(
        number,
        text(),
        async () => true,
        sleep(1),
        () => Promise.resolve(new Date()),
      ),
    );
    const [a, b] = await gather(number, text(), { returnExceptions: true });
    exactly<number | Error>()(a);
    exactly<string | Error>()(b);
    const many: Future<number>[] = [number, number];
    exactly<number[]>()(await gather(...many));
    exactly<[]>()(await gather());
    // @ts-expect-error no awaitable
    void gather(number, 5);
    exactly<string>()(await shield(text()));
    exactly<Future<string>>()(ensureFuture(text()));
    exactly<Task<number>>()(ensureFuture(loop.createTask(async () => 1)));
    exactly<number>()(await ensureFuture(Promise.resolve(1)));
    exactly<Operation<string>>()(drive(text()));
    exactly<string>()(await drive(text()));
    exactly<Future<number>>()(wrapPromise(Promise.resolve(1)));
    // @ts-expect-error a generator function, not called
    void drive(text);
    exactly<Promise<number>>()(loop.runUntilComplete(number));
    exactly<Promise<string>>()(loop.runUntilComplete(text()));
    exactly<Promise<void>>()(loop.runUntilComplete(async () => sleep(1)));
  },
  (loop) => {
    function* body(): Generator<unknown, number, unknown> {
      yield* sleep(1);
      return 1;
    }
    exactly<Operation<number>>()(operation(loop, body()));
    exactly<Operation<'x'>>()(finishedOperation(loop, 'x' as const));
    const awaitables: Awaitable<number>[] = [body(), body, async () => 1, loop.createFuture<number>(), drive(body())];
    const coroutines: Coroutine<number>[] = [body(), async () => 1, () => drive(body())];
    return [awaitables, coroutines];
  },
  (loop) => {
    exactly<Operation<string>>()(timeout(1, async () => 'a'));
    exactly<Operation<number>>()(timeout(1, () => sleep(1, 5)));
    exactly<Operation<number>>()(timeoutAt(null, (limit) => sleep(limit.when() ?? 1, 5)));
    exactly<Operation<number>>()(
      timeout(1, function* () {
        return yield* sleep(1, 5);
      }),
    );
    exactly<Operation<[string, number]>>()(
      taskGroup(async (group): Promise<[string, number]> => {
        const a = group.createTask(async () => 'a');
        const b = group.createTask(() => sleep(1, 1));
        exactly<Task<string>>()(a);
        return [await a, await b];
      }),
    );
    loop.setTaskFactory(eagerTaskFactory);
    // @ts-expect-error a promise is no body
    void timeout(1, sleep(1));
  },
  (loop) => {
    exactly<Handle>()(loop.callSoon((x: number, y: string) => [x, y], 1, 'x'));
    // @ts-expect-error the arguments of the callback
    loop.callSoon((x: number) => x, 'x');
    // @ts-expect-error too few of them
    loop.callSoon((x: number) => x);
    // @ts-expect-error no function
    loop.callSoon(5);
    // @ts-expect-error a task factory gets a loop and a coroutine
    loop.setTaskFactory((_loop: TaskLoop, _coroutine: Coroutine, name: string) => name);
  },
];

test('what compiles, and what does not, is checked by tsc', () => {
  expect(compiled.every((part) => typeof part === 'function')).toBe(true);
});

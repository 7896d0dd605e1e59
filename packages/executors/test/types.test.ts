import type { ConcurrentFuture, Executor } from '@tsyncio/core';
import type { Future, Operation, TaskLoop } from '@tsyncio/futures-tasks';
import { runInExecutor, toThread, transfer, workerFunction, type ThreadPoolExecutor } from '@tsyncio/executors';

/** A compile error unless both are the very same type. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same =
  <A>() =>
  <B>(_value: B, _same: Same<A, B>): void =>
    undefined;

/** Never called: the compiler is the test. */
export function inference(loop: TaskLoop, pool: ThreadPoolExecutor, desk: Executor): void {
  const sum = runInExecutor(loop, null, (a: number, b: number) => a + b, 1, 2);
  same<Future<number>>()(sum, true);
  const later = runInExecutor(loop, pool, async (text: string) => text.length > 1, 'x');
  same<Future<boolean>>()(later, true);
  const guessed = runInExecutor(loop, desk, (n) => [n], 1);
  same<Future<number[]>>()(guessed, true);
  const hash = workerFunction<(text: string, rounds?: number) => Promise<Uint8Array>>('node:x', 'hash');
  const digest = runInExecutor(loop, pool, hash, 'text');
  same<Future<Uint8Array>>()(digest, true);
  const inferred = workerFunction('node:x', function twice(n: number) {
    return 2 * n;
  });
  const four = toThread(inferred, 2);
  same<Operation<number>>()(four, true);
  const moved = pool.submit((data: Uint8Array) => data.length, transfer(new Uint8Array(1), []));
  same<ConcurrentFuture<number>>()(moved, true);
  // @ts-expect-error an argument of the wrong type
  void runInExecutor(loop, null, (a: number) => a, 'x');
  // @ts-expect-error an argument too few
  void runInExecutor(loop, null, (a: number) => a);
  // @ts-expect-error no executor
  void runInExecutor(loop, {}, () => 1);
  // @ts-expect-error an argument of the wrong type
  void toThread(hash, 5);
}

test('types of arguments and results are inferred: checked by the compiler', () => {
  expect(typeof inference).toBe('function');
});

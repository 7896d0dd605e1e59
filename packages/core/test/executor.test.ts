import { CancelledError, ConcurrentFuture, InvalidStateError } from '@tsyncio/core';

test('a concurrent future: pending, running, finished', async () => {
  const future = new ConcurrentFuture<number>();
  const seen: unknown[] = [];
  future.addDoneCallback((done) => seen.push(done.result()));
  expect([future.done(), future.running(), future.cancelled()]).toEqual([false, false, false]);
  expect(() => future.result()).toThrow(InvalidStateError);
  expect(() => future.exception()).toThrow(InvalidStateError);
  expect(future.setRunningOrNotifyCancel()).toBe(true);
  expect([future.running(), future.cancel()]).toEqual([true, false]);
  expect(() => future.setRunningOrNotifyCancel()).toThrow(InvalidStateError);
  future.setResult(5);
  future.addDoneCallback((done) => seen.push(done));
  expect(seen).toEqual([5, future]);
  expect([future.done(), future.running(), future.result(), future.exception(), future.cancel()]).toEqual([
    true,
    false,
    5,
    null,
    false,
  ]);
  expect(await future.promise()).toBe(5);
  expect(String(future)).toBe('<ConcurrentFuture state=finished>');
  expect(() => future.setResult(6)).toThrow(InvalidStateError);
  expect(() => future.setException(6)).toThrow(InvalidStateError);
});

test('a concurrent future that fails', async () => {
  const future = new ConcurrentFuture();
  const error = new Error('mine');
  future.setException(error);
  expect(() => future.result()).toThrow(error);
  expect(future.exception()).toBe(error);
  await expect(future.promise()).rejects.toBe(error);
});

test('a concurrent future that is called off is not begun', async () => {
  const future = new ConcurrentFuture();
  let calls = 0;
  future.addDoneCallback(() => calls++);
  expect([future.cancel(), future.cancel(), calls]).toEqual([true, true, 1]);
  expect([future.cancelled(), future.done(), future.setRunningOrNotifyCancel()]).toEqual([true, true, false]);
  expect(() => future.result()).toThrow(CancelledError);
  expect(() => future.exception()).toThrow(CancelledError);
  await expect(future.promise()).rejects.toThrow(CancelledError);
  expect(() => future.addDoneCallback(1 as never)).toThrow(TypeError);
});

import { KeyboardInterrupt, Scheduler } from '@tsyncio/core';
import { recordExceptions } from '@tsyncio/test-support';

test('what a callback returns is left alone unless it is a real promise', async () => {
  const loop = new Scheduler();
  let begun = 0;
  // As a query builder, which begins when somebody looks at it.
  const lazy = { then: () => void begun++ };
  loop.callSoon(() => lazy);
  loop.callSoon(() => loop.stop());
  await loop.runForever();
  loop.close();
  expect(begun).toBe(0);
});

test('an exit error after the run is reported: there is nobody to throw it at', async () => {
  const loop = new Scheduler();
  const reports = recordExceptions(loop);
  let release!: () => void;
  const foreign = new Promise<void>((resolve) => (release = resolve));
  const error = new KeyboardInterrupt('late');
  loop.callSoon(async () => {
    await foreign;
    throw error;
  });
  loop.callSoon(() => loop.stop());
  await loop.runForever();
  release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(reports.map(({ message, exception }) => [message, exception])).toEqual([
    ['Exit error outside of a run', error],
  ]);
  loop.stop();
  await loop.runForever();
  loop.close();
});

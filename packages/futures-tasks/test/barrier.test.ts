import { RuntimeError } from '@tsyncio/core';
import { Barrier, BrokenBarrierError, sleep, TaskLoop } from '@tsyncio/futures-tasks';
import { leakAudit } from '@tsyncio/test-support';
import { play } from './helpers/world.js';
import { errorOf } from './support.js';

leakAudit();

// Rounds, abort, reset and cancellation, step by step: structured.test.ts, against CPython 3.13.

test.each([
  [0, 'ValueError'],
  [-1, 'ValueError'],
  [1.5, 'TypeError'],
  [NaN, 'TypeError'],
  ['2', 'TypeError'],
  [null, 'TypeError'],
])('new Barrier(%p) is a %s', (parties, name) => {
  expect(() => new Barrier(parties as never)).toThrow(expect.objectContaining({ name }));
});

test('its state in words', () =>
  play(async ({ loop }) => {
    const barrier = new Barrier(2);
    expect(String(barrier)).toBe('<Barrier [filling, waiters:0/2]>');
    const task = loop.createTask(() => barrier.wait());
    await sleep(0);
    expect(String(barrier)).toBe('<Barrier [filling, waiters:1/2]>');
    expect([barrier.parties, barrier.nWaiting, barrier.broken]).toEqual([2, 1, false]);
    await barrier.abort();
    expect(String(barrier)).toBe('<Barrier [broken]>');
    expect(await errorOf(task)).toBeInstanceOf(BrokenBarrierError);
  }));

test('a barrier is no place to meet for two loops', async () => {
  const barrier = new Barrier(2);
  const [a, b] = [new TaskLoop(), new TaskLoop()];
  await a.runUntilComplete(async () => {
    const task = a.createTask(() => barrier.wait());
    await sleep(0);
    task.cancel();
    await sleep(0);
  });
  const error = await b.runUntilComplete(() => errorOf(barrier.wait()));
  expect(error).toBeInstanceOf(RuntimeError);
  a.close();
  b.close();
});

test('outside of a run it is a RuntimeError', async () => {
  expect(await errorOf(new Barrier(1).wait())).toBeInstanceOf(RuntimeError);
});

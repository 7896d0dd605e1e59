import type { IoBackend } from '@tsyncio/core';
import type { TaskLoop } from '@tsyncio/futures-tasks';
import { DescriptorPoll } from '@tsyncio/socket/native';

/** Runs `n` iterations of the loop. */
export async function iterations<B extends IoBackend>(loop: TaskLoop<B>, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    loop.stop();
    await loop.runForever();
  }
}

/**
 * Counts how often Node's loop tells one of ours, in this test, that there is something to do: tells a loop that sleeps from one that spins.
 * (Turns of Node's loop would tell less: the threads of V8 that collect garbage make thousands.)
 */
export function countWakeUps(): () => number {
  let count = 0;
  const { arm } = DescriptorPoll.prototype;
  jest.spyOn(DescriptorPoll.prototype, 'arm').mockImplementation(function (this: DescriptorPoll, callback) {
    arm.call(this, () => {
      count++;
      callback();
    });
  });
  return () => count;
}

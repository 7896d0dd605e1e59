import { DescriptorPoll } from '@tsyncio/socket/native';

/**
 * Counts how often Node's loop tells one of ours, in this test, that there is something to do: tells a loop that rests from one that spins.
 * `jest.restoreAllMocks()` ends it.
 *
 * Neither turns of Node's loop nor processor time would tell it: in a process that runs tests, V8's threads make thousands of the ones and
 * much of the other.
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

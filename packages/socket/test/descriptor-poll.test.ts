import { socketpair } from '@tsyncio/socket';
import { leakAudit } from '@tsyncio/test-support';

import { DescriptorPoll } from '../src/native/descriptor-poll.js';

/** Rounds of Node's loop. */
const rounds = async (n: number): Promise<void> => {
  for (let i = 0; i < n; i++) await new Promise((resolve) => setTimeout(resolve, 2));
};

leakAudit();

describe('DescriptorPoll', () => {
  test('calls while the descriptor is readable, until disarmed; then no more, and again when armed', async () => {
    const [a, b] = socketpair();
    const poll = new DescriptorPoll(a.fileno());
    let calls = 0;
    const count = (): void => void calls++;
    poll.arm(count);
    await rounds(3);
    expect(calls).toBe(0);
    b.send(Buffer.from('x'));
    await rounds(5);
    expect(calls).toBeGreaterThanOrEqual(2);
    poll.disarm();
    const before = calls;
    await rounds(5);
    expect(calls).toBe(before);
    poll.arm(count);
    await rounds(3);
    expect(calls).toBeGreaterThan(before);
    poll.close();
    poll.close();
    a.close();
    b.close();
  });

  test('after close nothing is called, and arming does nothing', async () => {
    const [a, b] = socketpair();
    const poll = new DescriptorPoll(a.fileno());
    let calls = 0;
    poll.arm(() => void calls++);
    b.send(Buffer.from('x'));
    poll.close();
    poll.arm(() => void calls++);
    poll.disarm();
    await rounds(3);
    expect(calls).toBe(0);
    a.close();
    b.close();
  });

  test('closing inside the callback, with the descriptor', async () => {
    const [a, b] = socketpair();
    const poll = new DescriptorPoll(a.fileno());
    let calls = 0;
    poll.arm(() => {
      calls++;
      poll.close();
      a.close();
    });
    b.send(Buffer.from('x'));
    await rounds(5);
    expect(calls).toBe(1);
    b.close();
  });

  test('closed before it was ever armed', () => {
    const [a, b] = socketpair();
    new DescriptorPoll(a.fileno()).close();
    a.close();
    b.close();
  });
});

import fc from 'fast-check';
import { ReadyQueue, type Job } from '../src/ready-queue.js';

// One seed: a test that fails today fails tomorrow.
fc.configureGlobal({ seed: 8, numRuns: 50 });

/** True pushes, false takes one; more pushes than not, so that the ring grows with its head anywhere. */
const operations = fc.array(
  fc.integer({ min: 0, max: 3 }).map((n) => n > 0),
  { maxLength: 2000, size: 'max' },
);

test('SCHED-SOON-02 the ring is a queue, however it has grown and turned', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), operations, (filled, steps) => {
      const queue = new ReadyQueue();
      const model: Job[] = [];
      const push = (): void => {
        const job = { run: () => undefined };
        queue.push(job);
        model.push(job);
      };
      for (let i = 0; i < filled; i++) push();
      for (const step of steps) {
        if (step || model.length === 0) push();
        else if (queue.shift() !== model.shift()) return false;
        if (queue.length !== model.length) return false;
      }
      return model.every((job) => queue.shift() === job);
    }),
  );
});

test('it does not hold on to what it has given away', () => {
  const queue = new ReadyQueue();
  queue.push({ run: () => undefined });
  queue.shift();
  expect((queue as unknown as { ring: unknown[] }).ring.every((entry) => entry === undefined)).toBe(true);
});

test('a cleared queue is empty and works on', () => {
  const queue = new ReadyQueue();
  for (let i = 0; i < 100; i++) queue.push({ run: () => undefined });
  queue.clear();
  expect(queue.length).toBe(0);
  const job = { run: () => undefined };
  queue.push(job);
  expect(queue.shift()).toBe(job);
});

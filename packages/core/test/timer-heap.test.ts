import { readFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { Scheduler, TimerHandle } from '@tsyncio/core';
import { TimerHeap } from '../src/timer-heap.js';
import { virtualLoop } from './virtual-loop.js';

interface Program {
  /** A deadline to push, -1 to pop, -2 to drop every third entry by number. */
  readonly operations: readonly number[];
  readonly popped: readonly number[];
}

/** Recorded from CPython: see golden/record-heapq.py. */
const programs = JSON.parse(readFileSync(path.join(__dirname, 'golden/heapq.json'), 'utf8')) as Program[];

const loop = new Scheduler();
afterAll(() => loop.close());

const timer = (deadline: number): TimerHandle => new TimerHandle(deadline, () => undefined, [], loop);

test.each(programs)('SCHED-TIMER-04 entries of one deadline come out as from heapq (%#)', ({ operations, popped }) => {
  const heap = new TimerHeap();
  const numbers = new Map<TimerHandle, number>();
  const seen: number[] = [];
  for (const operation of operations) {
    if (operation === -1) seen.push(numbers.get(heap.pop())!);
    else if (operation === -2) heap.purge((entry) => numbers.get(entry)! % 3 === 0);
    else {
      const entry = timer(operation);
      numbers.set(entry, numbers.size);
      heap.push(entry);
    }
  }
  while (heap.length > 0) seen.push(numbers.get(heap.pop())!);
  expect(seen).toEqual(popped);
});

test('SCHED-TIMER-04 seven timers of one deadline, with a later one behind them, run as A C G F B D E', async () => {
  const { loop: timed, run } = virtualLoop();
  const seen: string[] = [];
  for (const name of 'ABCDEFG') timed.callAt(1, () => seen.push(name));
  timed.callAt(2, () => timed.stop());
  await run();
  expect(seen.join(' ')).toBe('A C G F B D E');
  timed.close();
});

const deadlines = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 5 }),
    fc.double({ noNaN: true }).map((x) => x + 0),
  ),
  {
    maxLength: 100,
  },
);

// One seed: a test that fails today fails tomorrow.
fc.configureGlobal({ seed: 8, numRuns: 50 });

test('any entries come out in order of their deadlines, each once', () => {
  fc.assert(
    fc.property(deadlines, (whens) => {
      const heap = new TimerHeap();
      const entries = whens.map(timer);
      for (const entry of entries) heap.push(entry);
      const out: TimerHandle[] = [];
      while (heap.length > 0) {
        expect(heap.peek()!.when()).toBe(Math.min(...whens.filter((_, i) => !out.includes(entries[i]!))));
        out.push(heap.pop());
      }
      expect(new Set(out)).toEqual(new Set(entries));
    }),
  );
});

test('a purge keeps the others and their order', () => {
  fc.assert(
    fc.property(deadlines, fc.integer({ min: 1, max: 7 }), (whens, n) => {
      const heap = new TimerHeap();
      const entries = whens.map(timer);
      for (const entry of entries) heap.push(entry);
      const dropped = new Set(entries.filter((_, i) => i % n === 0));
      heap.purge((entry) => dropped.has(entry));
      const out: number[] = [];
      while (heap.length > 0) out.push(heap.pop().when());
      expect(out).toEqual(whens.filter((_, i) => i % n !== 0).sort((a, b) => a - b));
    }),
  );
});

test('a cleared heap is empty', () => {
  const heap = new TimerHeap();
  heap.push(timer(1));
  heap.clear();
  expect([heap.length, heap.peek()]).toEqual([0, undefined]);
});

import { Handle, NodeHost, Scheduler, TimerHandle } from '@tsyncio/core';
import { leakAudit, quiet } from '@tsyncio/test-support';
import { runOnce, virtualLoop, type VirtualLoop } from './virtual-loop.js';

const audit = leakAudit();
const nothing = (): void => undefined;

let virtual: VirtualLoop;
let seen: unknown[];
beforeEach(() => {
  virtual = virtualLoop();
  seen = [];
});
afterEach(() => virtual.loop.close());

test('SCHED-TIMER-01 callLater is callAt from now on, tells its time, and fires once', async () => {
  const { loop, host, run } = virtual;
  host.clock.advance(100);
  const timer = loop.callLater(1.5, (...args: unknown[]) => seen.push([loop.time(), ...args]), 'x', 2);
  expect(timer).toBeInstanceOf(TimerHandle);
  expect(timer.when()).toBe(101.5);
  loop.callLater(10, () => loop.stop());
  await run();
  expect(seen).toEqual([[101.5, 'x', 2]]);
});

test('SCHED-TIMER-02 callAt fires when the clock has reached the time, and not before', async () => {
  const { loop, host } = virtual;
  const at = loop.callAt(2, () => {
    seen.push(loop.time());
    loop.stop();
  });
  expect(at.when()).toBe(2);
  const run = loop.runForever();
  await host.turn();
  for (const early of [0.9, 0.0005, 1e-6]) {
    await host.ring(early); // Node's timers ring early
    await host.turn();
    expect(seen).toEqual([]);
    expect(host.armed).toBeCloseTo(early, 9);
  }
  await host.drive(run);
  expect(seen).toEqual([2]);
});

test('SCHED-TIMER-02 in real time no alarm is early, whatever the fraction', async () => {
  const loop = new Scheduler();
  const early: number[] = [];
  let left = 0;
  for (let i = 0; i < 40; i++) {
    left++;
    const when = loop.time() + 0.001 + i * 0.00037;
    loop.callAt(when, () => {
      if (loop.time() < when - 1e-9) early.push(when - loop.time());
      if (--left === 0) loop.stop();
    });
  }
  await loop.runForever();
  expect(early).toEqual([]);
  loop.close();
});

test('SCHED-TIMER-03 timers fire in order of their time', async () => {
  const { loop, run } = virtual;
  for (const delay of [0.03, 0.01, 0.02]) loop.callLater(delay, () => seen.push(delay));
  loop.callLater(1, () => loop.stop());
  await run();
  expect(seen).toEqual([0.01, 0.02, 0.03]);
});

test('SCHED-TIMER-05 a zero delay runs in the next iteration, behind what is queued', async () => {
  const { loop, run } = virtual;
  loop.callLater(0, () => seen.push('a'));
  loop.callSoon(() => seen.push('b'));
  expect(seen).toEqual([]);
  loop.stop();
  await run();
  expect(seen).toEqual(['b', 'a']);
});

test('SCHED-TIMER-06 what is overdue fires in the next iteration, the smaller time first', async () => {
  const { loop, run } = virtual;
  loop.callLater(-1, () => seen.push(-1));
  loop.callLater(-2, () => seen.push(-2));
  loop.callLater(-Infinity, () => seen.push(-Infinity));
  loop.callAt(-0.5, () => seen.push(-0.5));
  loop.stop();
  await run();
  expect(seen).toEqual([-Infinity, -2, -1, -0.5]);
});

test('SCHED-TIMER-07 in one iteration: what is queued, then due timers', async () => {
  // With ready descriptors in between: LOOP-STOP-01.
  const { loop, run } = virtual;
  loop.callLater(0, () => seen.push('timer'));
  loop.callSoon(() => {
    seen.push('soon');
    loop.callSoon(() => seen.push('next iteration'));
  });
  loop.stop();
  await run();
  expect(seen).toEqual(['soon', 'timer']);
});

test('SCHED-TIMER-08 a due timer made in a callback comes in the following iteration, behind callSoon', async () => {
  const { loop, run } = virtual;
  loop.callSoon(() => {
    loop.callLater(0, () => seen.push('timer 0'));
    loop.callLater(-1, () => seen.push('timer -1'));
    loop.callSoon(() => seen.push('soon'));
    loop.callSoon(() => loop.stop());
  });
  loop.callSoon(() => seen.push('same batch'));
  await run();
  expect(seen).toEqual(['same batch', 'soon', 'timer -1', 'timer 0']);
});

test('SCHED-TIMER-09 a cancelled timer never fires and does not decide how long the loop sleeps', async () => {
  const { loop, host } = virtual;
  loop.callLater(5, () => seen.push('cancelled')).cancel();
  loop.callLater(10, () => loop.stop());
  const run = loop.runForever();
  await host.turn();
  expect(host.armed).toBe(10);
  await host.drive(run);
  expect(seen).toEqual([]);
});

test('SCHED-TIMER-09 a timer cancelled while the loop sleeps wakes it for nothing, at most once', async () => {
  const { loop, host } = virtual;
  const timer = loop.callLater(5, () => seen.push('cancelled'));
  loop.callLater(10, () => loop.stop());
  const run = loop.runForever();
  await host.turn();
  timer.cancel();
  await host.ring();
  await host.turn();
  expect(host.armed).toBe(5);
  await host.drive(run);
  expect(seen).toEqual([]);
});

test('SCHED-TIMER-10 a due timer can still be prevented in the batch', async () => {
  const { loop, run } = virtual;
  const timer = loop.callLater(0, () => seen.push('prevented'));
  loop.callSoon(() => timer.cancel());
  loop.stop();
  await run();
  expect(seen).toEqual([]);
});

test.each([
  ['a day and a half', 129_600],
  ['2^31 milliseconds', 2 ** 31 / 1000],
  ['a year', 31_536_000],
])('SCHED-TIMER-11 a delay of %s', async (_, delay) => {
  const { loop, run } = virtual;
  loop.callLater(delay, () => {
    seen.push(loop.time());
    loop.stop();
  });
  await run();
  expect(seen).toEqual([delay]);
});

test('SCHED-TIMER-11 an alarm is cut at what Node can hold, and an early one is set again', async () => {
  const delays: number[] = [];
  class Counting extends NodeHost {
    override arm(delay: number, alarm: () => void): void {
      delays.push(delay);
      super.arm(delay, alarm);
    }
  }
  const loop = new Scheduler({ host: new Counting() });
  loop.callLater(2 ** 31 / 1000 + 1, () => seen.push('early'));
  const run = loop.runForever();
  while (delays.length === 0) await quiet();
  await new Promise((resolve) => setTimeout(resolve, 30));
  loop.stop();
  await run;
  expect(seen).toEqual([]);
  expect(delays.length).toBe(1); // Node makes 1 ms of more than 2^31 - 1: the loop would come back again and again
  loop.close();
});

test('SCHED-TIMER-11 an infinite delay never fires and disturbs nobody', async () => {
  const { loop, host, run } = virtual;
  const timer = loop.callLater(Infinity, () => seen.push('never'));
  expect(timer.when()).toBe(Infinity);
  loop.callLater(1, () => seen.push('other'));
  loop.callLater(2, () => loop.stop());
  await run();
  expect(seen).toEqual(['other']);
  const waiting = loop.runForever();
  await host.turn();
  expect([host.armed, host.pending]).toEqual([null, 0]);
  loop.stop();
  await host.drive(waiting);
});

test('SCHED-TIMER-12 when() is what was given, whole or not', () => {
  const { loop } = virtual;
  expect([3, 2.25, -1, 0].map((when) => loop.callAt(when, nothing).when())).toEqual([3, 2.25, -1, 0]);
});

test.each<[string, (loop: Scheduler) => unknown, string]>([
  ['callLater with text', (loop) => loop.callLater('1' as never, nothing), 'TypeError'],
  ['callLater without delay', (loop) => loop.callLater(undefined as never, nothing), 'TypeError'],
  ['callLater with a bigint', (loop) => loop.callLater(1n as never, nothing), 'TypeError'],
  ['callAt(null)', (loop) => loop.callAt(null as never, nothing), 'TypeError'],
  ['callLater(NaN)', (loop) => loop.callLater(NaN, nothing), 'ValueError'],
  ['callAt(NaN)', (loop) => loop.callAt(NaN, nothing), 'ValueError'],
  ['callLater without callback', (loop) => loop.callLater(1, undefined as never), 'TypeError'],
  ['TimerHandle(null)', (loop) => new TimerHandle(null as never, nothing, [], loop), 'TypeError'],
])('SCHED-TIMER-13 %s is an error, and nothing is scheduled', async (_, call, name) => {
  const { loop, host } = virtual;
  expect(() => call(loop)).toThrow(expect.objectContaining({ name }));
  const run = loop.runForever();
  await host.turn();
  expect([host.armed, host.pending]).toEqual([null, 0]);
  loop.stop();
  await host.drive(run);
});

test('SCHED-TIMER-14 with one timer the loop sleeps until it is due and does not spin', async () => {
  let turns = 0;
  class Counting extends NodeHost {
    override scheduleTurn(turn: () => void): void {
      turns++;
      super.scheduleTurn(turn);
    }
  }
  const loop = new Scheduler({ host: new Counting() });
  const delays = [1e-2, 1e-4, 1e-6, 1e-8, 1e-10];
  const next = (): void => {
    const delay = delays.shift();
    if (delay === undefined) loop.stop();
    else loop.callLater(delay, next);
  };
  loop.callSoon(next);
  await loop.runForever();
  expect(turns).toBeLessThanOrEqual(20);
  loop.close();
});

test('SCHED-TIMER-15 cancelled timers go: from the head at once, in bulk when more than half of over a hundred are', async () => {
  const { loop, run } = virtual;
  const heap = (loop as unknown as { timers: { length: number } }).timers;
  const at = (when: number): TimerHandle => loop.callAt(when, () => seen.push(when));
  const iterate = (): Promise<void> => {
    loop.stop();
    return run();
  };
  const head = Array.from({ length: 30 }, (_, i) => at(10 + i));
  at(50);
  head.forEach((timer) => timer.cancel());
  await iterate();
  expect(heap.length).toBe(1); // the head

  const behind = Array.from({ length: 99 }, (_, i) => at(100 + i));
  behind.forEach((timer) => timer.cancel());
  await iterate();
  expect(heap.length).toBe(100); // behind a live one, and not more than a hundred

  const more = Array.from({ length: 100 }, (_, i) => at(300 + i));
  await iterate();
  expect(heap.length).toBe(200); // not more than half are cancelled
  more.slice(0, 2).forEach((timer) => timer.cancel());
  await iterate();
  expect(heap.length).toBe(99);

  loop.callAt(1000, () => loop.stop());
  await run();
  expect(seen).toEqual([50, ...Array.from({ length: 98 }, (_, i) => 302 + i)]);
});

test('SCHED-TIMER-15 the count of cancelled timers stays right however they end', async () => {
  const { loop, run } = virtual;
  const count = (): number => (loop as unknown as { cancelledTimers: number }).cancelledTimers;
  const timers = Array.from({ length: 60 }, (_, i) => loop.callAt(i % 3, () => seen.push(i)));
  timers.forEach((timer, i) => {
    if (i % 2 === 0) timer.cancel();
  });
  expect(count()).toBe(30);
  timers[0]!.cancel();
  expect(count()).toBe(30);
  loop.callAt(4, () => loop.stop());
  await run();
  expect(count()).toBe(0);
  timers[1]!.cancel(); // fired long ago
  expect(count()).toBe(0);
});

test('SCHED-TIMER-16 a due timer is served although the ready queue never empties', async () => {
  const loop = new Scheduler();
  const again = (): void => {
    loop.callSoon(again);
  };
  loop.callSoon(again);
  loop.callLater(0.002, () => loop.stop());
  await loop.runForever();
  loop.close();
});

test('an earlier timer made while the loop sleeps wakes it in time', async () => {
  const { loop, host } = virtual;
  loop.callLater(100, nothing);
  const run = loop.runForever();
  await host.turn();
  loop.callLater(1, () => loop.stop());
  loop.callLater(50, nothing);
  await host.turn();
  expect(host.armed).toBe(1);
  await host.drive(run);
});

test('debug mode warns once of a delay that looks like milliseconds', () => {
  const loop = new Scheduler({ debug: true });
  for (const delay of [3600, 4500, 7200.5, Infinity]) loop.callLater(delay, nothing);
  expect(audit.takeRecords()).toHaveLength(0);
  for (const delay of [5000, 60_000]) loop.callLater(delay, nothing);
  expect(audit.takeRecords().map(({ message }) => message)).toEqual([
    'callLater: a delay of 5000 seconds; times are in seconds, not milliseconds',
  ]);
  loop.close();
  audit.takeRecords();
});

test('LOOP-TIME-01 time is in seconds, monotonic, and finer than a millisecond', async () => {
  const loop = new Scheduler();
  const wall = jest.spyOn(Date, 'now').mockReturnValue(0);
  const times = Array.from({ length: 2000 }, () => loop.time());
  wall.mockRestore();
  for (let i = 1; i < times.length; i++) expect(times[i]!).toBeGreaterThanOrEqual(times[i - 1]!);
  expect(times.some((time) => (time * 1000) % 1 !== 0)).toBe(true);
  const [before, begin] = [loop.time(), process.hrtime.bigint()];
  loop.callLater(0.05, () => loop.stop());
  await loop.runForever();
  const [passed, real] = [loop.time() - before, Number(process.hrtime.bigint() - begin) / 1e9];
  expect(passed).toBeGreaterThanOrEqual(0.05);
  expect(passed / real).toBeGreaterThan(0.1);
  expect(passed / real).toBeLessThan(10);
  loop.close();
});

test('LOOP-TIME-02 a subclass that overrides time decides when timers are due', async () => {
  class Slow extends Scheduler {
    now = 0;
    override time(): number {
      return this.now;
    }
  }
  const loop = new Slow();
  loop.now = 1000;
  const timer = loop.callLater(5, () => seen.push(loop.time()));
  expect(timer.when()).toBe(1005);
  loop.now = 1004.9;
  await runOnce(loop);
  expect(seen).toEqual([]);
  loop.now = 1005;
  await runOnce(loop);
  expect(seen).toEqual([1005]);
  loop.close();
});

test('HANDLE-06 a TimerHandle is a Handle and keeps its time', async () => {
  const { loop, run } = virtual;
  const fired = loop.callLater(1, () => loop.stop());
  const cancelled = loop.callLater(2, nothing);
  cancelled.cancel();
  expect(fired).toBeInstanceOf(Handle);
  await run();
  expect([fired.when(), cancelled.when()]).toEqual([1, 2]);
});

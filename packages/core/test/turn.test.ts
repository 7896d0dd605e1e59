import { Scheduler, type Handle, type IoBackend, type ReadyJob, type ReadySink } from '@tsyncio/core';
import { leakAudit, quiet, ScriptedHost, recordExceptions } from '@tsyncio/test-support';
import { runOnce, virtualLoop } from './virtual-loop.js';

// Whole batches of 100,000, on machines that may be busy.
jest.setTimeout(60_000);

leakAudit();

test('a batch that is cut by the budget goes on in the next turn, in order, without I/O or timers in between', async () => {
  const host = new ScriptedHost();
  const polls: number[] = [];
  const seen: string[] = [];
  class Polled implements IoBackend {
    readonly active = true;
    attach(): void {}
    poll(): void {
      polls.push(seen.length);
    }
    arm(): void {}
    disarm(): void {}
    wake(): void {}
    close(): void {}
  }
  const loop = new Scheduler({ host, clock: host.clock, backend: new Polled() });
  const run = loop.runForever();
  const jobs = 1000;
  loop.callLater(1, () => seen.push('timer'));
  for (let i = 0; i < jobs; i++) {
    loop.callSoon(() => {
      seen.push(`${i}`);
      host.spend(0.0005);
      if (i === 0) host.clock.advance(2); // the timer is due from now on
    });
  }
  let turns = 0;
  while (seen.length < jobs) {
    await host.turn();
    turns++;
    loop.stop();
  }
  expect(turns).toBeGreaterThan(10);
  expect(seen).toEqual(Array.from({ length: jobs }, (_, i) => `${i}`));
  expect(polls).toEqual([0]);
  await host.drive(run);
  expect(seen).not.toContain('timer');
  await host.drive(runOnce(loop));
  expect(seen.at(-1)).toBe('timer');
  loop.close();
});

test('a turn may do several iterations while its budget lasts, and not one after it', async () => {
  const { loop, host } = virtualLoop();
  let iterations = 0;
  let cost = 0;
  const again = (): void => {
    iterations++;
    host.spend(cost);
    loop.callSoon(again);
  };
  loop.callSoon(again);
  const run = loop.runForever();
  cost = 0.00001;
  await host.turn();
  expect(iterations).toBeGreaterThanOrEqual(100); // a millisecond of them
  expect(iterations).toBeLessThanOrEqual(160);
  cost = 1;
  iterations = 0;
  await host.turn();
  expect(iterations).toBeLessThanOrEqual(32);
  loop.stop();
  await host.drive(run);
  loop.close();
});

test('slow callbacks are looked at one by one: a turn takes what its budget holds, and quick ones go unobserved again', async () => {
  const { loop, host } = virtualLoop();
  let looks = 0;
  const now = host.now.bind(host);
  host.now = () => {
    looks++;
    return now();
  };
  let jobs = 0;
  let cost = 0.0004;
  const again = (): void => {
    jobs++;
    host.spend(cost);
    loop.callSoon(again);
  };
  loop.callSoon(again);
  const run = loop.runForever();
  for (let i = 0; i < 6; i++) await host.turn(); // it learns
  for (let i = 0; i < 10; i++) {
    jobs = 0;
    await host.turn();
    expect(jobs).toBe(3); // 1.2 ms
  }
  cost = 0.000001;
  await host.turn();
  jobs = looks = 0;
  await host.turn();
  expect(jobs).toBeGreaterThanOrEqual(1000);
  expect(looks).toBeLessThan(40);
  loop.stop();
  await host.drive(run);
  loop.close();
});

test('a step of async code counts, and what Node has to do comes in between', async () => {
  const { loop, host } = virtualLoop();
  let steps = 0;
  for (let i = 0; i < 1000; i++) {
    loop.callSoon(async () => {
      await Promise.resolve();
      steps++;
      host.spend(0.0005);
    });
  }
  loop.stop();
  const run = loop.runForever();
  const counts: number[] = [];
  while (steps < 1000) {
    const before = steps;
    await host.turn();
    counts.push(steps - before);
  }
  await host.drive(run);
  expect(Math.max(...counts)).toBeLessThanOrEqual(10);
  loop.close();
});

test.each([
  ['callbacks', (loop: Scheduler, done: () => void) => loop.callSoon(done)],
  ['async callbacks', (loop: Scheduler, done: () => void) => loop.callSoon(async () => done())],
])(
  'a timer of Node goes on ticking while 100,000 %s run',
  async (_, schedule: (l: Scheduler, d: () => void) => Handle) => {
    const loop = new Scheduler();
    const total = 100_000;
    let left = total;
    let ticks = 0;
    const ticksAt: number[] = [];
    const timer = setInterval(() => {
      ticks++;
      ticksAt.push(total - left);
    }, 1);
    for (let i = 0; i < total; i++) {
      schedule(loop, () => {
        if (--left === 0) loop.stop();
      });
    }
    await loop.runForever();
    clearInterval(timer);
    loop.close();
    // In one turn, there would be none.
    expect(ticks).toBeGreaterThanOrEqual(5);
    expect(new Set(ticksAt).size).toBeGreaterThanOrEqual(5);
  },
);

test('an error that escapes a turn ends the run, the queue is intact, and the loop runs again', async () => {
  const host = new ScriptedHost();
  const seen: string[] = [];
  let broken = false;
  class Broken implements IoBackend {
    private sink: ReadySink | null = null;
    readonly active = true;
    attach(sink: ReadySink): void {
      this.sink = sink;
    }
    poll(): void {
      const job: ReadyJob = { run: () => seen.push('io'), cancelled: () => false };
      this.sink!.addReady(job);
      if (broken) throw new Error('of the backend');
    }
    arm(): void {}
    disarm(): void {}
    wake(): void {}
    close(): void {}
  }
  const loop = new Scheduler({ host, clock: host.clock, backend: new Broken() });
  loop.callSoon(() => {
    seen.push('a');
    loop.enqueue({
      run: () => {
        throw new Error('of a job');
      },
    });
    loop.callSoon(() => seen.push('b'));
  });
  await expect(host.drive(loop.runForever())).rejects.toThrow('of a job');
  expect([loop.isRunning(), host.held, host.armed]).toEqual([false, false, null]);
  broken = true;
  await expect(host.drive(loop.runForever())).rejects.toThrow('of the backend');
  broken = false;
  loop.stop();
  await host.drive(loop.runForever());
  expect(seen).toEqual(['a', 'io', 'b', 'io', 'io', 'io']);
  loop.close();
});

test('an exit error is of its own run: none is left over for the next', async () => {
  const { loop, host } = virtualLoop();
  loop.enqueue({
    run: () => {
      loop.abortRun(new Error('set aside'));
      throw new Error('thrown');
    },
  });
  await expect(host.drive(loop.runForever())).rejects.toThrow('thrown');
  loop.stop();
  await host.drive(loop.runForever());
  const reports = recordExceptions(loop);
  loop.abortRun(new Error('nobody runs'));
  expect(reports).toHaveLength(1);
  loop.stop();
  await host.drive(loop.runForever());
  loop.close();
});

test('calls of the host that come for nothing, or twice, do no harm', async () => {
  const { loop, host } = virtualLoop();
  const run = loop.runForever();
  await host.turn();
  loop.stop();
  loop.callSoon(() => undefined);
  expect(host.pending).toBe(1);
  await host.turn();
  await run;
  const again = loop.runForever();
  loop.stop();
  await host.drive(again);
  await quiet();
  expect(host.pending).toBe(0);
  loop.close();
});

test('a turn asked for by a run that is over serves the next one, or nobody', async () => {
  const { loop, host } = virtualLoop();
  const run = loop.runForever();
  loop.stop();
  await host.turn();
  await run;
  const second = loop.runForever();
  expect(host.pending).toBe(1);
  loop.stop();
  await host.drive(second);
  loop.close();
  while (host.pending > 0) await host.turn();
});

test('the program is held while a run is on, and only then', async () => {
  const { loop, host } = virtualLoop();
  loop.callSoon(() => undefined);
  loop.callLater(1, () => undefined);
  expect(host.held).toBe(false);
  const run = loop.runForever();
  expect(host.held).toBe(true);
  loop.stop();
  await host.drive(run);
  expect([host.held, host.armed, host.pending]).toEqual([false, null, 0]);
  loop.close();
});

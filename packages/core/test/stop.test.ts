import { Scheduler, type IoBackend, type ReadyJob, type ReadySink } from '@tsyncio/core';
import { leakAudit, quiet } from '@tsyncio/test-support';
import { runOnce, virtualLoop } from './virtual-loop.js';

leakAudit();

/** A backend that finds `job` at the next poll, once. */
class OneShot implements IoBackend {
  polls: number[] = [];
  armed = 0;
  job: ReadyJob | null = null;
  private sink: ReadySink | null = null;

  get active(): boolean {
    return true;
  }

  attach(sink: ReadySink): void {
    this.sink = sink;
  }

  poll(timeout: number): void {
    this.polls.push(timeout);
    if (this.job !== null) this.sink!.addReady(this.job);
    this.job = null;
  }

  arm(): void {
    this.armed++;
  }

  disarm(): void {}
  wake(): void {}
  close(): void {}
}

test('LOOP-STOP-01 stop before a run: one poll without waiting, then the queue, the ready descriptors, the due timers', async () => {
  const backend = new OneShot();
  const loop = new Scheduler({ backend });
  const seen: string[] = [];
  loop.callAt(loop.time() - 1, () => seen.push('timer'));
  loop.callSoon(() => {
    seen.push('soon');
    loop.callSoon(() => seen.push('late'));
  });
  backend.job = { run: () => seen.push('reader'), cancelled: () => false };
  loop.stop();
  await loop.runForever();
  expect(seen).toEqual(['soon', 'reader', 'timer']);
  expect([backend.polls, backend.armed]).toEqual([[0], 0]);
  loop.close();
});

test('LOOP-STOP-01 stop before a run with nothing to do', async () => {
  const backend = new OneShot();
  const loop = new Scheduler({ backend });
  await runOnce(loop);
  expect([backend.polls, backend.armed]).toEqual([[0], 0]);
  loop.close();
});

test('LOOP-STOP-02 callbacks behind stop() in the batch run, those scheduled during it do not', async () => {
  const loop = new Scheduler();
  const seen: string[] = [];
  loop.callSoon(() => {
    seen.push('a');
    loop.stop();
    loop.callSoon(() => seen.push('late'));
  });
  loop.callSoon(() => seen.push('b'));
  await loop.runForever();
  expect(seen).toEqual(['a', 'b']);
  loop.close();
});

test('LOOP-STOP-03 what a stop has left over runs first in the next run', async () => {
  const loop = new Scheduler();
  const seen: string[] = [];
  loop.callSoon(() => {
    loop.stop();
    loop.callSoon(() => seen.push('left over'));
  });
  await loop.runForever();
  loop.callSoon(() => seen.push('later'));
  await runOnce(loop);
  expect(seen).toEqual(['left over', 'later']);
  loop.close();
});

test('LOOP-STOP-04 stop gives nothing back, several count as one, and none outlives its run', async () => {
  const { loop, host } = virtualLoop();
  expect([loop.stop(), loop.stop()]).toEqual([undefined, undefined]);
  await host.drive(loop.runForever());
  const run = loop.runForever();
  await host.turn();
  expect([loop.isRunning(), host.pending]).toEqual([true, 0]);
  loop.stop();
  loop.stop();
  expect(host.pending).toBe(1);
  await host.drive(run);
  loop.close();
  expect(loop.stop()).toBeUndefined();
});

test('LOOP-STOP-05 stop from a callback of Node ends a sleeping run promptly: it is the same thread', async () => {
  const loop = new Scheduler();
  loop.callLater(3600, () => undefined);
  const run = loop.runForever();
  await quiet();
  loop.stop();
  await run;
  loop.close();
});

test('LOOP-STOP-06 what the final iteration finds ready is dispatched in it, and only then', async () => {
  const backend = new OneShot();
  const loop = new Scheduler({ backend });
  const seen: string[] = [];
  const job = { run: () => seen.push('reader'), cancelled: () => false };
  loop.callSoon(() => loop.stop());
  backend.job = job;
  await loop.runForever();
  expect(seen).toEqual(['reader']);
  await runOnce(loop);
  expect(seen).toEqual(['reader']);
  backend.job = { ...job, cancelled: () => true };
  await runOnce(loop);
  expect(seen).toEqual(['reader']);
  loop.close();
});

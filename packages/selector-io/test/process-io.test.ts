import type { ChildStatus } from '@tsyncio/socket';
import { E, hasEnded, killProcess, reap, spawnProcess } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { eachSelector } from '@tsyncio/test-support/loops/selectors';

leakAudit();

/** Starts a program without streams of its own. */
function spawn(...args: string[]): number {
  const pid = spawnProcess({
    file: Buffer.from('/bin/sh'),
    search: false,
    args: ['sh', ...args].map((arg) => Buffer.from(arg)),
    env: [`PATH=${process.env['PATH']}`],
    cwd: null,
    stdio: [-1, -1, -1],
    keep: [],
    closeOthers: true,
    newSession: false,
    restoreSignals: true,
  });
  expect(pid).toBeGreaterThan(0);
  return pid;
}

const busyUntil = (condition: () => boolean): void => {
  const end = Date.now() + 5000;
  while (!condition() && Date.now() < end);
  expect(condition()).toBe(true);
};

eachSelector((makeLoop) => {
  test('the end of a child is told once, and it is reaped', async () => {
    const loop = makeLoop();
    const statuses: ChildStatus[] = [];
    await loop.runUntilComplete(async () => {
      for (const [command, expected] of [
        ['exit 3', 3],
        ['kill -9 $$', -9],
      ] as const) {
        const told = loop.createFuture<void>();
        const pid = spawn('-c', command);
        loop.backend.watchExit(
          pid,
          (status) => {
            statuses.push(status);
            told.setResult();
          },
          loop,
        );
        await told;
        expect(statuses.pop()).toBe(expected);
        expect(reap(pid)).toBeNull(); // no such child any more
      }
    });
    expect(statuses).toEqual([]);
    loop.close();
  });

  test('one that ended before, one that somebody else has reaped, and none at all', async () => {
    const loop = makeLoop();
    await loop.runUntilComplete(async () => {
      const ended = spawn('-c', 'exit 4');
      busyUntil(() => hasEnded(ended));
      const first = loop.createFuture<ChildStatus>();
      loop.backend.watchExit(ended, (status) => first.setResult(status), loop);
      expect(await first).toBe(4);

      const taken = spawn('-c', 'exit 5');
      const second = loop.createFuture<ChildStatus>();
      loop.backend.watchExit(taken, (status) => second.setResult(status), loop);
      expect(reap(taken, true)).toBe(5);
      expect(await second).toBeNull();

      expect(() => loop.backend.watchExit(taken, () => undefined, loop)).toThrow('ESRCH');
    });
    loop.close();
  });

  test('stop: nobody is told, and the child is not reaped; again, and after the backend was closed', async () => {
    const loop = makeLoop();
    let told = 0;
    const pid = spawn('-c', 'exit 6');
    const other = spawn('-c', 'sleep 30');
    const watches = [pid, other].map((each) => loop.backend.watchExit(each, () => told++, loop));
    watches[0]!.stop();
    watches[0]!.stop();
    await loop.runUntilComplete(async () => busyUntil(() => hasEnded(pid)));
    loop.close();
    watches[1]!.stop();
    expect(told).toBe(0);
    expect(reap(pid)).toBe(6);
    expect(hasEnded(other)).toBe(false);
    expect(reap(other)).toBeUndefined();
    expect([killProcess(other, 0), killProcess(other, 9999), killProcess(other, 9)]).toEqual([0, -E.EINVAL, 0]);
    expect(reap(other, true)).toBe(-9);
    expect(killProcess(other, 0)).toBe(-E.ESRCH);
  });
});

import { closeSync, readFileSync, readSync, writeSync } from 'node:fs';

import { TaskLoop } from '@tsyncio/futures-tasks';
import {
  addReader,
  EpollSelector,
  PollSelector,
  removeReader,
  SelectorIo,
  type SelectorKey,
} from '@tsyncio/selector-io';
import { Epoll } from '@tsyncio/socket/native';
import { leakAudit } from '@tsyncio/test-support';

import { eventfd } from './support/kernel-objects.js';

leakAudit();

const COUNT = 10_000;
const ROUNDS = 50;
const one = Buffer.from(new BigUint64Array([1n]).buffer);

/** How many descriptors this process may have. */
const limit = Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
const testMany = limit > COUNT + 200 ? test : test.skip;

/** Counts what a loop asks of its selector, and what it is told. */
class Counts {
  harvests = 0;
  visits = 0;

  constructor(selector: EpollSelector | PollSelector) {
    const harvest = selector.harvest.bind(selector);
    selector.harvest = (timeout, visit) => {
      this.harvests++;
      harvest(timeout, (key: SelectorKey, events: number) => {
        this.visits++;
        visit(key, events);
      });
    };
  }
}

async function work(selector: EpollSelector | PollSelector, count: number): Promise<void> {
  const counts = new Counts(selector);
  const loop = new TaskLoop({ backend: new SelectorIo(selector) });
  const fds = Array.from({ length: count }, eventfd);
  const active = fds[count >> 1]!;
  let wrong = 0;
  let rounds = 0;
  let changes: jest.SpyInstance[] = [];
  for (const fd of fds) addReader(loop, fd, () => void wrong++);
  addReader(loop, active, () => {
    readSync(active, Buffer.alloc(8));
    rounds++;
    // The loop has slept, so the kernel knows of all.
    if (rounds === 1) {
      changes = (['add', 'modify', 'remove'] as const).map((name) => jest.spyOn(Epoll.prototype, name));
      counts.harvests = counts.visits = 0;
    }
    if (rounds > ROUNDS) loop.stop();
    else setImmediate(() => writeSync(active, one)); // it sleeps again
  });
  const arm = loop.backend.arm.bind(loop.backend);
  jest.spyOn(loop.backend, 'arm').mockImplementationOnce((turn) => {
    arm(turn);
    setImmediate(() => writeSync(active, one));
  });
  await loop.runForever();

  expect(changes.map((change) => change.mock.calls.length)).toEqual([0, 0, 0]);
  expect([counts.visits, wrong]).toEqual([ROUNDS, 0]);
  // One that finds it, and one that finds nothing more to do.
  expect(counts.harvests).toBeLessThanOrEqual(2 * ROUNDS);
  jest.restoreAllMocks();
  for (const fd of fds) removeReader(loop, fd);
  loop.close();
  for (const fd of fds) closeSync(fd);
}

describe.each([
  ['EpollSelector', EpollSelector],
  ['PollSelector', PollSelector],
])('%s', (_name, Selector) => {
  test('one descriptor watched: what an iteration does', () => work(new Selector(), 1));

  testMany(`${COUNT} watched and one active: it does no more (open files are limited to ${limit})`, () =>
    work(new Selector(), COUNT),
  );
});
